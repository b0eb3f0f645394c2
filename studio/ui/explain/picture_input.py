"""Where a picture comes from: an example, the bundle's generator, a file, a drawing."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from backends.errors import StudioError
from studio.translation import _
from studio.ui.explain.adjust_input import AdjustInput
from studio.ui.explain.examples import ExampleGrid
from studio.ui.explain.scan_input import ScanInput
from studio.ui.shared import canvas
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.factual import Shown
from studio.ui.shared.requests import owner_of, uploaded

__all__ = ["PictureInput"]

READ_SKETCH = "(...a) => [window.sketch.picture(), ...a.slice(1)]"
SEEDS = 1_000_000
BROWSERS = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".avif")  # show these themselves
PREVIEW = 800  # pixels of the others


class PictureInput:
    """Tabs to choose a picture in, laid out inside the current Blocks; those that the bundle has
    no use for are hidden."""

    def __init__(self, controllers: Controllers, bundle: gr.Dropdown) -> None:
        self.controllers, self._bundle = controllers, bundle
        first = controllers.first
        shown = _tabs(first)
        with gr.Tabs(selected=_selected(shown)) as self._tabs:
            with gr.Tab(_("Examples"), id="examples", visible=shown["examples"]) as examples:
                self._examples = ExampleGrid(first)
            with gr.Tab(_("New face"), id="sample", visible=shown["sample"]) as sample:
                gr.Markdown(_("A face of nobody, drawn by the bundle’s generator."))
                self._draw = gr.Button(_("New face"), elem_id="new-face")
                with gr.Row():
                    self._seed = gr.Number(
                        0, label=_("Seed of the face"), precision=0, minimum=0, elem_id="face-seed",
                        info=_("Press Enter to see the face of this seed"),
                    )  # fmt: skip
            with gr.Tab(_("Upload"), id="upload"):
                self._upload = gr.Image(
                    label=_("Upload, paste or photograph"), height=190, format="png",
                    # No "webcam": without one its panel has no way back; a phone offers its camera
                    # among the files.
                    sources=["upload", "clipboard"], elem_id="upload",
                )  # fmt: skip
                self._adjust = AdjustInput(controllers)
                self._scan = ScanInput(controllers, self._adjust)
            with gr.Tab(_("Draw"), id="draw", visible=shown["draw"]) as draw:
                self._board = canvas.sketch_board("sketch")
                self._use_drawing = gr.Button(_("Use this drawing"), elem_id="use-drawing")
                self._drawing = gr.Textbox(visible=False, label=_("Drawing (PNG data URL)"))
        self._optional = {"examples": examples, "sample": sample, "draw": draw}

    def opened(self, controller: BundleController, fresh: bool = True) -> dict[Any, Any]:
        """Updates for another bundle, or (not ``fresh``) for the same with more parts."""
        shown = _tabs(controller)
        # A tab that was shown stays when it becomes invisible, unless it is "hidden".
        updates = {
            tab: gr.update(visible=shown[name] or "hidden") for name, tab in self._optional.items()
        }
        if not fresh:
            return updates
        updates[self._tabs] = gr.update(selected=_selected(shown))
        return updates | self._examples.opened(controller)

    def wire(
        self, put: Callable[[str, BundleController, Shown], dict[Any, Any]],
        refuse: Callable[[str, StudioError], dict[Any, Any]], places: list[Any],
    ) -> None:  # fmt: skip
        """Let a chosen picture fill ``places`` with what ``put`` makes of it for its owner, and one
        that cannot be read with what ``refuse`` makes of the reason."""
        controllers, bundle = self.controllers, self._bundle

        async def predict(
            file: dict[str, Any] | None, name: str, request: gr.Request
        ) -> dict[Any, Any]:
            if file is None:
                return self._scan.closed()
            try:
                path = uploaded(file)
                updates, reading = await self._scan.open(path, name, request)
            except StudioError as error:  # raised, it would lie over every control
                return refuse(owner_of(request), error) | {self._upload: None}
            if Path(path).suffix.lower() not in BROWSERS:
                preview = reading.picture.copy()
                preview.thumbnail((PREVIEW, PREVIEW))
                updates[self._upload] = preview
            return updates

        async def shown(source: Any, name: str, request: gr.Request) -> dict[Any, Any]:
            owner, controller = owner_of(request), controllers[name]
            try:
                return put(owner, controller, await controller.show(owner, source))
            except StudioError as error:
                return refuse(owner, error)

        async def take_drawing(url: str, name: str, request: gr.Request) -> dict[Any, Any]:
            return await shown(canvas.from_data_url(url), name, request)

        async def sample(name: str, seed: float | None, request: gr.Request) -> dict[Any, Any]:
            owner, controller = owner_of(request), controllers[name]
            try:
                return put(owner, controller, await controller.sample(owner, int(seed or 0)))
            except StudioError as error:
                return refuse(owner, error)

        async def sample_new(name: str, request: gr.Request) -> dict[Any, Any]:
            seed = random.randrange(SEEDS)  # nosec B311 # a picture, no secret
            return {self._seed: seed} | await sample(name, seed, request)

        # preprocess=False: our own reader explains what is wrong with a file; gradio's would not.
        self._upload.input(
            predict, [self._upload, bundle],
            [self._upload, *self._scan.places, *places],
            show_progress_on=self._upload, api_visibility="private", preprocess=False,
        )  # fmt: skip
        self._scan.wire(bundle, put, refuse, places)
        self._adjust.wire(self._scan.asked, bundle, put, refuse, places)
        self._examples.wire(bundle, controllers.__getitem__, shown, places)
        self._use_drawing.click(
            take_drawing, [self._drawing, bundle], places, js=READ_SKETCH,
            show_progress_on=self._board, api_visibility="private",
        )  # fmt: skip
        quietly = {"show_progress_on": [self._seed], "api_visibility": "private"}
        self._draw.click(sample_new, bundle, [self._seed, *places], **quietly)
        self._seed.submit(sample, [bundle, self._seed], places, **quietly)


def _tabs(controller: BundleController) -> dict[str, bool]:
    """Which of the tabs that not every bundle has are shown."""
    return {
        "examples": bool(controller.about["examples"]),
        "sample": bool(controller.about["samples"]),
        "draw": not controller.photographs,
    }


def _selected(shown: dict[str, bool]) -> str:
    return next((name for name, is_shown in shown.items() if is_shown), "upload")
