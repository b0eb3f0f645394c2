"""Files that hold more than one picture of 8 bits: DICOM, deep or multi-page TIFF, HEIC, arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from backends.errors import StudioError
from backends.imaging import Reading
from studio.translation import _
from studio.ui.explain.adjust_input import AdjustInput
from studio.ui.shared import markup
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.factual import Shown
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import owner_of

__all__ = ["ScanInput"]

FILES = [".dcm", ".dicom", ".tif", ".tiff", ".heic", ".heif", ".jp2", ".j2k", ".npy", ".pgm"]


class ScanInput:
    """A file, its page and its window, laid out inside the current Blocks. Page and window are
    shown only for files that have some.

    :param adjust: is offered for the file that is open, as it is seen.
    :ivar asked: the controls that say what of a file is seen; the window is as wide as 0 for
        files without one.
    :ivar places: what :meth:`open` and :meth:`closed` fill, beside the picture's own places.
    """

    def __init__(self, controllers: Controllers, adjust: AdjustInput) -> None:
        self.controllers, self._adjust = controllers, adjust
        self._file = gr.File(
            label=_("Or a file: DICOM, TIFF, HEIC, JPEG 2000, NumPy"), file_types=FILES, height=136,
            elem_id="scan",
        )  # fmt: skip
        with gr.Row():
            self._page = gr.Number(
                1, label=_("Page"), precision=0, minimum=1, visible=False, elem_id="scan-page",
                min_width=90,
            )  # fmt: skip
            self._centre = gr.Slider(
                0, 1, label=_("Window level"), info=_("The value in the middle"), visible=False,
                elem_id="scan-centre", min_width=180,
            )  # fmt: skip
            self._width = gr.Slider(
                0, 1, label=_("Window width"), info=_("From black to white"), visible=False,
                elem_id="scan-width", min_width=180,
            )  # fmt: skip
        self._note = gr.HTML(elem_id="scan-note")
        self._path = gr.State(None)  # of the file that page and window are of
        self.asked = [self._path, self._page, self._centre, self._width]
        self.places = [*self.asked, self._note, adjust.panel]

    def wire(
        self, bundle: gr.Dropdown,
        put: Callable[[str, BundleController, Shown], dict[Any, Any]],
        refuse: Callable[[str, StudioError], dict[Any, Any]], places: list[Any],
    ) -> None:  # fmt: skip
        """Let a file, another page or another window fill ``places`` with what ``put`` makes of
        it, or ``refuse`` of the reason why it cannot be shown."""
        self._put, self._first = put, places[0]
        own = [*self.places, *places]
        asked = [self._path, bundle, self._page]

        async def chosen(path: str | None, name: str, request: gr.Request) -> dict[Any, Any]:
            if path is None:
                return {self._first: gr.skip()}
            try:
                return (await self.open(path, name, request))[0]
            except StudioError as error:
                return refuse(owner_of(request), error)

        async def turned(
            path: str | None, name: str, page: float | None, request: gr.Request
        ) -> dict[Any, Any]:
            try:
                return await self._show(path, name, request, page, None)
            except StudioError as error:
                return refuse(owner_of(request), error)

        async def windowed(
            path: str | None, name: str, page: float | None, centre: float, width: float,
            request: gr.Request,
        ) -> dict[Any, Any]:  # fmt: skip
            try:
                return await self._show(path, name, request, page, (centre, width))
            except StudioError as error:
                return refuse(owner_of(request), error)

        self._file.upload(chosen, [self._file, bundle], own, **QUIET)
        self._file.clear(lambda: self.closed(), None, self.places, **QUIET)
        self._page.submit(turned, asked, own, **QUIET)
        for slider in (self._centre, self._width):
            slider.release(windowed, [*asked, self._centre, self._width], own, **QUIET)

    async def open(
        self, path: str, name: str, request: gr.Request
    ) -> tuple[dict[Any, Any], Reading]:
        """Updates for a file that was uploaded anywhere on the page, and how it was read.

        :raises StudioError: it cannot be read.
        """
        updates, reading = await self._seen(path, name, request, 1, None)
        number = gr.update(
            value=1, maximum=reading.pages, visible=reading.pages > 1,
            label=_("Page (of {pages})", pages=reading.pages),
        )  # fmt: skip
        return updates | self._sliders(reading) | {self._path: path, self._page: number}, reading

    def _sliders(self, reading: Reading) -> dict[Any, Any]:
        """The window's sliders, which reach over the page's values; none for 8 bits."""
        if reading.window is None:
            return dict.fromkeys([self._centre, self._width], gr.update(visible=False, value=0))
        centre, width = reading.window
        low, high = min(reading.span[0], centre), max(reading.span[1], centre)
        widest = max(high - low, width)
        step = 1 if widest >= 255 else widest / 500
        shown = {"step": step, "visible": True}
        return {
            self._centre: gr.update(value=centre, minimum=low, maximum=high, **shown),
            self._width: gr.update(value=width, minimum=step, maximum=widest, **shown),
        }

    def closed(self) -> dict[Any, Any]:
        """Updates for a picture that is no such file, or for none."""
        hidden = dict.fromkeys([self._page, self._centre, self._width], gr.update(visible=False))
        return {self._path: None, self._note: "", **hidden, **self._adjust.hidden()}

    async def _show(
        self, path: str | None, name: str, request: gr.Request, page: float | None,
        window: tuple[float, float] | None,
    ) -> dict[Any, Any]:  # fmt: skip
        """Updates for another page or window; another page keeps its own window."""
        if path is None:
            return {self._first: gr.skip()}
        updates, reading = await self._seen(path, name, request, int(page or 1), window)
        return updates if window else updates | self._sliders(reading)

    async def _seen(
        self, path: str, name: str, request: gr.Request, page: int,
        window: tuple[float, float] | None,
    ) -> tuple[dict[Any, Any], Reading]:  # fmt: skip
        owner, controller = owner_of(request), self.controllers[name]
        found = await controller.show(owner, path, page, window)
        reading = found.reading
        assert reading is not None
        note = markup.hint(_("Seen: {note}.", note=reading.note)) if reading.note else ""
        shown = self._put(owner, controller, found) | {self._note: note}
        return shown | self._adjust.offered(reading.picture), reading
