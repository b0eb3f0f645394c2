"""Turn, crop and make black and white what was uploaded, before the model sees it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import gradio as gr
from PIL import Image
from pydantic import ValidationError

from backends.errors import BadInput, StudioError
from backends.imaging import Adjustment
from studio.templates import render
from studio.translation import _
from studio.ui.shared import canvas
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.factual import Shown
from studio.ui.shared.requests import owner_of
from studio.ui.shared.static import static_text

__all__ = ["AdjustInput"]

SIDE = 440  # pixels of the preview
READ = "(...a) => { a[0] = JSON.stringify(window.adjustment); return a; }"


class AdjustInput:
    """A preview with a frame, laid out inside the current Blocks, of the picture that was uploaded
    last; hidden for other pictures.

    :ivar panel: what :meth:`offered` and :meth:`hidden` fill.
    """

    def __init__(self, controllers: Controllers) -> None:
        self.controllers = controllers
        self.panel = gr.HTML(
            elem_id="adjust",
            html_template=str(render("widgets.html", "adjust")),
            js_on_load=static_text("adjust.js"),
            picture="",
        )
        self._wanted = gr.Textbox(visible=False, label=_("How the picture is adjusted (JSON)"))

    def offered(self, picture: Image.Image) -> dict[Any, Any]:
        """Updates for a picture that was uploaded."""
        return {self.panel: gr.update(picture=canvas.preview(picture, SIDE))}

    def hidden(self) -> dict[Any, Any]:
        """Updates for none."""
        return {self.panel: gr.update(picture="")}

    def wire(
        self, uploaded: list[Any], bundle: gr.Dropdown,
        put: Callable[[str, BundleController, Shown], dict[Any, Any]],
        refuse: Callable[[str, StudioError], dict[Any, Any]], places: list[Any],
    ) -> None:  # fmt: skip
        """Let the adjusted picture fill ``places``.

        :param uploaded: the controls of the file: its path, its page, level and width of its
            window.
        """

        async def adjust(
            wanted: str, name: str, path: str | None, page: float | None, centre: float,
            width: float, request: gr.Request,
        ) -> dict[Any, Any]:  # fmt: skip
            owner, controller = owner_of(request), self.controllers[name]
            try:
                if path is None:
                    raise BadInput("upload a picture first")
                how = _read(wanted)
                window = (centre, width) if width else None
                shown = await controller.show(owner, path, int(page or 1), window, how)
                return put(owner, controller, shown)
            except StudioError as error:
                return refuse(owner, error)

        self.panel.used(
            adjust, [self._wanted, bundle, *uploaded], places, js=READ,
            show_progress_on=self.panel, api_visibility="private",
        )  # fmt: skip


def _read(text: str) -> Adjustment:
    try:
        return Adjustment(**json.loads(text))
    except (TypeError, ValueError, RecursionError, ValidationError) as error:
        raise BadInput("the picture cannot be adjusted so; draw the frame anew") from error
