"""EXIF's orientation, and pictures turned by it."""

from __future__ import annotations

import struct

from PIL import Image

__all__ = ["TURNS", "orientation", "turn_of", "turned"]

TAG = 0x0112
SHORT, LONG = 3, 4  # TIFF's types of whole numbers
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip


def turn_of(picture: Image.Image) -> int:
    """The turn that EXIF's own tag asks for, 1 to 8, or 0; XMP's is not looked at, as in
    browsers."""
    found = picture.info.get("exif")
    return orientation(found) if isinstance(found, bytes) else 0


def turned(picture: Image.Image, turn: int) -> Image.Image:
    """A copy of the picture, upright."""
    return picture.transpose(TURNS[turn]) if turn in TURNS else picture.copy()


def orientation(exif: bytes) -> int:
    """EXIF's orientation, 1 to 8, or 0: read by itself, so that no other tag can be in its way."""
    data = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        return 0
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "HH", data, entry)
            if tag == TAG and kind in (SHORT, LONG):
                width = "H" if kind == SHORT else "I"
                (value,) = struct.unpack_from(order + width, data, entry + 8)
                return int(value) if 1 <= value <= 8 else 0
    except struct.error:  # cut off
        return 0
    return 0
