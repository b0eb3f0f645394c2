"""What a decoder will ask for beyond the size that a file's head says, known before it does."""

from __future__ import annotations

import struct

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from backends.errors import BadInput
from backends.imaging.pages import check_bytes, check_size

__all__ = ["ICON", "check_allocation", "check_icons"]

ICON = b"\0\0\1\0"

SIGNATURE = b"\x89PNG\r\n\x1a\n"
IN_TURN = ("GIF", "WEBP", "PNG", "AVIF")  # whose pages need all those before them
MOST = 1_000_000_000  # pixels of those together
TILE_WIDTH, TILE_HEIGHT, STRIP_ROWS, SAMPLES, BITS = 322, 323, 278, 277, 258  # TIFF's tags


def check_icons(data: bytes, name: str) -> None:
    """Check an icon's file: Pillow decodes it as it opens it, and an icon may hold a whole PNG of
    any size, whatever its table says. Other files pass.

    :raises BadInput: one of its pictures needs too much.
    """
    if not data.startswith(ICON) or len(data) < 6:
        return
    (count,) = struct.unpack_from("<H", data, 4)
    for place in range(6, min(6 + 16 * count, len(data) - 15), 16):
        (start,) = struct.unpack_from("<I", data, place + 12)
        head = data[start : start + 24]
        if head.startswith(SIGNATURE) and len(head) == 24:
            check_size(name, struct.unpack(">II", head[16:]), None)
        elif len(head) >= 12:
            width, height = struct.unpack_from("<ii", head, 4)
            # Its height counts the mask below the picture.
            check_size(name, (max(1, abs(width)), max(1, abs(height) // 2)), None)


def check_allocation(picture: Image.Image, name: str, page: int) -> None:
    """Check an opened picture, of which nothing is decoded yet.

    :param page: that will be decoded, counted from 1.
    :raises BadInput: it needs too much.
    """
    width, height = picture.size
    if picture.format in IN_TURN and page * width * height > MOST:
        raise BadInput(
            "page {page} of {name} cannot be shown: all before it would have to be "
            "unpacked; save that page as PNG",
            page=page,
            name=name,
        )
    if isinstance(picture, TiffImageFile):
        _check_tiles(picture, name)


def _check_tiles(picture: TiffImageFile, name: str) -> None:
    """A tile, or a strip, may be far larger than the picture."""
    tags = picture.tag_v2
    samples = _number(tags.get(SAMPLES), 1)
    size = -(-_number(tags.get(BITS), 8) // 8)
    width, height = picture.size
    tile = _number(tags.get(TILE_WIDTH), 0) * _number(tags.get(TILE_HEIGHT), 0)
    strip = width * min(_number(tags.get(STRIP_ROWS), height), height)
    check_bytes(name, max(tile, strip, width * height) * samples * size)


def _number(value: object, otherwise: int) -> int:
    first = value[0] if isinstance(value, tuple) and value else value
    return int(first) if isinstance(first, (int, float)) and first > 0 else otherwise
