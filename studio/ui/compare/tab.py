"""The Compare tab: one question, several methods and seeds, side by side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from backends.core import Request
from backends.errors import StudioError
from backends.regions.spec import RegionSpec
from studio import export
from studio.runs.comparison import MOST, NONE, Comparison, Comparisons, questions, seeds_of
from studio.ui.compare import markup as columns
from studio.ui.shared import canvas, form, markup
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.factual import Factual
from studio.ui.shared.requests import error_text, owner_of, running, sentence, show_errors
from studio.ui.shared.static import static_text

__all__ = ["CompareTab"]

TINT = (255, 150, 0)  # of the region, as on the canvas
FIRST = "Choose a picture and what the model should say in the Explain tab; then come back."


class CompareTab:
    """The tab, laid out inside the current Blocks and wired to the controllers.

    :param asked: the Explain tab's controls that make up the question: picture, mask, how the
        mask was made, region, target.
    :ivar comparisons: those of this process.
    """

    def __init__(
        self, controllers: Controllers, asked: Sequence[Any], tabs: gr.Tabs, tab: gr.Tab
    ) -> None:
        first = controllers.first
        self.controllers, self._asked = controllers, asked
        self.comparisons = Comparisons(first.runs, first.results, first.study)
        self._methods = controllers.methods()
        self._titles = {name: entry["title"] for name, entry in self._methods.items()}
        self._which = gr.State("")
        with gr.Row():
            self._lay_out_question(first)
        self._status = gr.HTML(elem_id="compare-status")
        self._lay_out_answers()
        self._wire(tabs, tab)

    def opened(self, controller: BundleController) -> dict[Any, Any]:
        """Updates for another bundle."""
        return {
            self._names: gr.update(**_offered(controller)), self._question: markup.hint(FIRST),
        }  # fmt: skip

    # ------------------------------------------------------------------ layout

    def _lay_out_question(self, first: BundleController) -> None:
        with gr.Column(scale=4, min_width=280):
            gr.Markdown("### 1 · Question")
            self._question = gr.HTML(markup.hint(FIRST), elem_id="compare-question")
            self._change = gr.Button(
                "Change the question in the Explain tab", size="sm", elem_id="compare-change"
            )
        with gr.Column(scale=6, min_width=320):
            gr.Markdown("### 2 · Methods and seeds")
            self._names = gr.CheckboxGroup(
                **_offered(first), label="Methods", elem_id="compare-methods",
                info="Each runs with its default settings; the Explain tab has them all",
            )  # fmt: skip
            self._seeds = gr.Textbox(
                "0", label="Seeds", elem_id="compare-seeds", max_lines=1,
                info=f"0, or 0,1,2, or 0-3: each method runs once a seed, at most {MOST} runs",
            )  # fmt: skip
            self._go = gr.Button("Compare", variant="primary", elem_id="compare-run")
            self._stop = gr.Button("Stop", variant="stop", elem_id="compare-stop", visible=False)

    def _lay_out_answers(self) -> None:
        with gr.Row(elem_id="compare-columns"):
            self._first = gr.HTML(visible=False, elem_classes="column")
            self._places = [gr.HTML(visible=False, elem_classes="column") for _ in range(MOST)]
        self._table = gr.HTML(elem_id="compare-table", js_on_load=static_text("sort.js"))
        self._choice = gr.Radio(
            [], label="Which one convinces you?", elem_id="convincing", visible=False,
            info="Kept with these answers, in the zip and, without your name, for the study",
        )  # fmt: skip
        self._chosen = gr.HTML(elem_id="convincing-status")
        self._download = gr.DownloadButton(
            "Download the comparison (zip)", elem_id="compare-download", visible=False
        )

    def _wire(self, tabs: gr.Tabs, tab: gr.Tab) -> None:
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        tab.select(
            self._put_question, [*self._asked, self._which], [self._question, self._status],
            js=canvas.READ_MASK, queue=False, **quiet,
        )  # fmt: skip
        self._change.click(
            lambda: gr.Tabs(selected="explain"), None, tabs, queue=False, api_visibility="private"
        )
        self._go.click(
            self._compare, [*self._asked, self._names, self._seeds],
            [
                self._question, self._which, self._status, self._first, *self._places, self._table,
                self._choice, self._chosen, self._download, self._go, self._stop,
            ],
            js=canvas.READ_MASK, api_visibility="private", show_progress="hidden",
            concurrency_limit=8,
        )  # fmt: skip
        self._stop.click(self._ask_to_stop, self._which, self._status, queue=False, **quiet)
        self._choice.input(
            self._choose, [self._choice, self._which],
            [*self._places, self._chosen, self._download],
            trigger_mode="always_last",  # a choice while the last one is noted counts too
            **quiet,
        )  # fmt: skip

    # ------------------------------------------------------------------ what a person does

    def _request(
        self, seen: Factual | None, painted: str, story: str, source: str, wanted: str
    ) -> Request:
        controller, factual = self.controllers.of(seen)
        region = RegionSpec.chosen(source, story)
        name = next(iter(controller.methods()), "")
        asked = controller.request(factual.pixels, painted, region, wanted, name, {}, 0)
        return replace(asked, placement=factual.placement, original=factual.original)

    def _put_question(self, request: gr.Request, *values: Any) -> tuple[Any, Any]:
        """The present question, and whether the answers below are to another one."""
        *asked, which = values
        try:
            present = self._request(*asked)
        except StudioError as error:
            return markup.hint(FIRST if asked[0] is None else sentence(error)), gr.skip()
        if not which:
            return _question(present), gr.skip()
        try:
            comparison = self.comparisons.get(which, owner_of(request))
        except StudioError:  # no longer kept
            return _question(present), gr.skip()
        if not comparison.ended:
            return _question(present), gr.skip()
        rows, before = comparison.rows(), comparison.requests[0]
        told = columns.summary(rows, before.target)
        if not _alike(present, before):
            told = markup.notice(
                "warning",
                f"The answers below are to an earlier question ({before.target}). Press Compare "
                "for the present one.",
            )
        return _question(present), told

    async def _compare(
        self, request: gr.Request, seen: Any, painted: str, story: str, source: str, wanted: str,
        picked: list[str], numbers: str,
    ) -> AsyncIterator[dict[Any, Any]]:  # fmt: skip
        start = time.monotonic()
        try:
            one = await asyncio.to_thread(self._request, seen, painted, story, source, wanted)
            ordered = [name for _, name in form.method_choices(self._methods) if name in picked]
            comparison = self.comparisons.open(
                owner_of(request), questions(one, ordered, seeds_of(numbers))
            )
            begun = await asyncio.to_thread(self._begun, comparison)
            yield begun | {self._status: markup.waiting(0)}
            count = len(comparison.requests)
            async with aclosing(self.comparisons.follow(comparison)) as news:
                async for i in news:
                    name = _name(comparison.requests[i], self._titles)
                    seconds = time.monotonic() - start
                    column = await asyncio.to_thread(_column, comparison, i, self._titles)
                    yield {
                        self._places[i]: column,
                        self._status: columns.progress(i, count, name, seconds),
                    }
            yield await asyncio.to_thread(self._ended, comparison)
        except Exception as error:  # whatever happened, the page must go on working
            failed = markup.failure(error_text(error, "the comparison"))
            yield running(self._go, self._stop, False) | {self._status: failed}

    def _ask_to_stop(self, shown: str, request: gr.Request) -> Any:
        with show_errors():
            self.comparisons.get(shown, owner_of(request)).stop()
        return markup.stopping()

    def _choose(self, picked: str, shown: str, request: gr.Request) -> dict[Any, Any]:
        with show_errors():
            comparison = self.comparisons.get(shown, owner_of(request))
        file = self.controllers.first.study.file.name
        try:
            self.comparisons.choose(comparison, picked)
            noted = f"Noted, also in the study’s {file}. You may change your mind."
            notice = markup.notice("success", noted)
        except StudioError as error:
            notice = markup.failure(str(error))
        return self._filled(comparison) | {
            self._chosen: notice, self._download: self.comparisons.archive(comparison),
        }  # fmt: skip

    # ------------------------------------------------------------------ what is shown when

    def _begun(self, comparison: Comparison) -> dict[Any, Any]:
        """A place for each run, and nothing of an earlier comparison."""
        requests = comparison.requests
        shown: dict[Any, Any] = {
            place: gr.HTML("", visible=False) for place in self._places[len(requests) :]
        }
        for place, request in zip(self._places, requests, strict=False):
            content = columns.waiting(self._titles[request.method], request.seed)
            shown[place] = gr.HTML(content, visible=True)
        picture = _small(export.as_picture(requests[0].picture))
        return shown | running(self._go, self._stop, True) | {
            self._which: comparison.id, self._question: _question(requests[0]),
            self._first: gr.HTML(columns.factual(picture), visible=True),
            self._table: "", self._chosen: "", self._choice: gr.update(visible=False),
            self._download: gr.update(visible=False),
        }  # fmt: skip

    def _filled(self, comparison: Comparison) -> dict[Any, Any]:
        """Every column in its present state."""
        used = self._places[: len(comparison.requests)]
        return {place: _column(comparison, i, self._titles) for i, place in enumerate(used)}

    def _ended(self, comparison: Comparison) -> dict[Any, Any]:
        """Every column as it ended, the table, and what to do with them."""
        rows, answered = comparison.rows(), comparison.answered
        shown = self._filled(comparison) | running(self._go, self._stop, False)
        options = [(_name(run.request, self._titles), run.id) for run in answered]
        if answered and answered[0].answer:
            picture = _small(export.as_picture(comparison.requests[0].picture))
            label = answered[0].answer.record["factual"]["label"]
            shown[self._first] = columns.factual(picture, label)
        return shown | {
            self._status: columns.summary(rows, comparison.requests[0].target),
            self._table: columns.table(
                [*rows, *comparison.alternatives()], self._titles,
                self.controllers.first.about["metrics"],
            ),
            self._choice: gr.update(
                choices=[*options, ("None of them", NONE)], value=None, visible=bool(options)
            ),
            self._download: gr.update(value=self.comparisons.archive(comparison), visible=True),
        }  # fmt: skip


def _alike(a: Request, b: Request) -> bool:
    """Whether two requests ask the same, whatever the method."""
    first, second = (np.zeros(0) if r.mask is None else r.mask for r in (a, b))
    return (
        (a.bundle, a.model, a.target, a.region) == (b.bundle, b.model, b.target, b.region)
        and np.array_equal(a.picture, b.picture)
        and np.array_equal(first, second)
    )


def _offered(controller: BundleController) -> dict[str, Any]:
    """The methods that can run, and which of them are ticked at first."""
    methods = controller.methods()
    folded = form.folded(controller.about["methods"])
    return {
        "choices": form.method_choices(methods), "value": [n for n in methods if n not in folded]
    }  # fmt: skip


def _name(request: Request, titles: dict[str, str]) -> str:
    return f"{titles[request.method]}, seed {request.seed}"


def _small(picture: Image.Image) -> str:
    return canvas.preview(picture, 320)


def _question(asked: Request) -> str:
    """The factual with its region, and what is asked."""
    picture = export.as_picture(asked.picture).convert("RGB")
    where = RegionSpec.parse(asked.region, given=True).describe()
    if asked.mask is not None:
        mask = Image.fromarray(((asked.mask > 0) * 115).astype("uint8"))
        picture.paste(Image.new("RGB", picture.size, TINT), mask=mask)
        where += f", {(asked.mask > 0).mean():.1%} of the picture"
    return columns.question(_small(picture), asked.target, where)


def _column(comparison: Comparison, i: int, titles: dict[str, str]) -> str:
    """A run's column in its present state."""
    request, run = comparison.requests[i], comparison.runs[i]
    title, seed = titles[request.method], request.seed
    if run is None:
        if comparison.ended:
            return columns.unanswered(title, seed, "not_started", "stopped before its turn")
        return columns.waiting(title, seed)
    if run.answer and run.ended:
        picture = _small(export.as_picture(run.answer.counterfactual))
        heat = _small(export.absolute_difference(run.answer))
        row = comparison.row(i)
        chosen = comparison.choice == run.id
        others = [
            (_small(export.as_picture(other.counterfactual)), its)
            for other, its in zip(
                run.answer.alternatives.values(), comparison.alternatives(run), strict=True
            )
        ]  # fmt: skip
        return columns.answered(title, seed, picture, heat, row, others, chosen=chosen)
    if run.ended:
        return columns.unanswered(title, seed, run.state, run.reason)
    if not run.frames:
        return columns.going(title, seed, None)
    frame = run.frames[-1]
    picture = _small(export.as_picture(frame.picture))
    return columns.going(title, seed, picture, frame.index, frame.total, frame.target_probability)
