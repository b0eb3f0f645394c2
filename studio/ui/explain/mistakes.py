"""What the model gets wrong, one click away from what would make it right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from backends import bundles, service
from backends.errors import BadInput, StudioError
from studio.export import as_picture
from studio.translation import _
from studio.ui.explain.examples import READ
from studio.ui.shared import canvas, markup
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.factual import Shown
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import owner_of
from studio.ui.shared.static import static_text

__all__ = ["MistakesPanel"]

SIDE = 96  # pixels of a thumbnail


class MistakesPanel:
    """Test pictures that the bundle's classifier gives a wrong label, laid out inside the current
    Blocks; a click asks what would make it say the right one."""

    def __init__(self, controllers: Controllers) -> None:
        self.controllers = controllers
        there = _there(controllers.first)
        with gr.Accordion(
            _("What the model gets wrong"), open=False, elem_id="mistakes", visible=there
        ) as self._panel:
            self._look = gr.Button(
                _("Look for its mistakes"), elem_id="look-for-mistakes", size="sm"
            )
            self._grid = gr.HTML(elem_id="mistakes-found", js_on_load=static_text("examples.js"))
        self._chosen = gr.Textbox(visible=False, label=_("The mistake that was clicked"))

    def opened(self, controller: BundleController) -> dict[Any, Any]:
        """Updates for another bundle."""
        return {self._panel: gr.update(visible=_there(controller)), self._grid: ""}

    def wire(
        self, bundle: gr.Dropdown, put: Callable[[str, BundleController, Shown], dict[Any, Any]],
        refuse: Callable[[str, StudioError], dict[Any, Any]], target: gr.Dropdown,
        places: list[Any], run: Callable[[Any], Any],
    ) -> None:  # fmt: skip
        """Let a clicked mistake fill ``places`` with what ``put`` makes of its picture, make its
        label the target, and run.

        :param run: starts the run after an event.
        """

        async def look(name: str, request: gr.Request) -> Any:
            try:
                found, total = await self.controllers[name].ask(
                    owner_of(request), lambda: service.mistakes(name)
                )
            except StudioError as error:
                return markup.failure(str(error))
            told = [
                (one.index, one.label, one.said, f"{one.probability:.0%}",
                 canvas.preview(as_picture(one.picture), SIDE))
                for one in found
            ]  # fmt: skip
            return markup.mistakes(told, total)

        async def ask_mistake(given: str, name: str, request: gr.Request) -> dict[Any, Any]:
            owner, controller = owner_of(request), self.controllers[name]
            try:
                # What a page sends is a place among the test pictures, or nothing.
                pictures, labels = bundles.get(name).test_pictures() or ([], [])
                if not (given.isascii() and given.isdigit() and int(given) < len(pictures)):
                    raise BadInput("there is no such picture; look for mistakes again")
                shown = await controller.show(owner, as_picture(pictures[int(given)]))
                updates = put(owner, controller, shown)
            except StudioError as error:
                return refuse(owner, error)
            label = controller.about["class_names"][int(labels[int(given)])]
            return updates | {target: {**updates[target], "value": label}}

        self._look.click(
            look, bundle, self._grid, show_progress_on=self._grid, api_visibility="private"
        )
        asked = self._grid.picked(
            ask_mistake, [self._chosen, bundle], places, js=READ, **QUIET
        )  # fmt: skip
        run(asked.success)


def _there(controller: BundleController) -> bool:
    return bundles.get(controller.bundle).own.test is not None
