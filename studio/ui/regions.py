"""Where change is allowed: anywhere, where a person paints, or where the model looks."""

from __future__ import annotations

from typing import Any

import gradio as gr

from backends.errors import StudioError
from backends.regions.settings import AutoRegion
from studio.ui import canvas, form
from studio.ui.desk import Desk
from studio.ui.edge import owner_of, sentence

__all__ = ["Regions"]

SOURCES = [
    ("Whole picture", "whole"),
    ("Where I paint", "painted"),
    ("Where the model looks", "auto"),
]


class Regions:
    """The canvas over the picture and what draws on it, laid out inside the current Blocks.

    :ivar source: ``whole``, ``painted`` or ``auto``.
    :ivar mask: empty; ``canvas.READ_MASK`` puts the painted mask in its place.
    :ivar canvas: shows the picture, given a scene.
    :ivar preview: the attribution behind the last proposal.
    :ivar proposed: how the mask on the canvas was proposed, for the record.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.proposed = gr.State("auto")
        self.mask = gr.Textbox(visible=False, label="Mask (PNG data URL)")
        self.source = gr.Radio(
            SOURCES, value="whole", label="Where change is allowed", elem_id="region-source"
        )
        self.canvas = canvas.region_canvas("factual")
        with gr.Accordion("Let the model propose a region", open=False):
            self._form = form.controls(AutoRegion.model_json_schema())
            self._propose = gr.Button("Propose", elem_id="propose")
            self.preview = gr.Image(
                label="What mattered to the model", format="png", interactive=False,
                height=200, visible=False, elem_id="region-preview", buttons=[],
            )  # fmt: skip

    def wire(self, picture: gr.State, target: gr.Dropdown) -> None:
        """Let the model that ``target`` asks propose a region of ``picture``."""
        places = [self.canvas, self.source, self.preview, self.proposed]
        settings = [*self._form.values()]

        # Gradio fills in a request only ahead of starred parameters.
        async def propose(
            request: gr.Request, seen: Any, wanted: str | None, *values: Any
        ) -> tuple[Any, ...]:
            asked = dict(zip(self._form, values, strict=True))
            try:
                scene, heat = await self.desk.propose(owner_of(request), seen, wanted, asked)
            except StudioError as error:
                gr.Warning(sentence(error), duration=12)
                return gr.skip(), "whole", gr.skip(), gr.skip()
            source = "auto:" + ",".join(f"{key}={value}" for key, value in asked.items())
            return gr.HTML(scene=scene), "auto", gr.update(value=heat, visible=True), source

        self._propose.click(propose, [picture, target, *settings], places, api_name="region")

        async def source_chosen(
            request: gr.Request, source: str, seen: Any, wanted: str | None, *values: Any
        ) -> tuple[Any, ...]:
            if source != "auto":
                return tuple(gr.skip() for _ in places)
            return await propose(request, seen, wanted, *values)

        self.source.input(
            source_chosen, [self.source, picture, target, *settings], places,
            api_visibility="private",
        )  # fmt: skip
        self.canvas.painted(None, None, self.source, js="() => 'painted'", api_visibility="private")
