"""Advice beside the question and the answer: whether the picture fits, which method to take, and
what real pictures look like."""

from __future__ import annotations

from typing import Any

import gradio as gr

from backends import service
from backends.service.advice import WANTS, Advised, Situation, Want, ranked
from studio.translation import _
from studio.ui.explain.method_input import MethodInput
from studio.ui.shared import advice
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.factual import Factual
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import owner_of, show_errors
from studio.ui.shared.unchecked import a_text, some_texts

__all__ = ["MethodAdvice", "NearestPictures", "PictureNote"]


class PictureNote:
    """Says that a chosen picture does not look like the bundle's own; laid out inside the current
    Blocks.

    :ivar place: the note, empty for a picture like any other.
    """

    def __init__(self, controllers: Controllers) -> None:
        self.controllers = controllers
        self.place = gr.HTML(elem_id="picture-note")

    def wire(self, picture: gr.State) -> None:
        """Look at each picture that is chosen, after the page has shown it."""
        picture.change(self._note_picture, picture, self.place, **QUIET)

    async def _note_picture(self, seen: Factual | None, request: gr.Request) -> Any:
        if seen is None:
            return ""
        with show_errors():
            controller = self.controllers[seen.bundle]
            found = await controller.ask(
                owner_of(request), lambda: service.look(seen.bundle, seen.pixels)
            )
        odd = [one for one in found if one["unlike"]]
        return advice.risks([service.unlike(one) for one in odd])


class MethodAdvice:
    """Which method to take, from what a person has and wants; laid out inside the current Blocks.

    :param methods: the control of the method, which the best one can be put into.
    """

    def __init__(self, controllers: Controllers, methods: MethodInput) -> None:
        self.controllers, self._methods = controllers, methods
        first = self._ranked(controllers.first.bundle, None, "whole", [])
        with gr.Accordion(_("Which method?"), open=False, elem_id="which-method") as self._fold:
            self._wants = gr.CheckboxGroup(
                [(_(label), want) for want, label in WANTS.items()], elem_id="wants",
                label=_("What matters to you?"), interactive=True,
            )  # fmt: skip
            self._take = gr.Button(**_best(first), size="sm", elem_id="take-method")
            self._list = gr.HTML(advice.methods(first), elem_id="method-advice")

    def wire(self, bundle: gr.Dropdown, model: gr.Dropdown, source: gr.Radio) -> None:
        """Follow the model, which may have no gradients, and where change is allowed."""
        asked = [bundle, model, source, self._wants]
        changes = (control.change for control in asked)
        gr.on(
            [self._fold.expand, *changes], self._advise, asked, [self._take, self._list],
            preprocess=False, **QUIET,
        )  # fmt: skip
        self._take.click(
            self._take_best, asked, [self._methods.method, *self._methods.described],
            preprocess=False, **QUIET,
        )  # fmt: skip

    def _advise(self, bundle: Any, model: Any, source: Any, wants: Any) -> dict[Any, Any]:
        rows = self._asked(bundle, model, source, wants)
        return {self._take: gr.update(**_best(rows)), self._list: advice.methods(rows)}

    def _take_best(self, bundle: Any, model: Any, source: Any, wants: Any) -> dict[Any, Any]:
        rows = self._asked(bundle, model, source, wants)
        return self._methods.choose(rows[0].name) if rows else {self._methods.method: gr.skip()}

    def _asked(self, bundle: Any, model: Any, source: Any, wants: Any) -> list[Advised]:
        """The ranking for what the controls say, which gradio has not checked."""
        with show_errors():
            chosen = [want for want in WANTS if want in some_texts(wants)]
            return self._ranked(a_text(bundle), a_text(model) or None, a_text(source), chosen)

    def _ranked(
        self, bundle: str, model: str | None, source: str, wants: list[Want]
    ) -> list[Advised]:
        controller = self.controllers[bundle]
        situation = Situation(controller.differentiable(model), source != "whole", frozenset(wants))
        return ranked(controller.methods(model), situation, controller.runs.durations.of(bundle))


class NearestPictures:
    """The real pictures of the target class that are nearest to an answer; laid out inside the
    current Blocks.

    :ivar place: the pictures, empty where the bundle has none.
    """

    def __init__(self, controllers: Controllers) -> None:
        self.controllers = controllers
        self.place = gr.HTML(elem_id="nearest")

    async def find_nearest(self, which: str, request: gr.Request) -> Any:
        """The place's content for the run of that id, once it has an answer."""
        run = self.controllers.first.runs.get(which)
        if run is None or run.answer is None or not run.ended:
            return ""
        asked, picture = run.request, run.answer.counterfactual
        if asked.model != "classifier":  # its classes are not those of the pictures
            return ""
        with show_errors():
            controller = self.controllers[asked.bundle]
            found = await controller.ask(
                owner_of(request), lambda: service.nearest(asked.bundle, picture, asked.target)
            )
        return advice.nearest(found) if found else ""


def _best(rows: list[Advised]) -> dict[str, Any]:
    """The button that takes the first method."""
    return {
        "value": _("Take {title}", title=_(rows[0].title)) if rows else _("Take"),
        "visible": bool(rows),
    }
