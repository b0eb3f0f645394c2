"""A slider from the picture as it is to the answer; the picture follows it in the browser."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import gradio as gr

from backends.core import Frame
from backends.service.live_path import LivePath, live_path
from studio import export
from studio.runs.asking import follow
from studio.templates import render
from studio.translation import N_, _
from studio.ui.explain.asked import PosedQuestion, QuestionReader
from studio.ui.shared import canvas, markup
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import error_text, owner_of, running
from studio.ui.shared.static import static_text

__all__ = ["LivePathPanel"]

SIDE = 256  # pixels of a photograph on the way
FIRST = N_(
    "Compute the way from your picture to the answer once, then move through it with your finger "
    "or the arrow keys."
)


class LivePathPanel:
    """The panel, laid out inside the current Blocks.

    :ivar places: what :meth:`clear` updates.
    """

    def __init__(self, question: QuestionReader) -> None:
        self.question = question
        self._numbers = itertools.count()
        self._jobs: dict[str, asyncio.Event] = {}  # by owner, set to stop
        self._asked = gr.State(None)
        with gr.Row(elem_classes="told"):
            self._status = gr.HTML(markup.hint(FIRST), elem_id="live-status")
            self._go = gr.Button(_("Compute the way"), elem_id="live-run", scale=0, min_width=200)
            self._stop = gr.Button(
                _("Stop"),
                variant="stop",
                elem_id="live-stop",
                visible=False,
                scale=0,
                min_width=200,
            )
        self._slider = gr.HTML(
            elem_id="live-path",
            html_template=str(render("widgets.html", "live_path")),
            js_on_load=static_text("live_path.js"),
            way="",
        )
        self.places = [self._status, self._slider, self._asked]

    def clear(self) -> dict[Any, Any]:
        """Updates that leave nothing of a way from another picture."""
        return {
            self._status: markup.hint(FIRST), self._slider: gr.update(way=""), self._asked: None,
        }  # fmt: skip

    def wire(self) -> None:
        """Let the controls act."""
        self._go.click(
            self._compute_way, self.question.inputs, [*self.places, self._go, self._stop],
            js=canvas.READ_MASK, concurrency_limit=8, **QUIET,
        )  # fmt: skip
        self._stop.click(self._stop_way, None, self._status, queue=False, **QUIET)
        method = self.question.methods.method
        for control in (self.question.target, method):
            control.change(
                self._mark_way, [self._asked, self.question.target, method], self._status,
                queue=False, preprocess=False, **QUIET,
            )  # fmt: skip

    async def _compute_way(
        self, request: gr.Request, *values: Any
    ) -> AsyncIterator[dict[Any, Any]]:
        owner = owner_of(request)
        try:
            asked = await self.question.read(values)
            asked.controllers.use(owner)
            yield self.clear() | running(self._go, self._stop, True) | {
                self._status: markup.waiting(0)
            }  # fmt: skip
            stop = self._jobs[owner] = asyncio.Event()
            work = functools.partial(live_path, asked.request)
            way = None
            async with aclosing(follow(asked.controller.runs.engine, owner, work)) as news:
                async for item in news:
                    if stop.is_set() or not asked.still(owner):
                        break
                    if isinstance(item, LivePath):
                        way = item
                    elif item.index % 5 == 1:  # enough for an eye
                        yield {self._status: _progress(item)}
            idle = running(self._go, self._stop, False)
            if not asked.still(owner):
                yield idle | self.clear()
            elif way is None:
                yield idle | {self._status: markup.hint(f"{_('Stopped.')} {_(FIRST)}")}
            else:
                yield idle | await asyncio.to_thread(self._shown, asked, way)
        except Exception as error:  # whatever happened, the page must go on working
            failed = markup.failure(error_text(error, N_("the way")))
            yield running(self._go, self._stop, False) | {self._status: failed}
        finally:
            self._jobs.pop(owner, None)

    def _stop_way(self, request: gr.Request) -> Any:
        stop = self._jobs.get(owner_of(request))
        if stop is None:
            return gr.skip()
        stop.set()
        return markup.stopping()

    def _mark_way(self, asked: list[str] | None, wanted: str | None, name: str | None) -> Any:
        """Say that the way is to another target, or by another method, than the controls ask."""
        if not asked:
            return gr.skip()
        if asked[:2] == [wanted, name]:
            return asked[2]
        return markup.notice(
            "warning",
            _(
                "This way is to {target}, by {method}: another question than above.",
                target=asked[0],
                method=asked[1],
            ),
        )

    def _shown(self, asked: PosedQuestion, way: LivePath) -> dict[Any, Any]:
        told = _summary(way)
        content = {
            "number": next(self._numbers),  # the same way computed again is news
            "pictures": [canvas.preview(export.as_picture(p), SIDE) for p in way.pictures],
            "pixelated": max(way.pictures.shape[1:3]) <= canvas.SMALL,
            "target": way.target, "p": way.probabilities, "says": way.labels,
            "at": way.positions, "steps": way.steps, "flips": way.flips,
            "about": _("To “{target}” {sentence}.", target=way.target, sentence=asked.sentence),
        }  # fmt: skip
        return {
            self._slider: gr.update(way=json.dumps(content)), self._status: told,
            self._asked: [asked.request.target, asked.request.method, told],
        }  # fmt: skip


def _progress(frame: Frame) -> str:
    return markup.progress_line(
        frame.index, frame.total, frame.phase, frame.seconds, frame.target_probability, "target"
    )


def _summary(way: LivePath) -> str:
    if way.flips is None:
        return markup.notice(
            "warning",
            _(
                "The model never comes to say “{target}” and stay with it on this way.",
                target=way.target,
            ),
        )
    share = way.positions[way.flips] / way.steps
    return markup.notice(
        "success",
        _(
            "From {share:.0%} of the way on the model says “{target}”.",
            share=share,
            target=way.target,
        ),
    )
