"""The Explain tab: from a picture to a counterfactual."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from backends import imaging
from backends.core import Request
from backends.errors import StudioError
from backends.regions.spec import RegionSpec
from studio.translation import N_, _
from studio.ui.explain.advice import MethodAdvice, NearestPictures, PictureNote
from studio.ui.explain.answer import AnswerPanes
from studio.ui.explain.decision import DecisionPanel
from studio.ui.explain.further import FurtherAnswers
from studio.ui.explain.gallery import Gallery
from studio.ui.explain.interactive import InteractivePanel
from studio.ui.explain.method_input import MethodInput
from studio.ui.explain.mistakes import MistakesPanel
from studio.ui.explain.own_model import OwnModel
from studio.ui.explain.picture_input import PictureInput
from studio.ui.explain.question_controls import QuestionControls
from studio.ui.explain.question_input import QuestionInput
from studio.ui.explain.region import RegionInput
from studio.ui.explain.reopening import Reopening
from studio.ui.explain.welcome import Begun, Welcome
from studio.ui.shared import canvas, frames, markup
from studio.ui.shared.asked_models import CLASSIFIER
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.factual import Factual, Shown
from studio.ui.shared.label_controller import LabelController
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import error_text, owner_of, running, sentence, show_errors
from studio.ui.shared.unchecked import a_text

__all__ = ["ExplainTab"]


class ExplainTab:
    """The tab, laid out inside the current Blocks and wired to the controllers.

    At the left where pictures come from; beside it the question as a sentence, and the picture,
    the answer and the difference in three panes; below them what can be unfolded.

    :param person: the browser's pseudonym.
    :param load: the page's event of opening.
    :ivar earlier: opens earlier runs, which the page wires when all tabs are there.
    :ivar methods: which method, and its settings.
    :ivar language: regions by words and clicks, whose ``fetch`` asks for what they lack.
    """

    def __init__(
        self, controllers: Controllers, bundle: gr.Dropdown, labels: LabelController,
        person: gr.BrowserState, load: Callable[..., Any],
    ) -> None:  # fmt: skip
        self.controllers, self._labels = controllers, labels
        self._picture, self._run_id = gr.State(None), gr.State("")
        self._asked = gr.State(None)  # the model, the target and the method of that run
        self._asking = QuestionInput(controllers)
        self._methods = MethodInput(controllers)
        self._answer, self._gallery = AnswerPanes(controllers.first), Gallery(controllers)
        self._interactive = InteractivePanel(controllers, labels, person)
        with gr.Row(elem_id="screen"):
            with gr.Column(scale=0, min_width=232, elem_id="rail"):
                self._pictures = PictureInput(controllers, bundle)
                self._asking.below()
                self._note = PictureNote(controllers)
                self._interactive.rail()
                self._gallery.panel()
            with gr.Column(scale=1, min_width=320, elem_id="stage"):
                sentence = gr.Row(elem_id="sentence")
                self._regions = RegionInput(controllers)
                with sentence:
                    self._lay_out_sentence()
                self._lay_out_verdict()
                self.welcome = Welcome(controllers)
                self._lay_out_panes()
                self._answer.facts_row()
                self._lay_out_rest()
        self.language, self.methods = self._regions.language, self._methods
        self._controls = QuestionControls(
            self._picture, self._run_id, self._asked, self._asking, self._go, self._stop,
            self._regions, self._methods, self._put, self._put_away,
        )  # fmt: skip
        self.earlier = Reopening(controllers, self._controls, self._answer, self._gallery)
        self._wire(bundle, load)

    @property
    def question(self) -> list[Any]:
        """The controls that make it up: picture, mask, how the mask was made, region, model,
        target."""
        return [
            self._picture, self._regions.mask, self._regions.story, self._regions.source,
            self._asking.model, self._asking.target,
        ]  # fmt: skip

    def opened(self, controller: BundleController, fresh: bool = True) -> dict[Any, Any]:
        """Updates for another bundle, or (not ``fresh``) for the same with more parts."""
        shown = self._pictures.opened(controller, fresh) | self._regions.opened(controller, fresh)
        shown |= self._methods.opened(controller, fresh) | self.welcome.opened(controller)
        if fresh:
            shown |= {self._picture: None, self._own.sight: ""} | self._asking.cleared()
            shown |= self._put_away() | self._mistakes.opened(controller)
        return shown

    def leave(self, owner: str) -> None:
        """Forget a closed page."""
        self._interactive.leave(owner)
        self._further.leave(owner)
        self.earlier.leave(owner)

    def _lay_out_sentence(self) -> None:
        gr.HTML(markup.phrase(_("What would make")), elem_classes="words")
        self._asking.model.render()
        gr.HTML(markup.phrase(_("say")), elem_classes="words")
        self._asking.target.render()
        self._asking.instead.render()
        self._regions.source.render()
        gr.HTML(markup.phrase(_("by")), elem_classes="words")
        self._methods.method.render()
        gr.HTML(markup.phrase("?"), elem_classes="words")

    def _lay_out_verdict(self) -> None:
        with gr.Row(elem_id="verdict"):
            self._answer.verdict()
            with gr.Column(scale=0, min_width=96, elem_id="go"):
                self._go = gr.Button(_("Run"), variant="primary", elem_id="run")
                self._stop = gr.Button(_("Stop"), variant="stop", elem_id="stop", visible=False)

    def _lay_out_panes(self) -> None:
        with gr.Row(elem_id="panes"):
            with gr.Column(min_width=0, elem_classes="pane"):
                gr.HTML(markup.heading(_("Your picture, as the model sees it")))
                self._regions.board()
            with gr.Column(min_width=0, elem_classes="pane"):
                gr.HTML(markup.heading(_("Counterfactual")))
                self._interactive.below()
                self._answer.middle()
            with gr.Column(min_width=0, elem_classes="pane", elem_id="difference-pane"):
                gr.HTML(markup.heading(_("Difference")))
                self._answer.right()

    def _lay_out_rest(self) -> None:
        with gr.Row(elem_id="rest"):
            left = gr.Column(min_width=320)
            with gr.Column(min_width=320):
                self._methods.below()
                self._advice = MethodAdvice(self.controllers, self._methods)
                self._regions.below()
                self._own = OwnModel(self.controllers)
            with left:
                self._nearest = NearestPictures(self.controllers)
                self._answer.below()
                self._gallery.bar()
                self._decision = DecisionPanel(self.controllers)
                self._further = FurtherAnswers(self.controllers, self.question, self._methods)
                self._mistakes = MistakesPanel(self.controllers)

    def _wire(self, bundle: gr.Dropdown, load: Callable[..., Any]) -> None:
        regions, methods, asking = self._regions, self._methods, self._asking
        asking.wire(bundle)
        self._further.wire()
        self._decision.wire(self._run_id, self._answer.download)
        places = [
            self._picture, regions.canvas, *asking.places, self._own.sight, *regions.reset(),
            *self._put_away(),
        ]  # fmt: skip
        self._interactive.wire(
            self._answer, self._gallery, bundle, load, self._restored, [*places, *methods.places]
        )
        self._pictures.wire(self._put, self._refuse, places)
        self._own.wire(self._picture, bundle, self._put, places)
        regions.wire(self._picture, bundle, asking.model)
        methods.wire(bundle, asking.model, regions.settings)
        self._note.wire(self._picture)
        self._advice.wire(bundle, asking.model, regions.source)
        self._run_after(self._go.click)
        self.welcome.wire(
            bundle, self._begin, self._refuse, [*places, methods.method], self._run_after
        )
        self._mistakes.wire(bundle, self._put, self._refuse, asking.target, places, self._run_after)
        # None of an earlier answer while the next one forms.
        self._find_nearest(self._run_id.change, self._run_id)
        for control in (asking.model, asking.target, methods.method):
            control.change(
                self._mark,
                [
                    self._run_id, self._asked, self._picture, asking.model, asking.target,
                    methods.method,
                ],
                self._answer.status, queue=False, preprocess=False, **QUIET,
            )  # fmt: skip
        self._stop.click(self._ask_to_stop, self._run_id, self._answer.status, queue=False, **QUIET)

    def _run_after(self, event: Callable[..., Any]) -> None:
        """Let an event run what the controls ask."""
        methods, interactive = self._methods, self._interactive
        run = event(
            self._explain,
            [
                *self.question, methods.method, methods.seed, methods.importance,
                methods.feather, interactive.person, methods.me, *methods.settings.values(),
            ],
            [*interactive.places, self._go, self._stop, self._run_id, self._asked],
            js=canvas.READ_MASK, **QUIET,
            concurrency_limit=None, concurrency_id="explain",
        )  # fmt: skip
        self._find_nearest(run.success, self._run_id)

    def _find_nearest(self, event: Callable[..., Any], which: Any) -> None:
        """Let an event show the real pictures that are nearest to the answer of a run."""
        event(
            self._nearest.find_nearest, which, self._nearest.place, **QUIET,
        )  # fmt: skip

    # ------------------------------------------------------------------ what a person does

    def _put_away(self) -> dict[Any, Any]:
        """Updates that leave nothing of an answer about another picture."""
        cleared = self._answer.clear() | self._further.clear() | self._gallery.shows("")
        return cleared | {self._run_id: "", self._asked: None}

    def _mark(
        self, which: str, asked: Any, seen: Factual | None, model: Any, wanted: Any, name: Any,
    ) -> Any:  # fmt: skip
        """Say that a target is none, or that an answer is to another question than the controls
        ask."""
        with show_errors():
            says = [a_text(one) or None for one in (model, wanted, name)]
        if seen is not None and says[1]:
            unknown = self.controllers[seen.bundle].models.unknown(says[0], says[1])
            if unknown:
                return markup.notice("warning", unknown)
        run = self.controllers.first.runs.get(which) if asked else None
        if run is None:
            return gr.skip()
        return self._answer.compared(run, asked == says)

    def _put(
        self, owner: str, controller: BundleController, shown: Shown, model: str = CLASSIFIER
    ) -> dict[Any, Any]:
        """A chosen picture on the page, with the question to a model."""
        seen = Factual(controller.bundle, shown.picture, shown.placement, shown.original)
        self.controllers.now(owner, seen)
        offered = self._labels.offered(controller, owner)
        return (
            (self._regions.reset() | self._put_away() if self.controllers.used(owner) else {})
            | self._asking.asked(controller, shown, offered, model)
            | self._answer.ready()
            | {
                self._picture: seen,
                self._regions.source: "whole",
                self._regions.canvas: gr.update(scene=shown.scene),
                self._own.sight: "",
            }
        )

    def _begin(self, owner: str, controller: BundleController, begun: Begun) -> dict[Any, Any]:
        """A question to begin with on the page."""
        updates = self._put(owner, controller, begun.shown)
        if begun.proposed:
            updates[self._regions.canvas] = gr.update(scene=begun.proposed)
        return updates | {
            self._regions.source: begun.region, self._methods.method: begun.method,
        }  # fmt: skip

    def _refuse(self, owner: str, error: StudioError) -> dict[Any, Any]:
        """Why a picture cannot be shown, and which one stands."""
        text = sentence(error).rstrip(".")
        stands = " " + _("The picture before it stays.") if self.controllers.shows(owner) else ""
        return {self._answer.status: markup.failure(f"{text}.{stands}")}

    async def _restored(self, owner: str, asked: Request) -> dict[Any, Any]:
        """The picture, region and target of a run that is taken up again, on the page."""
        controller = self.controllers[asked.bundle]
        seen = Factual(asked.bundle, asked.picture, asked.placement, asked.original)
        looked = await controller.look_again(owner, seen)
        shown = await asyncio.to_thread(self._put, owner, controller, looked, asked.model)
        return shown | self._controls.restored(controller, asked, None, seen, shown)

    async def _explain(
        self, request: gr.Request, seen: Factual | None, painted: str, story: str, source: str,
        model: str | None, wanted: str, name: str, number: float | None, weighed: bool, soft: float,
        person: str, asks: bool, *values: Any,
    ) -> AsyncIterator[dict[Any, Any]]:  # fmt: skip
        own = self._methods.values_of(name, values)
        owner = owner_of(request)
        try:
            self.earlier.require_known(owner, seen)
            controller, factual = self.controllers.of(seen)
            region = RegionSpec.chosen(source, story)
            posed = partial(controller.request, factual.pixels, painted, region, model, wanted)
            asked = await asyncio.to_thread(posed, name, own, number)
            asked = replace(
                asked, importance=weighed, placement=factual.placement,
                original=imaging.feathered(factual.original, int(soft or 0)),
            )  # fmt: skip
            if asks and self._methods.by_labels(name):
                yield await self._interactive.begin(controller, asked, owner, person)
                return
            put_away = self._interactive.closed()
            going = frames.follow(controller.runs, asked, owner)
            async for shown in self.earlier.follow(going, factual, owner, [model, wanted, name]):
                yield shown | put_away
                put_away = {}
        except Exception as error:  # whatever happened, the page must go on working
            failed = markup.failure(error_text(error, N_("the answer")))
            shown = {self._answer.status: failed, self._answer.frame: ""}
            yield running(self._go, self._stop, False) | shown

    def _ask_to_stop(self, request: gr.Request, which: str) -> Any:
        runs = self.controllers.first.runs
        run = runs.get(which)
        if run is None or run.ended or not runs.may_stop(run, owner_of(request)):
            return gr.skip()
        run.stop()
        return markup.stopping()
