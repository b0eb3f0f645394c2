"""The Compare tab: one question, several methods and seeds, side by side."""

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
from studio import export
from studio.runs.comparison import MOST, NONE, Comparison, Comparisons, questions, seeds_of
from studio.runs.rows import spreads
from studio.translation import N_, _
from studio.ui.compare import markup as words
from studio.ui.compare.columns import Columns, question, small
from studio.ui.compare.table import table
from studio.ui.compare.take_away import ComparisonTakeAway
from studio.ui.shared import canvas, form, markup
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.factual import Factual
from studio.ui.shared.offered_file import offered_file
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import error_text, owner_of, running, sentence, show_errors
from studio.ui.shared.static import static_text

__all__ = ["CompareTab"]

FIRST = N_("Choose a picture and what the model should say in the Explain tab; then come back.")


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
        self._titles = {name: N_(entry["title"]) for name, entry in self._methods.items()}
        self._fixed = {name for name, entry in self._methods.items() if not entry["seeded"]}
        self._columns = Columns(self._titles, self._fixed)
        self._shown: dict[str, str] = {}  # the comparison that each owner's page shows
        self._which = gr.State("")
        with gr.Row(elem_id="compare-asked"):
            self._lay_out_question(first)
        with gr.Row(elem_id="compare-told"):
            self._status = gr.HTML(elem_id="compare-status")
            self._note = gr.HTML(elem_id="compare-note")
        self._lay_out_answers()
        self._wire(tabs, tab)

    def opened(self, controller: BundleController, fresh: bool = True) -> dict[Any, Any]:
        """Updates for another bundle, or (not ``fresh``) for the same with more parts."""
        shown: dict[Any, Any] = {self._names: gr.update(**_offered(controller))}
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

    def _lay_out_question(self, first: BundleController) -> None:
        with gr.Column(scale=3, min_width=260):
            self._question = gr.HTML(markup.hint(FIRST), elem_id="compare-question")
            self._change = gr.Button(
                _("Change the question in the Explain tab"), size="sm", elem_id="compare-change"
            )
        with gr.Column(scale=5, min_width=300):
            self._names = gr.CheckboxGroup(
                **_offered(first), label=_("Methods"), elem_id="compare-methods",
                info=_("Each with its default settings; the Explain tab has them all"),
            )  # fmt: skip
        with gr.Column(scale=2, min_width=180):
            self._seeds = gr.Textbox(
                "0", label=_("Seeds"), elem_id="compare-seeds", max_lines=1,
                info=_("0, or 0,1,2, or 0-3; at most {most} runs", most=MOST),
            )  # fmt: skip
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
            self._put_question, [*self._asked, self._which], [self._question, self._status],
            js=canvas.READ_MASK, queue=False, **QUIET,
        )  # fmt: skip
        self._change.click(
            lambda: gr.Tabs(selected="explain"), None, tabs, queue=False, api_visibility="private"
        )
        self._go.click(
            self._compare, [*self._asked, self._names, self._seeds],
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

    def _put_question(self, request: gr.Request, *values: Any) -> tuple[Any, Any]:
        """The present question, and whether the answers below are to another one."""
        *asked, which = values
        try:
            present = self._request(*asked)
        except StudioError as error:
            return markup.hint(FIRST if asked[0] is None else sentence(error)), gr.skip()
        if not which:
            return question(present), gr.skip()
        try:
            comparison = self.comparisons.get(which, owner_of(request))
        except StudioError:  # no longer kept
            return question(present), gr.skip()
        if not comparison.ended:
            return question(present), gr.skip()
        rows, before = comparison.rows(), comparison.requests[0]
        alike = _alike(present, before)
        told = words.summary(rows, before.target) if alike else _of_earlier(comparison)
        return question(present), told

    async def _compare(
        self, request: gr.Request, seen: Any, painted: str, story: str, source: str,
        model: str | None, wanted: str, picked: list[str], numbers: str,
    ) -> AsyncIterator[dict[Any, Any]]:  # fmt: skip
        start, owner = time.monotonic(), owner_of(request)
        try:
            posed = (seen, painted, story, source, model, wanted)
            one = await asyncio.to_thread(self._request, *posed)
            ordered, note = self._able(seen, model, picked, seeds := seeds_of(numbers))
            comparison = self.comparisons.open(owner, questions(one, ordered, seeds, self._fixed))
            self._shown[owner] = comparison.id
            begun = await asyncio.to_thread(self._begun, comparison)
            yield begun | {self._status: markup.waiting(0), self._note: note}
            count = len(comparison.requests)
            async with aclosing(self.comparisons.follow(comparison)) as news:
                async for i in news:
                    if self._shown.get(owner) != comparison.id:
                        return  # the page has turned to another bundle
                    name = self._columns.name(comparison.requests[i])
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

    def _able(
        self, seen: Factual | None, model: str | None, picked: Sequence[str], seeds: Sequence[int]
    ) -> tuple[list[str], str]:
        """The picked methods that can explain the model, in the usual order; and what is to be
        said of the others, and of those that draw nothing."""
        able = self.controllers.of(seen)[0].methods(model)
        ordered = [name for _, name in form.method_choices(self._methods) if name in picked]
        fixed = [n for n in ordered if n in self._fixed and n in able] if len(seeds) > 1 else []
        told = [
            [self._titles[n] for n in names]
            for names in (fixed, [n for n in ordered if n not in able])
        ]
        return [n for n in ordered if n in able], words.note(*told)

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
        for place, request in zip(self._places, requests, strict=False):
            content = words.waiting(self._titles[request.method], self._columns.drawn(request))
            shown[place] = gr.HTML(content, visible=True)
        picture = small(export.as_picture(requests[0].picture))
        return shown | running(self._go, self._stop, True) | {
            self._which: comparison.id, self._question: question(requests[0]),
            self._first: gr.HTML(words.factual(picture), visible=True),
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
        options = [(self._columns.name(run.request), run.id) for run in answered]
        if answered and answered[0].answer:
            picture = small(export.as_picture(comparison.requests[0].picture))
            label = answered[0].answer.record["factual"]["label"]
            shown[self._first] = words.factual(picture, label)
        download, unwritten = self._zip(comparison)
        return shown | {
            self._status: words.summary(rows, comparison.requests[0].target) + unwritten,
            self._table: table(
                [*rows, *comparison.alternatives()], self._titles,
                self.controllers.first.about["metrics"], spreads(rows), self._fixed,
            ),
            self._choice: gr.update(
                choices=[*options, (_("None of them"), NONE)], value=None, visible=bool(options)
            ),
            self._download: download,
            **self._take_away.show(comparison),
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
