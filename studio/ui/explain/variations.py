"""Several answers to one question: other seeds, or another value of a setting, and how much they
differ."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from backends.core import Request
from studio import export
from studio.runs.rows import row_of, spread
from studio.runs.series import Series
from studio.runs.variations import MOST, by_seed, by_setting, ranges
from studio.translation import N_, _
from studio.ui.explain import grid
from studio.ui.explain.asked import PosedQuestion, QuestionReader
from studio.ui.explain.series import SeriesView
from studio.ui.shared import canvas, markup
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import owner_of, show_errors
from studio.ui.shared.unchecked import a_text

__all__ = ["VariationsPanel"]

SEED = "seed"  # the choice of the seed; no setting has that name
FIRST = N_("Ask the question several times, and see how much the answers differ.")


class VariationsPanel:
    """The panel, laid out inside the current Blocks."""

    def __init__(self, question: QuestionReader) -> None:
        self.question = question
        self._methods = question.controllers.methods()
        name = question.methods.method.value
        shown = self._described(name)
        with gr.Row(elem_classes="told"):
            self._vary = gr.Dropdown(
                shown["choices"], value=shown["value"], label=_("What differs"), interactive=True,
                elem_id="vary", scale=2, min_width=180,
            )  # fmt: skip
            limits = shown["range"]
            self._low = gr.Number(
                limits[0],
                label=_("From"),
                elem_id="vary-low",
                visible=shown["setting"],
                min_width=90,
            )
            self._high = gr.Number(
                limits[1],
                label=_("To"),
                elem_id="vary-high",
                visible=shown["setting"],
                min_width=90,
            )
            self._count = gr.Slider(
                2, MOST, 4, step=1, label=_("How many answers"), elem_id="vary-count", scale=2,
                min_width=180,
            )  # fmt: skip
        self._about = gr.HTML(shown["about"], elem_id="vary-about")
        self.view = SeriesView("variations", _("Ask several times"), FIRST)

    def wire(self) -> None:
        """Let the panel's controls act."""
        method, target, view = self.question.methods.method, self.question.target, self.view
        # Unchecked: while the bundle changes, the method may still be one of the bundle before.
        method.change(
            self._offer_variations, method, [self._vary, self._low, self._high, self._about],
            queue=False, preprocess=False, **QUIET,
        )  # fmt: skip
        self._vary.change(
            self._offer_range, [method, self._vary], [self._low, self._high], queue=False,
            preprocess=False, **QUIET,
        )  # fmt: skip
        view.go.click(
            self._ask_variations,
            [*self.question.inputs, self._vary, self._low, self._high, self._count],
            [*view.places, view.go, view.stop], js=canvas.READ_MASK, concurrency_limit=8, **QUIET,
        )  # fmt: skip
        view.wire([target, method])

    def _described(self, name: str | None) -> dict[str, Any]:
        """What can be varied of a method, and at first is."""
        entry = self._methods.get(name or "")
        found = ranges(entry["schema"]) if entry else {}
        seeded = bool(entry and entry["seeded"])
        choices = [(_("Seed"), SEED)] * seeded + [(_(r.title), n) for n, r in found.items()]
        value = choices[0][1] if choices else None
        about = ""
        if entry and not seeded:
            about = markup.hint(
                _(
                    "{title} draws nothing: every seed gives the same answer. Vary one of its "
                    "settings instead; other targets are under “All targets”, and another region "
                    "or method gives another answer, too.",
                    title=_(entry["title"]),
                )
            )
        setting = value in found
        limits = (found[value].low, found[value].high) if value in found else (None, None)
        return {"choices": choices, "value": value, "about": about, "setting": setting,
                "range": limits}  # fmt: skip

    def _offer_variations(self, name: Any) -> dict[Any, Any]:
        with show_errors():
            shown = self._described(a_text(name))
        return self._limits(shown["range"]) | {
            self._vary: gr.update(choices=shown["choices"], value=shown["value"]),
            self._about: shown["about"],
        }  # fmt: skip

    def _offer_range(self, name: Any, vary: Any) -> dict[Any, Any]:
        with show_errors():
            entry, setting = self._methods.get(a_text(name)), a_text(vary)
        found = ranges(entry["schema"]).get(setting) if entry else None
        return self._limits((found.low, found.high) if found else (None, None))

    def _limits(self, limits: tuple[float | None, float | None]) -> dict[Any, Any]:
        places = zip((self._low, self._high), limits, strict=True)
        return {place: gr.update(value=v, visible=v is not None) for place, v in places}

    async def _ask_variations(
        self, request: gr.Request, *values: Any
    ) -> AsyncIterator[dict[Any, Any]]:
        owner, view = owner_of(request), self.view
        try:
            asked = await self.question.read(values)
            asked.controllers.use(owner)
            named = self._requests(asked, *values[len(self.question.inputs) :])
            names = [name for name, _ in named]
            series = Series(owner, [one for _, one in named])

            def show(now: Series) -> str:
                return grid.of_series(now, names)

            def end(now: Series) -> tuple[str, str]:
                return show(now) + self._spread(now), grid.summary(now)

            watched = [asked.request.target, asked.request.method]
            async for shown in view.follow(owner, asked, series, watched, show, end):
                yield shown
        except Exception as error:  # whatever happened, the page must go on working
            yield view.failed(error)

    def _requests(
        self, asked: PosedQuestion, vary: str, low: float | None, high: float | None, count: float
    ) -> list[tuple[str, Request]]:
        schema = asked.controller.about["methods"][asked.request.method]["schema"]
        found = ranges(schema).get(vary)
        if found is None:
            return by_seed(asked.request, int(count))
        ends = (found.low if low is None else low, found.high if high is None else high)
        return by_setting(asked.request, vary, found, *ends, int(count))

    def _spread(self, series: Series) -> str:
        """Mean and deviation of each number, and where the pictures differ."""
        told = spread(row_of(r, run) for r, run in zip(series.requests, series.runs, strict=True))
        if told["answers"] < 2:
            return ""
        pictures = [run.answer.counterfactual for run in series.answered if run.answer]
        heat, brightest = export.deviation(pictures)
        metrics = self.question.controllers.first.about["metrics"]
        url = canvas.preview(heat, 256)
        return grid.spread_of(told, metrics, url, brightest)
