"""Where change is allowed: anywhere, where a person paints, where the model looks, or what words
and clicks say."""

from __future__ import annotations

from typing import Any

import gradio as gr

from backends.errors import StudioError
from backends.regions.settings import AutoRegion
from studio.ui.explain.region_prompts import RegionPrompts
from studio.ui.shared import canvas, form
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.factual import Factual
from studio.ui.shared.requests import owner_of, sentence

__all__ = ["RegionInput"]

SOURCES = [
    ("Whole picture", "whole"),
    ("Where I paint", "painted"),
    ("Where the model looks", "auto"),
]
SPOKEN = [("What words say", "words"), ("What I click on", "clicks")]
# A source that is chosen takes up its tool.
TAKE_UP = "(...a) => { window.regionCanvas.choose({painted: 'brush', clicks: 'include'}[a[0]]); return a; }"  # noqa: E501 - script


class RegionInput:
    """The canvas over the picture and what draws on it, laid out inside the current Blocks.

    :ivar source: ``whole``, ``painted``, ``auto``, ``words`` or ``clicks``.
    :ivar mask: empty; ``canvas.READ_MASK`` puts the painted mask in its place, and how it was made
        in the place of ``story``.
    :ivar canvas: shows the picture, given a scene.
    :ivar preview: the attribution behind the last proposal.
    :ivar settings: controls of how the model proposes, by name.
    """

    def __init__(self, controllers: Controllers) -> None:
        self.controllers = controllers
        first = controllers.first
        self.mask = gr.Textbox(visible=False, label="Mask (PNG data URL)")
        self.story = gr.Textbox(visible=False, label="How the mask was made")
        self._file = gr.Textbox(visible=False, label="A mask file (data URL)")
        self._of = gr.Textbox(visible=False, label="The picture that it is a mask of")
        self.source = gr.Radio(
            _sources(first), value="whole", label="Where change is allowed",
            info=_note(first), elem_id="region-source",
        )  # fmt: skip
        self.language = RegionPrompts(controllers)
        self.canvas = canvas.region_canvas("factual", canvas.scene(clickable=_clickable(first)))
        self.language.below()
        with gr.Accordion("Let the model propose a region", open=False):
            self.settings = form.controls(AutoRegion.model_json_schema())
            self._propose = gr.Button("Propose", elem_id="propose")
            self.preview = gr.Image(
                label="What mattered to the model", format="png", interactive=False,
                height=200, visible=False, elem_id="region-preview", buttons=[],
            )  # fmt: skip

    def opened(self, controller: BundleController, fresh: bool = True) -> dict[Any, Any]:
        """Updates for another bundle, or (not ``fresh``) for the same with more parts."""
        shown: dict[Any, Any] = {
            self.source: gr.update(choices=_sources(controller), info=_note(controller)),
            self.canvas: gr.update(
                scene=canvas.scene(clickable=_clickable(controller), empty=fresh)
            ),
        }
        if fresh:
            shown |= self.reset()
            shown[self.source] = gr.update(
                choices=_sources(controller), info=_note(controller), value="whole"
            )
        return shown | self.language.opened(controller)

    def reset(self) -> dict[Any, Any]:
        """Updates for another picture."""
        return {
            self.source: "whole", self.preview: gr.update(visible=False),
        } | self.language.reset()  # fmt: skip

    def wire(self, picture: gr.State, bundle: gr.Dropdown, target: gr.Dropdown) -> None:
        """Let the model that ``target`` asks propose a region of ``picture``."""
        places, controllers = [self.canvas, self.source, self.preview], self.controllers
        settings = [*self.settings.values()]

        # Gradio fills in a request only ahead of starred parameters.
        async def propose(
            request: gr.Request, seen: Factual | None, wanted: str | None, *values: Any
        ) -> tuple[Any, ...]:
            asked = dict(zip(self.settings, values, strict=True))
            try:
                controller, factual = controllers.of(seen)
                scene, heat = await controller.propose(
                    owner_of(request), factual.pixels, wanted, asked
                )
            except StudioError as error:
                gr.Warning(sentence(error), duration=12)
                return gr.skip(), "whole", gr.skip()
            if not controllers.still(owner_of(request), factual):
                return tuple(gr.skip() for _ in places)
            return gr.update(scene=scene), "auto", gr.update(value=heat, visible=True)

        self._propose.click(propose, [picture, target, *settings], places, api_visibility="private")

        async def source_chosen(
            request: gr.Request, source: str, seen: Factual | None, wanted: str | None, *values: Any
        ) -> tuple[Any, ...]:
            if source != "auto":
                return tuple(gr.skip() for _ in places)
            return await propose(request, seen, wanted, *values)

        self.source.input(
            source_chosen, [self.source, picture, target, *settings], places,
            js=TAKE_UP, api_visibility="private",
        )  # fmt: skip
        self.canvas.brought(
            self.bring, [self._file, self._of, picture], [self.canvas, self.source],
            js=canvas.READ_FILE, show_progress="hidden", trigger_mode="always_last",
            api_visibility="private",
        )  # fmt: skip
        self.language.wire(picture, bundle, self.source, self.canvas)

    async def bring(
        self, request: gr.Request, file: str, of: str, seen: Factual | None
    ) -> tuple[Any, ...]:
        """Lay a mask file that a person chose over the picture, or say why it cannot be used."""
        try:
            controller, factual = self.controllers.of(seen)
            mask = await controller.mask_of(owner_of(request), file, factual)
        except StudioError as error:
            return gr.update(scene=canvas.scene(of=of, message=sentence(error))), gr.skip()
        overlay = canvas.Overlay(mask, "file", "painted")
        return gr.update(scene=canvas.scene(overlay=overlay, of=of)), "painted"


def _sources(controller: BundleController) -> list[tuple[str, str]]:
    return SOURCES + SPOKEN if controller.photographs else SOURCES


def _note(controller: BundleController) -> str | None:
    return None if controller.photographs else "With photographs, words and clicks can say it too"


def _clickable(controller: BundleController) -> bool:
    return controller.photographs and controller.language["clicks"] is None
