"""Pictures of strangers, decoded in confined processes: decoders are written in C, and meet files
that are made to crash them, or to fill the memory.

Off unless :func:`confine` turns it on, as a studio does whose visitors are others.
"""

from __future__ import annotations

import atexit
import io
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from backends.confined import Limits, WarmProcesses, allowed
from backends.errors import BadInput
from backends.imaging.pages import Page, Wanted, check_size
from backends.imaging.windows import ValueWindow
from backends.sentences import Sentence

__all__ = ["confine", "confined", "decoded_confined"]

LIMITS = Limits(
    seconds=30.0, processor=20, memory=1_500_000_000, file=500_000_000, patience=30.0
)  # fmt: skip
# Bytes: Pillow asks for its pixels in such blocks. They are larger than what the C library takes
# from its heap, and go back to the system with the picture; of 16 MB every thread keeps some.
BLOCK = 64 << 20
REMEDY = Sentence("save it as PNG or JPEG, or smaller, and try again")
MODES = (
    "1",
    "L",
    "LA",
    "La",
    "P",
    "PA",
    "RGB",
    "RGBA",
    "RGBa",
    "RGBX",
    "CMYK",
    "YCbCr",
    "LAB",
    "HSV",
)
PIXELS, PALETTE = "pixels", "palette"


@allowed
def import_decoders() -> None:
    """Import what takes long, before the first picture."""
    import pillow_heif
    import tifffile  # noqa: F401

    from backends.imaging import reading  # noqa: F401

    pillow_heif.register_heif_opener()
    Image.init()
    try:
        import pydicom.pixels  # noqa: F401
    except ImportError:
        return


_processes = WarmProcesses(import_decoders, remedy=REMEDY)
_on = False


def confine(on: bool = True) -> None:
    """Decode pictures in confined processes from now on, or no longer."""
    global _on
    _on = on
    if on:
        Image.core.set_block_size(BLOCK)  # type: ignore[attr-defined]
        atexit.register(_processes.close)
        threading.Thread(target=_processes.start, name="picture-decoders", daemon=True).start()


def confined() -> bool:
    """Whether pictures are decoded in confined processes."""
    return _on


def decoded_confined(source: bytes, name: str, wanted: Wanted) -> Page:
    """As :func:`backends.imaging.reading.decoded`.

    :raises StudioError: as that does, and where the process dies, or needs too much.
    """
    with tempfile.TemporaryDirectory(prefix="picture-") as scratch:
        folder = Path(scratch)
        (folder / "source").write_bytes(source)
        told = _processes.call(
            decode_to_files, name, LIMITS, folder=str(folder), name=name, page=wanted.page,
            window=asdict(wanted.window) if wanted.window else None,
        )  # fmt: skip
        try:
            page = _page(told, folder)
        except (KeyError, TypeError, ValueError, OSError, MemoryError) as error:
            raise BadInput(
                "{name} cannot be read as a picture; {remedy}", name=name, remedy=REMEDY
            ) from error
    check_size(name, page.size, wanted.accept)
    return page


@allowed
def decode_to_files(
    folder: str, name: str, page: int, window: dict[str, Any] | None
) -> dict[str, Any]:
    """Decode ``source`` of a folder in the process that is confined; its pixels become a file."""
    from backends.imaging.reading import decoded_here

    place = Path(folder)
    wanted = Wanted(page, ValueWindow(**window) if window else None)
    found = decoded_here(io.BytesIO((place / "source").read_bytes()), name, wanted)
    content: dict[str, Any] = {"size": found.size}
    if isinstance(found.content, np.ndarray):
        array = np.ascontiguousarray(found.content)
        content |= {"array": array.dtype.str, "shape": array.shape}
        (place / PIXELS).write_bytes(array.tobytes())
    else:
        content |= _described(found.content, place)
    if found.counted is not None:
        (place / "counted").write_bytes(np.ascontiguousarray(found.counted, bool).tobytes())
    return content | {
        "number": int(found.number), "count": int(found.count), "turn": int(found.turn),
        "own": asdict(found.own) if found.own else None, "inverted": bool(found.inverted),
        "shape_of_windows": found.shape, "lossy": bool(found.lossy),
    }  # fmt: skip


def _described(picture: Image.Image, place: Path) -> dict[str, Any]:
    if picture.mode not in MODES:
        picture = picture.convert("RGB")
    (place / PIXELS).write_bytes(picture.tobytes())
    content: dict[str, Any] = {"mode": picture.mode}
    if picture.palette is not None and picture.mode in ("P", "PA"):
        form, values = picture.palette.getdata()
        (place / PALETTE).write_bytes(bytes(values))
        content["palette"] = form
    clear = picture.info.get("transparency")
    if isinstance(clear, bytes):
        content["clear_bytes"] = list(clear)
    elif isinstance(clear, (int, tuple)):
        content["clear"] = clear
    return content


def _page(told: dict[str, Any], folder: Path) -> Page:
    """What the process says, which is as little to be trusted as the file.

    :raises ValueError: the pixels are not as many as it says, or of a kind that there is not.
    """
    width, height = (int(side) for side in told["size"])
    check_size("this picture", (width, height), None)
    pixels = (folder / PIXELS).read_bytes()
    content: Image.Image | np.ndarray
    if "array" in told:
        kind = np.dtype(str(told["array"]))
        shape = tuple(int(side) for side in told["shape"])
        if kind.kind not in "biuf" or shape[:2] != (height, width) or len(shape) > 3:
            raise ValueError(shape)
        content = np.frombuffer(pixels, kind).reshape(shape)
    else:
        content = _picture(told, (width, height), pixels, folder)
    own = told["own"]
    counted = None
    if (folder / "counted").is_file():
        counted = np.frombuffer((folder / "counted").read_bytes(), bool).reshape(height, width)
    return Page(
        content, int(told["number"]), int(told["count"]), int(told["turn"]),
        own=ValueWindow(float(own["centre"]), float(own["width"]), own["shape"]) if own else None,
        shape=told["shape_of_windows"], inverted=bool(told["inverted"]), counted=counted,
        lossy=bool(told["lossy"]),
    )  # fmt: skip


def _picture(
    told: dict[str, Any], size: tuple[int, int], pixels: bytes, folder: Path
) -> Image.Image:
    if told["mode"] not in MODES:
        raise ValueError(told["mode"])
    picture = Image.frombytes(told["mode"], size, pixels)
    if told.get("palette") in ("RGB", "RGBA", "BGR", "BGRX"):
        picture.putpalette((folder / PALETTE).read_bytes(), told["palette"])
    if "clear_bytes" in told:
        picture.info["transparency"] = bytes(told["clear_bytes"])
    elif "clear" in told:
        clear = told["clear"]
        picture.info["transparency"] = tuple(clear) if isinstance(clear, list) else int(clear)
    return picture
