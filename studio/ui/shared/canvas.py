"""Two canvases of our own inside gr.HTML: the region brush and the drawing board.

Gradio's ImageEditor uploads its layers at every event of the page; these upload nothing until a
button asks for the mask.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
from dataclasses import asdict, dataclass, replace
from typing import Literal

import gradio as gr
import numpy as np
from PIL import Image

from backends.errors import BadInput
from studio import export
from studio.templates import render
from studio.ui.shared import shortcuts
from studio.ui.shared.static import static_text

__all__ = [
    "READ_CLICKS",
    "READ_FILE",
    "READ_MASK",
    "SCRIPTS",
    "SMALL",
    "Overlay",
    "file_of",
    "from_data_url",
    "preview",
    "region_canvas",
    "region_markup",
    "scene",
    "sketch_board",
]

LONGEST = 8_000_000  # of the canvas's own data URL
LARGEST = 32_000_000  # of a file's: a mask of a photograph's size may be large
SMALL = 128  # pixels; up to here a picture's pixels are shown as the blocks they are
SCRIPTS = ("canvas.js", "shapes.js", "drawing.js", "proposals.js")  # of the region's canvas
_numbers = itertools.count()


# Puts the painted mask, and how it was made, in place of a handler's second and third input.
READ_MASK = """(...a) => {
  const region = window.regionCanvas;
  [a[1], a[2]] = region ? [region.mask(), region.story()] : ["", ""];
  return a;
}"""
# Puts a mask file as a data URL, of which picture it is a mask, and the file's name in place of a
# handler's first three inputs.
READ_FILE = "(...a) => { [a[0], a[1], a[2]] = window.regionCanvas.brought(); return a; }"
# Puts the clicks in place of a handler's first input.
READ_CLICKS = "(...a) => { a[0] = window.regionCanvas.clicks(); return a; }"


@dataclass(frozen=True)
class Overlay:
    """A mask that is offered over the region on the canvas, until a person applies or cancels it;
    None takes back what the same source offered before.

    :ivar source: what offers it: the model, words, clicks, a mask file, an earlier run.
    :ivar story: how the mask was made, for the record.
    :ivar count: of clicks that the mask answers; later clicks make it old.
    :ivar replaces: whether the same clicks gave another mask before.
    :ivar at_once: whether it is the region now, without being offered first.
    """

    mask: np.ndarray | None
    source: Literal["auto", "file", "words", "clicks", "earlier"]
    story: str
    count: int = 0
    replaces: bool = False
    at_once: bool = False


def region_markup() -> str:
    """The canvas and its tools."""
    return str(render("region.html", "canvas", shortcuts.keys("#factual")))


def region_canvas(elem_id: str, first: str) -> gr.HTML:
    """The canvas over the picture. Set its ``scene`` prop with :func:`scene`; read the mask in a
    ``js=`` hook with ``regionCanvas.mask()``.

    Its events: ``painted`` after every edit, ``cancelled`` when what was offered is put away,
    ``took`` when a tool for clicks is chosen, ``clicked`` after every click on a thing, ``brought``
    when a mask file was chosen, ``earlier`` when the last run's region is asked for."""
    script, markup = static_text(*SCRIPTS), region_markup()
    return gr.HTML(elem_id=elem_id, html_template=markup, js_on_load=script, scene=first)


def sketch_board(elem_id: str) -> gr.HTML:
    """A board to draw on; read it in a ``js=`` hook with ``sketch.picture()``."""
    markup = str(render("widgets.html", "sketch"))
    return gr.HTML(elem_id=elem_id, html_template=markup, js_on_load=static_text("sketch.js"))


def preview(picture: Image.Image, side: int) -> str:
    """A data URL that arrives with its event; a large picture is lossy, and reduced where it is
    larger than ``side``; the exact one is among the files."""
    if max(picture.size) <= SMALL:
        return export.data_url(picture)
    picture = picture.convert("RGB")
    return export.data_url(export.enlarge(picture, min(side, max(picture.size))), "JPEG")


def from_data_url(text: str) -> bytes:
    """The bytes of a PNG data URL that the page's own canvas sent.

    :raises BadInput: it is something else, or too large.
    """
    if not text.startswith("data:image/png;base64,") or len(text) > LONGEST:
        raise BadInput("the browser sent no PNG; reload the page and try again")
    return file_of(text)


def file_of(text: str) -> bytes:
    """The bytes of a data URL: of any file that a person chose.

    :raises BadInput: it is none, damaged, or too large.
    """
    head, _, body = text.partition(",")
    if not head.startswith("data:") or not head.endswith(";base64") or len(body) > LARGEST:
        raise BadInput("the browser sent no file, or too large a one; reload the page, try again")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise BadInput("the browser sent a damaged file; reload the page and try again") from error


def scene(
    picture: Image.Image | None = None,
    overlay: Overlay | None = None,
    *,
    of: str = "",
    clickable: bool | None = None,
    refused: int | None = None,
    empty: bool = False,
    message: str | None = None,
) -> str:
    """What the canvas shows next: a new picture (which clears the mask), something laid over it,
    or no picture any more.

    :param of: which picture that is, or was looked at for what is laid or refused; when another
        is shown meanwhile, that is dropped.
    :param clickable: whether the tools for clicks are offered.
    :param message: a sentence below the canvas.
    :param refused: so many clicks gave nothing; the last of them is taken back.
    """
    # The page gets a scene only when it differs from the last one; showing the same picture
    # or proposal again must clear or restore the canvas too.
    content: dict[str, object] = {"number": next(_numbers), "empty": empty, "of": of}
    if picture is not None:
        content["picture"] = preview(picture, max(picture.size))
    if overlay is not None:
        url = None if overlay.mask is None else export.data_url(Image.fromarray(overlay.mask))
        content["laid"] = asdict(replace(overlay, mask=None)) | {"mask": url}
    if clickable is not None:
        content["clickable"] = clickable
    if refused is not None:
        content["refused"] = refused
    if message is not None:
        content["message"] = message
    return json.dumps(content)
