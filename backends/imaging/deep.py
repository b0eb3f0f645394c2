"""Pillow's pictures of more than 8 bits as arrays of what the file holds."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

__all__ = ["deep_colours", "deep_grey", "deep_planes", "low_bytes"]

SAMPLES, BITS, PHOTOMETRIC, PLANES = 339, 258, 262, 284  # TIFF's tags
SIGNED, WHITE_IS_ZERO, APART = 2, 0, 2
OTHER = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}
COLOURS = ("RGB", "RGBX", "RGBA")


def low_bytes(picture: ImageFile) -> bool:
    """Let a file of 16 bits a colour, which is opened and not decoded yet, be decoded to its low
    bytes: Pillow itself keeps the high ones. False where there are none."""
    tiles = []
    for tile in picture.tile:
        args = tile.args
        raw = args[0] if isinstance(args, tuple) and args else args
        mode, _, depth = raw.partition(";") if isinstance(raw, str) else ("", "", "")
        if mode not in COLOURS or depth not in OTHER:
            return False
        other = f"{mode};{OTHER[depth]}"
        tiles.append(tile._replace(args=(other, *args[1:]) if isinstance(args, tuple) else other))
    picture.tile = tiles
    return bool(tiles)


def deep_colours(high: Image.Image, low: Image.Image) -> np.ndarray:
    """Both bytes of every colour, uint16 [H, W, 3], or [H, W, 4] with alpha."""
    return np.asarray(high).astype(np.uint16) * 256 + np.asarray(low)


def deep_grey(picture: Image.Image) -> tuple[np.ndarray | None, bool]:
    """The values [H, W] of a decoded grey picture, and whether the least is white; None where 8
    bits hold them."""
    tags = _tags(picture)
    signed = SIGNED in _several(tags.get(SAMPLES)) and _several(tags.get(BITS)) == (8,)
    if signed and picture.mode == "L":
        return np.asarray(picture).view(np.int8), False
    if not picture.mode.startswith(("I", "F")):
        return None, False
    values = np.asarray(picture)
    if picture.mode == "I" and _several(tags.get(SAMPLES, 1)) == (1,) and tags:
        values = values.view(np.uint32)  # Pillow knows only signed ones
    return values, tags.get(PHOTOMETRIC) == WHITE_IS_ZERO


def deep_planes(picture: Image.Image) -> bool:
    """Whether it is a TIFF with a plane for each colour and more than 8 bits, which Pillow takes
    for 8."""
    tags = _tags(picture)
    return tags.get(PLANES) == APART and set(_several(tags.get(BITS))) != {8}


def _tags(picture: Image.Image) -> Any:
    return picture.tag_v2 if isinstance(picture, TiffImageFile) else {}


def _several(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)
