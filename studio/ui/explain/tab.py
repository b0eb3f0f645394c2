"""The Explain tab: from a picture to a counterfactual."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import gradio as gr

from backends import imaging
from backends.regions.spec import RegionSpec
from studio.ui.explain.answer import AnswerColumn
from studio.ui.explain.interactive import InteractivePanel
from studio.ui.explain.method_input import MethodInput
from studio.ui.explain.own_model import OwnModel
from studio.ui.explain.picture_input import PictureInput
from studio.ui.explain.region import RegionInput
from studio.ui.shared import canvas, frames, markup
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.factual import Factual, Shown
from studio.ui.shared.label_controller import LabelController
from studio.ui.shared.requests import error_text, owner_of, running

__all__ = ["ExplainTab"]


class ExplainTab:
    """The tab, laid out inside the current Blocks and wired to the controllers.

    :param person: the browser's pseudonym.
    :param load: the page's event of opening.
    :ivar question: the controls that make it up: picture, mask, how the mask was made, region,
        target.
    :ivar language: regions by words and clicks, whose ``fetch`` asks for what they lack.
    """

    def __init__(
        self, controllers: Controllers, bundle: gr.Dropdown, labels: LabelController,
        person: gr.BrowserState, load: Callable[..., Any],
    ) -> None:  # fmt: skip
        self.controllers = controllers
        self._picture, self._run_id = gr.State(None), gr.State("")
        self._asked = gr.State(None)  # the target and the method of that run
        with gr.Row():
            with gr.Column(scale=5, min_width=320):
                gr.Markdown("### 1 · Picture, and where it may change")
                self._pictures = PictureInput(controllers, bundle)
                self._regions = RegionInput(controllers)
            with gr.Column(scale=4, min_width=280):
                gr.Markdown("### 2 · Question")
                self._lay_out_question()
            with gr.Column(scale=5, min_width=320):
                gr.Markdown("### 3 · Answer")
                self._interactive = InteractivePanel(controllers, labels, person)
                self._answer = AnswerColumn(controllers.first)
        self.language = self._regions.language
        self.question = [
            self._picture, self._regions.mask, self._regions.story, self._regions.source,
            self._target,
        ]  # fmt: skip
        self._wire(bundle, load)

    def opened(self, controller: BundleController, fresh: bool = True) -> dict[Any, Any]:
        """Updates for another bundle, or (not ``fresh``) for the same with more parts."""
        shown = self._pictures.opened(controller, fresh) | self._regions.opened(controller, fresh)
        shown |= self._methods.opened(controller, fresh)
        if fresh:
            shown |= {
                self._picture: None, self._prediction: None, self._opinions: "",
                self._own.sight: "", self._target: gr.update(choices=[], value=None),
            } | self._put_away()  # fmt: skip
        return shown

    def leave(self, owner: str) -> None:
        """Forget a closed page."""
        self._interactive.leave(owner)

    def _lay_out_question(self) -> None:
        self._prediction = gr.Label(
            label="The model says (click a class to ask for it)", num_top_classes=5,
            elem_id="prediction",
        )  # fmt: skip
        self._opinions = gr.HTML(elem_id="opinions")
        self._target = gr.Dropdown(
            [], label="What should it say instead?", elem_id="target", filterable=True,
            info="Sorted by the model's own ranking; type to search", allow_custom_value=True,
        )  # fmt: skip
        self._own = OwnModel(self.controllers)
        self._methods = MethodInput(self.controllers)
        self._go = gr.Button("Run", variant="primary", elem_id="run")
        self._stop = gr.Button("Stop", variant="stop", elem_id="stop", visible=False)
        self._methods.below()

    def _wire(self, bundle: gr.Dropdown, load: Callable[..., Any]) -> None:
        regions, methods = self._regions, self._methods
        self._interactive.wire(self._answer, bundle, load)
        places = [
            self._picture, regions.canvas, self._prediction, self._opinions, self._target,
            self._own.sight, *regions.reset(), *self._put_away(),
        ]  # fmt: skip
        self._pictures.wire(self._put, places)
        self._own.wire(self._picture, bundle, self._target, self._put, places)
        regions.wire(self._picture, bundle, self._target)
        self._prediction.select(_ask_for, self._prediction, self._target, api_visibility="private")
        methods.wire(bundle, self._target, regions.settings)
        self._go.click(
            self._explain,
            [
                *self.question, methods.method, methods.seed, methods.importance,
                methods.feather, self._interactive.person, methods.me, *methods.settings.values(),
            ],
            [*self._interactive.places, self._go, self._stop, self._run_id, self._asked],
            js=canvas.READ_MASK, api_visibility="private", show_progress="hidden",
            concurrency_limit=8,
        )  # fmt: skip
        for control in (self._target, methods.method):
            control.change(
                self._mark, [self._run_id, self._asked, self._target, methods.method],
                self._answer.status, show_progress="hidden", api_visibility="private", queue=False,
            )  # fmt: skip
        self._stop.click(
            self._ask_to_stop, self._run_id, self._answer.status, queue=False,
            show_progress="hidden", api_visibility="private",
        )  # fmt: skip

    # ------------------------------------------------------------------ what a person does

    def _put_away(self) -> dict[Any, Any]:
        """Updates that leave nothing of an answer about another picture."""
        return self._answer.clear() | {self._run_id: "", self._asked: None}

    def _mark(self, which: str, asked: Any, wanted: str | None, name: str | None) -> Any:
        """Say that an answer is to another question than the controls ask."""
        run = self.controllers.first.runs.get(which) if asked else None
        return gr.skip() if run is None else self._answer.compared(run, asked == [wanted, name])

    def _put(self, owner: str, controller: BundleController, shown: Shown) -> dict[Any, Any]:
        """A chosen picture on the page."""
        seen = Factual(controller.bundle, shown.picture, shown.placement, shown.original)
        self.controllers.now(owner, seen)
        return (
            self._regions.reset()
            | self._put_away()
            | {
                self._picture: seen,
                self._regions.canvas: gr.update(scene=shown.scene),
                self._prediction: shown.prediction.probabilities,
                self._target: controller.ranked(shown),
                self._opinions: controller.people_say(shown),
                self._own.sight: "",
            }
        )

    async def _explain(
        self, request: gr.Request, seen: Factual | None, painted: str, story: str, source: str,
        wanted: str, name: str, number: float | None, weighed: bool, soft: float, person: str,
        asks: bool, *values: Any,
    ) -> AsyncIterator[dict[Any, Any]]:  # fmt: skip
        own = self._methods.values_of(name, values)
        owner = owner_of(request)
        try:
            controller, factual = self.controllers.of(seen)
            region = RegionSpec.chosen(source, story)
            asked = await asyncio.to_thread(
                controller.request, factual.pixels, painted, region, wanted, name, own, number
            )
            asked = replace(
                asked, importance=weighed, placement=factual.placement,
                original=imaging.feathered(factual.original, int(soft or 0)),
            )  # fmt: skip
            if asks and self._methods.by_labels(name):
                yield await self._interactive.begin(controller, asked, owner, person)
                return
            put_away = self._interactive.closed()
            async for run in frames.follow(controller.runs, asked, owner):
                shown = await asyncio.to_thread(self._answer.show, run)
                question: dict[Any, Any] = {self._run_id: run.id, self._asked: [wanted, name]}
                if not self.controllers.still(owner, factual):
                    # The page shows another picture by now; the history keeps the run.
                    shown, question[self._asked] = {}, None
                shown |= running(self._go, self._stop, not run.ended)
                yield shown | self._answer.earlier(owner) | question | put_away
                put_away = {}
        except Exception as error:  # whatever happened, the page must go on working
            failed = markup.failure(error_text(error, "the answer"))
            shown = {self._answer.status: failed, self._answer.frame: ""}
            yield running(self._go, self._stop, False) | shown

    def _ask_to_stop(self, which: str) -> Any:
        run = self.controllers.first.runs.get(which)
        if run is None or run.ended:
            return gr.skip()
        run.stop()
        return markup.stopping()


def _ask_for(event: gr.SelectData, shown: dict[str, float]) -> Any:
    predicted = max(shown, key=shown.__getitem__)
    if event.value != predicted:
        return event.value
    gr.Info(f"The model says {predicted} already; choose another class to ask for.")
    return gr.skip()
