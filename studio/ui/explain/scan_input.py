"""Files that hold more than one picture of 8 bits: DICOM, deep or multi-page TIFF, HEIC, arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from backends.imaging import Reading
from studio.ui.shared import markup
from studio.ui.shared.controller import BundleController, Shown
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.requests import owner_of, show_errors

__all__ = ["ScanInput"]

FILES = [".dcm", ".dicom", ".tif", ".tiff", ".heic", ".heif", ".jp2", ".j2k", ".npy", ".pgm"]


class ScanInput:
    """A file, its page and its window, laid out inside the current Blocks. Page and window are
    shown only for files that have some."""

    def __init__(self, controllers: Controllers) -> None:
        self.controllers = controllers
        self._file = gr.File(
            label="Or a file: DICOM, TIFF, HEIC, JPEG 2000, NumPy", file_types=FILES, height=90,
            elem_id="scan",
        )  # fmt: skip
        with gr.Row():
            self._page = gr.Number(
                1, label="Page", precision=0, minimum=1, visible=False, elem_id="scan-page",
                min_width=90,
            )  # fmt: skip
            self._centre = gr.Slider(
                0, 1, label="Window level", info="The value in the middle", visible=False,
                elem_id="scan-centre", min_width=180,
            )  # fmt: skip
            self._width = gr.Slider(
                0, 1, label="Window width", info="From black to white", visible=False,
                elem_id="scan-width", min_width=180,
            )  # fmt: skip
        self._note = gr.HTML(elem_id="scan-note")

    def wire(
        self, bundle: gr.Dropdown,
        put: Callable[[str, BundleController, Shown], dict[Any, Any]], places: list[Any],
    ) -> None:  # fmt: skip
        """Let a file, another page or another window fill ``places`` with what ``put`` makes of
        it."""
        own = [self._page, self._centre, self._width, self._note]

        async def shown(
            path: str | None, name: str, request: gr.Request, page: float | None = 1,
            window: tuple[float, float] | None = None,
        ) -> tuple[dict[Any, Any], Reading | None]:  # fmt: skip
            if path is None:
                return {places[0]: gr.skip()}, None
            with show_errors():
                owner, controller = owner_of(request), self.controllers[name]
                found = await controller.show(owner, path, int(page or 1), window)
                return put(owner, controller, found), found.reading

        async def opened(path: str | None, name: str, request: gr.Request) -> dict[Any, Any]:
            updates, reading = await shown(path, name, request)
            return updates | self._controls(reading)

        async def turned(
            path: str | None, name: str, page: float | None, request: gr.Request
        ) -> dict[Any, Any]:
            updates, reading = await shown(path, name, request, page)
            return updates | {self._note: _noted(reading)}

        async def windowed(
            path: str | None, name: str, page: float | None, centre: float, width: float,
            request: gr.Request,
        ) -> dict[Any, Any]:  # fmt: skip
            updates, reading = await shown(path, name, request, page, (centre, width))
            return updates | {self._note: _noted(reading)}

        private = {"api_visibility": "private", "show_progress": "hidden"}
        asked = [self._file, bundle]
        self._file.upload(opened, asked, [*places, *own], **private)
        self._file.clear(lambda: self._controls(None), None, own, **private)
        self._page.submit(turned, [*asked, self._page], [*places, self._note], **private)
        for slider in (self._centre, self._width):
            slider.release(
                windowed, [*asked, self._page, self._centre, self._width],
                [*places, self._note], **private,
            )  # fmt: skip

    def _controls(self, reading: Reading | None) -> dict[Any, Any]:
        """The controls that a file has use for."""
        pages = reading.pages if reading else 1
        window = reading.window if reading else None
        deep, (centre, width) = window is not None, window or (0.5, 1.0)
        return {
            self._page: gr.update(
                value=1, maximum=pages, visible=pages > 1, label=f"Page (of {pages})"
            ),
            self._centre: gr.update(
                value=centre, minimum=centre - width, maximum=centre + width, visible=deep
            ),
            self._width: gr.update(
                value=width, minimum=width / 100, maximum=2 * width, visible=deep
            ),
            self._note: _noted(reading),
        }


def _noted(reading: Reading | None) -> str:
    return markup.hint(f"Seen: {reading.note}.") if reading and reading.note else ""
