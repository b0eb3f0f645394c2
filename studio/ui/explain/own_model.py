"""A model of the person's own: named or uploaded, looked at, and put into the target list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import gradio as gr

from studio.translation import N_, _
from studio.ui.explain import own_markup
from studio.ui.shared import markup
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.factual import Factual, Shown
from studio.ui.shared.requests import error_text, owner_of

__all__ = ["OwnModel"]

FILES = [".pt2", ".pt", ".onnx", ".safetensors", ".pth"]
HELP = N_(
    "`torchvision:resnet50`, `timm:NAME`, `hf:OWNER/NAME`, `clip:OWNER/NAME?classes=cat,dog`, or a "
    "file: torch.export (`.pt2`), TorchScript (`.pt`), ONNX; or weights (`.safetensors`, `.pth`) "
    "of the architecture that is named, as in `timm:resnet18`. What it does not say itself "
    "follows a question mark: `?classes=bundle&size=64&channels=3&mean=0.5&std=0.5`."
)


class OwnModel:
    """The controls, laid out inside the current Blocks; only for the person at the machine, since
    they name files of it.

    :ivar sight: how the model that was added looks at the picture, until another is chosen.
    """

    def __init__(self, controllers: Controllers) -> None:
        self.controllers = controllers
        visible = controllers.access.most.models
        with gr.Accordion(_("Explain a model of yours"), open=False, visible=visible):
            gr.Markdown(_(HELP))
            self._name = gr.Textbox(
                label=_("Model"),
                placeholder="torchvision:resnet50",
                elem_id="own-model",
                max_lines=1,
            )
            self._file = gr.File(
                label=_("File of the model, or of its weights"), file_types=FILES, height=136,
                elem_id="own-model-file",
            )  # fmt: skip
            self._add = gr.Button(_("Add this model"), elem_id="add-model")
        self._status = gr.HTML(elem_id="own-model-status", visible=visible)
        self.sight = gr.HTML(elem_id="own-model-sight", visible=visible)

    def wire(
        self, picture: gr.State, bundle: gr.Dropdown,
        put: Callable[[str, BundleController, Shown, str], dict[Any, Any]], places: list[Any],
    ) -> None:  # fmt: skip
        """Add a model when the button is pressed.

        :param put: the page's updates, in ``places``, for a picture that is looked at anew, with
            the question to a model.
        """
        self._put = put
        if self.controllers.access.most.models:
            self._add.click(
                self._added, [self._name, self._file, picture, bundle],
                [self._status, *places], show_progress_on=self._status, api_visibility="private",
            )  # fmt: skip

    async def _added(
        self, name: str, file: str | None, seen: Factual | None, bundle: str, request: gr.Request
    ) -> AsyncIterator[dict[Any, Any]]:
        """The updates of the page; the first goal of the new model is chosen. Where it looks takes
        longer and comes after."""
        owner = owner_of(request)
        try:
            controller = self.controllers[bundle]
            added = await controller.add_model(owner, name, file)
            self.controllers.refresh()
            entry = controller.about["models"][added]
            if entry is None or seen is None:
                told = _(
                    "{added} can be explained; choose a picture to see what it says", added=added
                )
                yield {self._status: markup.notice("success", told)}
                return
            shown = await controller.look_again(owner, seen)
            found = await controller.inspect(owner, seen.pixels, added)
            sight = own_markup.sight(found)
            yield self._looked(owner, controller, added, shown) | {self.sight: sight}
            if not found.differentiable:
                yield {self.sight: sight + own_markup.labels_only(added)}
                return
            region = await controller.attribute(owner, seen.pixels, added)
            if self.controllers.still(owner, seen):
                yield {self.sight: own_markup.sight(found, seen.pixels, region)}
        except Exception as error:  # whatever happened, the page must go on working
            yield {self._status: markup.failure(error_text(error, N_("the model")))}

    def _looked(
        self, owner: str, controller: BundleController, added: str, shown: Shown
    ) -> dict[Any, Any]:
        """The page with what the model says of its picture."""
        says = shown.opinions[added]
        told = _(
            "{added} says {label}, with {probabilities:.0%}",
            added=added,
            label=says.label,
            probabilities=says.probabilities[says.label],
        )
        return self._put(owner, controller, shown, added) | {
            self._status: markup.notice("success", told)
        }
