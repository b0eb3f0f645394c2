"""The Compare tab: one question, several methods, settings, seeds and models, side by side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np
from markupsafe import Markup

from backends.core import Request
from backends.errors import NotFound, StudioError
from backends.regions.spec import RegionSpec
from studio.runs.comparison import MOST, NONE, Comparison, Comparisons
from studio.runs.rows import spreads
from studio.translation import N_, _
from studio.ui.compare import markup as words
from studio.ui.compare.asking import ComparisonInput
from studio.ui.compare.columns import Columns, question
from studio.ui.compare.table import table
from studio.ui.compare.take_away import ComparisonTakeAway
from studio.ui.shared import canvas, markup
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.factual import Factual
from studio.ui.shared.label_controller import LabelController
from studio.ui.shared.offered_file import offered_file
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import error_text, owner_of, running, sentence, show_errors
from studio.ui.shared.static import static_text

__all__ = ["CompareTab"]

FIRST = N_("Choose a picture and what the model should say in the Explain tab; then come back.")


class CompareTab:
    """The tab, laid out inside the current Blocks and wired to the controllers.

    :param labels: knows which models a visitor may ask.
    :param asked: the Explain tab's controls that make up the question: picture, mask, how the
        mask was made, region, model, target.
    :ivar comparisons: those of this process.
    """

    def __init__(
        self, controllers: Controllers, labels: LabelController, asked: Sequence[Any],
        tabs: gr.Tabs, tab: gr.Tab,
    ) -> None:  # fmt: skip
        first = controllers.first
        self.controllers, self._labels, self._asked = controllers, labels, asked
        self.comparisons = Comparisons(first.runs, first.results, first.study)
        self._methods = controllers.methods()
        self._titles = {name: N_(entry["title"]) for name, entry in self._methods.items()}
        self._fixed = {name for name, entry in self._methods.items() if not entry["seeded"]}
        self._columns = Columns(controllers, self._titles, self._fixed)
        self._input = ComparisonInput(controllers)
        self._shown: dict[str, str] = {}  # the comparison that each owner's page shows
        self._which = gr.State("")
        with gr.Row(elem_id="compare-asked"):
            self._lay_out_question()
        self._input.lay_out_settings()
        with gr.Row(elem_id="compare-told"):
            self._status = gr.HTML(elem_id="compare-status")
            self._note = gr.HTML(elem_id="compare-note")
        self._lay_out_answers()
        self._wire(tabs, tab)

    def opened(self, controller: BundleController, fresh: bool = True) -> dict[Any, Any]:
        """Updates for another bundle, or (not ``fresh``) for the same with more parts."""
        shown = self._input.opened(controller, fresh)
        if fresh:
            shown |= {
                place: gr.HTML("", visible=False) for place in [self._first, *self._places]
            } | dict.fromkeys([self._status, self._note, self._table, self._chosen], "")
            hidden = gr.update(visible=False)
            shown |= running(self._go, self._stop, False) | {
                self._question: markup.hint(FIRST), self._which: "", self._choice: hidden,
                self._download: hidden,
            }  # fmt: skip
        return shown

    def put_away(self, owner: str) -> None:
        """End what an owner's page shows, as when it turns to another bundle."""
        which = self._shown.pop(owner, "")
        with suppress(NotFound):
            self.comparisons.get(which, owner).stop()

    def leave(self, owner: str) -> None:
        """Forget a closed page."""
        self._shown.pop(owner, None)
        self.comparisons.leave(owner)

    # ------------------------------------------------------------------ layout

    def _lay_out_question(self) -> None:
        with gr.Column(scale=3, min_width=260):
            self._question = gr.HTML(markup.hint(FIRST), elem_id="compare-question")
            self._change = gr.Button(
                _("Change the question in the Explain tab"), size="sm", elem_id="compare-change"
            )
            self._input.lay_out_model()
        with gr.Column(scale=5, min_width=300):
            self._input.lay_out_methods()
        with gr.Column(scale=3, min_width=220):
            self._input.lay_out_seeds()
            self._go = gr.Button(_("Compare"), variant="primary", elem_id="compare-run")
            self._stop = gr.Button(_("Stop"), variant="stop", elem_id="compare-stop", visible=False)

    def _lay_out_answers(self) -> None:
        with gr.Row(elem_id="compare-columns"):
            self._first = gr.HTML(visible=False, elem_classes="column")
            self._places = [gr.HTML(visible=False, elem_classes="column") for _ in range(MOST)]
        self._table = gr.HTML(elem_id="compare-table", js_on_load=static_text("sort.js"))
        self._choice = gr.Radio(
            [], label=_("Which one convinces you?"), elem_id="convincing", visible=False,
            info=_("Kept with these answers, in the zip and, without your name, for the study"),
        )  # fmt: skip
        self._chosen = gr.HTML(elem_id="convincing-status")
        self._download = gr.DownloadButton(
            _("Download the comparison (zip)"), elem_id="compare-download", visible=False
        )
        self._take_away = ComparisonTakeAway(self.comparisons)

    def _wire(self, tabs: gr.Tabs, tab: gr.Tab) -> None:
        tab.select(
            self._put_question, [*self._asked, self._input.second, self._which],
            [self._question, self._status, self._input.second],
            js=canvas.READ_MASK, queue=False, **QUIET,
        )  # fmt: skip
        self._change.click(
            lambda: gr.Tabs(selected="explain"), None, tabs, queue=False, api_visibility="private"
        )
        self._input.varied.wire()
        self._go.click(
            self._compare, [*self._asked, *self._input.inputs],
            [
                self._question, self._which, self._status, self._note, self._first,
                *self._places, self._table, self._choice, self._chosen, self._download,
                self._go, self._stop,
                *self._take_away.places,
            ],
            js=canvas.READ_MASK, **QUIET,
            concurrency_limit=8,
        )  # fmt: skip
        self._stop.click(self._ask_to_stop, self._which, self._status, queue=False, **QUIET)
        self._choice.input(
            self._choose, [self._choice, self._which],
            [*self._places, self._chosen, self._download],
            trigger_mode="always_last",  # a choice while the last one is noted counts too
            **QUIET,
        )  # fmt: skip

    # ------------------------------------------------------------------ what a person does

    def _request(
        self, seen: Factual | None, painted: str, story: str, source: str, model: str | None,
        wanted: str,
    ) -> Request:  # fmt: skip
        controller, factual = self.controllers.of(seen)
        region = RegionSpec.chosen(source, story)
        name = next(iter(controller.methods()), "")
        asked = controller.request(factual.pixels, painted, region, model, wanted, name, {}, 0)
        return replace(asked, placement=factual.placement, original=factual.original)

    def _put_question(self, request: gr.Request, *values: Any) -> tuple[Any, Any, Any]:
        """The present question, whether the answers below are to another one, and the models that
        can be compared with its own."""
        *asked, second, which = values
        try:
            present = self._request(*asked)
        except StudioError as error:
            told = FIRST if asked[0] is None else sentence(error)
            return markup.hint(told), gr.skip(), gr.skip()
        controller = self.controllers[present.bundle]
        offered = self._labels.offered(controller, owner_of(request))
        others = self._input.offer(controller, offered, present.model, second)
        try:
            comparison = self.comparisons.get(which, owner_of(request))
        except StudioError:  # none, or no longer kept
            return question(present), gr.skip(), others
        if not comparison.ended:
            return question(present), gr.skip(), others
        return question(present), self._told(comparison, present), others

    def _told(self, comparison: Comparison, present: Request) -> str:
        """How a comparison ended, or that it asked something else than the Explain tab does now."""
        if not _alike(present, comparison):
            return _of_earlier(comparison)
        target, titles = comparison.requests[0].target, self._columns.models(comparison)
        return words.summary(comparison.rows(), target, titles)

    async def _compare(
        self, request: gr.Request, seen: Any, painted: str, story: str, source: str,
        model: str | None, wanted: str, *chosen: Any,
    ) -> AsyncIterator[dict[Any, Any]]:  # fmt: skip
        start, owner = time.monotonic(), owner_of(request)
        try:
            posed = (seen, painted, story, source, model, wanted)
            one = await asyncio.to_thread(self._request, *posed)
            asked = await asyncio.to_thread(self._input.posed, one, *chosen)
            comparison = self.comparisons.open(owner, asked.requests, asked.models)
            self._shown[owner] = comparison.id
            begun = await asyncio.to_thread(self._begun, comparison)
            yield begun | {self._status: markup.waiting(0), self._note: asked.note}
            count = len(comparison.requests)
            async with aclosing(self.comparisons.follow(comparison)) as news:
                async for i in news:
                    if self._shown.get(owner) != comparison.id:
                        return  # the page has turned to another bundle
                    name = self._columns.name(comparison, comparison.requests[i])
                    seconds = time.monotonic() - start
                    column = await asyncio.to_thread(self._columns.of, comparison, i)
                    earlier = not self.controllers.still(owner, seen)
                    yield {
                        self._places[i]: column,
                        self._status: words.progress(i, count, name, seconds, earlier=earlier),
                    }
            ended = await asyncio.to_thread(self._ended, comparison)
            if not self.controllers.still(owner, seen):
                ended[self._status] = _of_earlier(comparison)
            yield ended
        except Exception as error:  # whatever happened, the page must go on working
            failed = markup.failure(error_text(error, N_("the comparison")))
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
            noted = _("Noted, also in the study’s {file}. You may change your mind.", file=file)
            notice = markup.notice("success", noted)
        except StudioError as error:
            notice = markup.failure(error)
        download, unwritten = self._zip(comparison)
        return self._filled(comparison) | {
            self._chosen: notice + unwritten, self._download: download,
        }  # fmt: skip

    def _zip(self, comparison: Comparison) -> tuple[Any, Markup]:
        """The download of a comparison, or why there is none."""
        return offered_file(lambda: self.comparisons.archive(comparison), N_("the zip"))

    # ------------------------------------------------------------------ what is shown when

    def _begun(self, comparison: Comparison) -> dict[Any, Any]:
        """A place for each run, and nothing of an earlier comparison."""
        requests = comparison.requests
        shown: dict[Any, Any] = {
            place: gr.HTML("", visible=False) for place in self._places[len(requests) :]
        }
        for i, place in enumerate(self._places[: len(requests)]):
            shown[place] = gr.HTML(self._columns.of(comparison, i), visible=True)
        return shown | running(self._go, self._stop, True) | {
            self._which: comparison.id, self._question: question(requests[0]),
            self._first: gr.HTML(self._columns.factual(comparison), visible=True),
            self._table: "", self._chosen: "", self._choice: gr.update(visible=False),
            self._download: gr.update(visible=False), **self._take_away.clear(),
        }  # fmt: skip

    def _filled(self, comparison: Comparison) -> dict[Any, Any]:
        """Every column in its present state."""
        used = self._places[: len(comparison.requests)]
        return {place: self._columns.of(comparison, i) for i, place in enumerate(used)}

    def _ended(self, comparison: Comparison) -> dict[Any, Any]:
        """Every column as it ended, the table, and what to do with them."""
        rows, answered = comparison.rows(), comparison.answered
        shown = self._filled(comparison) | running(self._go, self._stop, False)
        options = [(self._columns.name(comparison, run.request), run.id) for run in answered]
        download, unwritten = self._zip(comparison)
        titles, asked = self._columns.models(comparison), comparison.requests[0]
        about = self.controllers[asked.bundle].about
        return shown | {
            self._first: self._columns.factual(comparison),
            self._status: words.summary(rows, asked.target, titles) + unwritten,
            self._table: table(
                [*rows, *comparison.alternatives()], self._titles, about["metrics"],
                spreads(rows), self._fixed, about["methods"], titles,
            ),
            self._choice: gr.update(
                choices=[*options, (_("None of them"), NONE)], value=None, visible=bool(options)
            ),
            self._download: download,
            **self._take_away.show(comparison),
        }  # fmt: skip


def _alike(a: Request, comparison: Comparison) -> bool:
    """Whether a comparison asks what a request does, whatever the method."""
    b = comparison.requests[0]
    first, second = (np.zeros(0) if r.mask is None else r.mask for r in (a, b))
    asked = comparison.models[0] if comparison.models else b.model
    return (
        (a.bundle, a.model, a.target, a.region) == (b.bundle, asked, b.target, b.region)
        and np.array_equal(a.picture, b.picture)
        and np.array_equal(first, second)
    )


def _of_earlier(comparison: Comparison) -> str:
    """That the answers are to another question than the Explain tab asks."""
    target = comparison.requests[0].target
    return markup.notice(
        "warning",
        _(
            "The answers below are to an earlier question ({target}). Press Compare for "
            "the present one.",
            target=target,
        ),
    )
