"""Several runs of one question under way, in a grid that fills."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import gradio as gr

from studio.runs.series import Series
from studio.translation import N_, _
from studio.ui.explain.asked import PosedQuestion
from studio.ui.shared import markup
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import error_text, owner_of, running

__all__ = ["SeriesView"]


class SeriesView:
    """Status, buttons and grid of a series, laid out inside the current Blocks.

    :param name: prefix of the elements' ids.
    :param action: what the button says.
    :param first: what to do, while there is nothing.
    :param script: of the grid.
    :ivar places: what :meth:`clear` updates.
    """

    def __init__(self, name: str, action: str, first: str, script: str | None = None) -> None:
        self._first = first
        self._open: dict[str, Series] = {}
        self.asked = gr.State(None)
        with gr.Row(elem_classes="told"):
            self.status = gr.HTML(markup.hint(first), elem_id=f"{name}-status")
            self.go = gr.Button(action, elem_id=f"{name}-run", scale=0, min_width=200)
            self.stop = gr.Button(
                _("Stop"),
                variant="stop",
                elem_id=f"{name}-stop",
                visible=False,
                scale=0,
                min_width=200,
            )
        self.grid = gr.HTML(elem_id=f"{name}-grid", js_on_load=script)
        self.places = [self.status, self.grid, self.asked]

    def clear(self) -> dict[Any, Any]:
        """Updates that leave nothing of answers about another picture."""
        return {self.status: markup.hint(self._first), self.grid: "", self.asked: None}

    def leave(self, owner: str) -> None:
        """Stop what a closed page has under way."""
        if series := self._open.pop(owner, None):
            series.stop()

    def wire(self, watched: list[Any]) -> None:
        """Let Stop act, and mark answers that are to another question than the ``watched``
        controls ask."""
        self.stop.click(self._stop_series, None, self.status, queue=False, **QUIET)
        for control in watched:
            control.change(
                self._mark_series, [self.asked, *watched], self.status, queue=False,
                preprocess=False, **QUIET,
            )  # fmt: skip

    async def follow(
        self, owner: str, asked: PosedQuestion, series: Series, watched: list[Any],
        show: Callable[[Series], str], end: Callable[[Series], tuple[str, str]],
    ) -> AsyncIterator[dict[Any, Any]]:  # fmt: skip
        """Carry a series out: updates whenever a run ends, and each second.

        :param watched: values of the watched controls.
        :param show: the grid in its present state.
        :param end: the grid at the end, and the status.
        """
        self._open[owner] = series
        count, done, start = len(series.requests), -1, time.monotonic()
        yield {self.grid: show(series), self.status: markup.waiting(0)} | running(
            self.go, self.stop, True
        )
        async with aclosing(series.follow(asked.controller.runs, gap=1.0)) as news:
            async for _news in news:
                if not asked.still(owner):
                    yield running(self.go, self.stop, False) | self.clear()
                    return
                ended = sum(bool(run and run.ended) for run in series.runs)
                seconds = time.monotonic() - start
                text = _(
                    "{ended} of {count} answers · {seconds:.0f} s so far",
                    ended=ended,
                    count=count,
                    seconds=seconds,
                )
                shown: dict[Any, Any] = {self.status: markup.notice("going", text)}
                if ended != done:
                    done, shown[self.grid] = ended, await asyncio.to_thread(show, series)
                yield shown
        grid, told = await asyncio.to_thread(end, series)
        yield running(self.go, self.stop, False) | {
            self.grid: grid, self.status: told, self.asked: [*watched, told]
        }  # fmt: skip

    def failed(self, error: Exception) -> dict[Any, Any]:
        """Updates that say why there are no answers."""
        told = markup.failure(error_text(error, N_("the answers")))
        return running(self.go, self.stop, False) | {self.status: told}

    def _stop_series(self, request: gr.Request) -> Any:
        series = self._open.get(owner_of(request))
        if series is None or series.ended:
            return gr.skip()
        series.stop()
        return markup.stopping()

    def _mark_series(self, asked: list[Any] | None, *now: Any) -> Any:
        if not asked:
            return gr.skip()
        *before, told = asked
        if before == list(now):
            return told
        return markup.notice(
            "warning",
            _("These answers are to an earlier question: {before}.", before=" by ".join(before)),
        )
