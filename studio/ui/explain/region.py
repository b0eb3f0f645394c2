"""Where change is allowed: anywhere, where a person paints, where the model looks, or what words
and clicks say."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from backends.errors import NotFound, StudioError
from backends.regions.settings import AutoRegion
from backends.regions.spec import Auto, Clicks, MaskFile, RegionSpec, Whole, Words
from studio import export
from studio.translation import N_, _
from studio.ui.explain.earlier_region import latest_region
from studio.ui.explain.region_prompts import RegionPrompts
from studio.ui.shared import canvas, form
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.factual import Factual
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import owner_of, sentence

__all__ = ["RegionInput"]

SOURCES = [
    (N_("Anything"), "whole"),
    (N_("Where I paint"), "painted"),
    (N_("Where the model looks"), "auto"),
]
SPOKEN = [(N_("What words say"), "words"), (N_("What I click on"), "clicks")]
# A source that is chosen takes up its tool.
TAKE_UP = "(...a) => { window.regionCanvas.from(a[0]); return a; }"


class RegionInput:
    """Where change is allowed: words and clicks, laid out inside the current Blocks; :meth:`board`
    lays out the canvas over the picture. The tab puts ``source`` into its sentence.

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
        self.mask = gr.Textbox(visible=False, label=_("Mask (PNG data URL)"))
        self.story = gr.Textbox(visible=False, label=_("How the mask was made"))
        self._file = gr.Textbox(visible=False, label=_("A mask file (data URL)"))
        self._of = gr.Textbox(visible=False, label=_("The picture that it is a mask of"))
        self._name = gr.Textbox(visible=False, label=_("That file's name"))
        self.source = gr.Radio(
            _sources(first), value="whole", label=_("Where change is allowed"), container=False,
            elem_id="region-source", render=False,
        )  # fmt: skip
        self.language = RegionPrompts(controllers)

    def board(self) -> None:
        """Lay out the canvas."""
        first = self.controllers.first
        self.canvas = canvas.region_canvas("factual", canvas.scene(clickable=_clickable(first)))
        self.language.below()

    def below(self) -> None:
        """Lay out how the model proposes a region."""
        with gr.Accordion(_("How the model proposes a region"), open=False):
            self.settings = form.controls(AutoRegion.model_json_schema())
            self._propose = gr.Button(_("Propose"), elem_id="propose")
            self.preview = gr.Image(
                label=_("What mattered to the model"), format="png", interactive=False,
                height=200, visible=False, elem_id="region-preview", buttons=[],
            )  # fmt: skip

    def opened(self, controller: BundleController, fresh: bool = True) -> dict[Any, Any]:
        """Updates for another bundle, or (not ``fresh``) for the same with more parts."""
        shown: dict[Any, Any] = {
            self.source: gr.update(choices=_sources(controller)),
            self.canvas: gr.update(
                scene=canvas.scene(clickable=_clickable(controller), empty=fresh)
            ),
        }
        if fresh:
            shown |= self.reset()
            shown[self.source] = gr.update(choices=_sources(controller), value="whole")
        return shown | self.language.opened(controller)

    def reset(self) -> dict[Any, Any]:
        """Updates for another picture."""
        return {
            self.source: "whole", self.preview: gr.update(visible=False),
        } | self.language.reset()  # fmt: skip

    def asked(
        self, controller: BundleController, seen: Factual, region: str, mask: np.ndarray | None
    ) -> dict[Any, Any]:
        """Updates for an earlier question's picture and region.

        :param region: as :class:`RegionSpec` writes it.
        :param mask: uint8 [H, W], non-zero where change was allowed; None where it was drawn anew.
        """
        spec = RegionSpec.parse(region, given=mask is not None)
        source = {Whole: "whole", Auto: "auto", Words: "words", Clicks: "clicks"}.get(
            type(spec), "painted"
        )
        if source not in [value for _, value in _sources(controller)]:
            source = "painted"
        overlay = None
        if mask is not None and source != "whole":
            white = (mask > 0).astype(np.uint8) * 255
            overlay = canvas.Overlay(white, "earlier", region, at_once=True)
        picture = export.as_picture(seen.pixels)
        scene = canvas.scene(picture, overlay, of=seen.digest)
        return {self.canvas: gr.update(scene=scene), self.source: source}

    def wire(self, picture: gr.State, bundle: gr.Dropdown, model: gr.Dropdown) -> None:
        """Let ``model`` propose a region of ``picture``."""
        places, controllers = [self.canvas, self.source, self.preview], self.controllers
        settings = [*self.settings.values()]

        # Gradio fills in a request only ahead of starred parameters.
        async def propose(
            request: gr.Request, seen: Factual | None, asks: str | None, *values: Any
        ) -> tuple[Any, ...]:
            controllers.use(owner_of(request))
            asked = dict(zip(self.settings, values, strict=True))
            try:
                controller, factual = controllers.of(seen)
                scene, heat = await controller.propose(
                    owner_of(request), factual.pixels, asks, asked
                )
            except StudioError as error:
                of = seen.digest if seen else ""
                told = canvas.scene(of=of, message=sentence(error))
                return gr.update(scene=told), "whole", gr.skip()
            if not controllers.still(owner_of(request), factual):
                return tuple(gr.skip() for _ in places)
            return gr.update(scene=scene), "auto", gr.update(value=heat, visible=True)

        # Neither a veil over the picture nor over what chooses it.
        quietly = {"show_progress_on": [self._propose], "api_visibility": "private"}
        self._propose.click(propose, [picture, model, *settings], places, **quietly)

        async def source_chosen(
            request: gr.Request, source: str, seen: Factual | None, asks: str | None, *values: Any
        ) -> tuple[Any, ...]:
            if source != "auto":
                return tuple(gr.skip() for _ in places)
            return await propose(request, seen, asks, *values)

        self.source.input(
            source_chosen, [self.source, picture, model, *settings], places,
            js=TAKE_UP, **quietly,
        )  # fmt: skip
        self.canvas.brought(
            self.bring, [self._file, self._of, self._name, picture], [self.canvas, self.source],
            js=canvas.READ_FILE, trigger_mode="always_last", **QUIET,
        )  # fmt: skip
        self.canvas.earlier(
            self.recall, picture, [self.canvas, self.source], **QUIET,
        )  # fmt: skip
        self.language.wire(picture, bundle, self.source, self.canvas)

    async def bring(
        self, request: gr.Request, file: str, of: str, name: str, seen: Factual | None
    ) -> tuple[Any, ...]:
        """Offer a mask file that a person chose over the picture, or say why it cannot be used."""
        try:
            controller, factual = self.controllers.of(seen)
            mask = await controller.mask_of(owner_of(request), file, factual)
        except StudioError as error:
            return gr.update(scene=canvas.scene(of=of, message=sentence(error))), gr.skip()
        overlay = canvas.Overlay(mask, "file", str(MaskFile(name.strip() or "file")))
        return gr.update(scene=canvas.scene(overlay=overlay, of=of)), "painted"

    def recall(self, request: gr.Request, seen: Factual | None) -> tuple[Any, ...]:
        """Offer the last run's region over the picture, or say that there is none."""
        try:
            controller, factual = self.controllers.of(seen)
            runs = controller.runs.of(owner_of(request))
            overlay = latest_region(runs, factual.pixels.shape[:2])
            if overlay is None:
                raise NotFound("no run of this page has a region for such a picture yet; run first")
        except StudioError as error:
            of = seen.digest if seen else ""
            return gr.update(scene=canvas.scene(of=of, message=sentence(error))), gr.skip()
        return gr.update(scene=canvas.scene(overlay=overlay, of=factual.digest)), "painted"


def _sources(controller: BundleController) -> list[tuple[str, str]]:
    found = SOURCES + SPOKEN if controller.photographs else SOURCES
    return [(_(label), name) for label, name in found]


def _clickable(controller: BundleController) -> bool:
    return controller.photographs and controller.language["clicks"] is None
