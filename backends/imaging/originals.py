"""A person's own picture, kept for as long as its answer may be pasted into it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from PIL import Image

from backends.core import Original
from backends.imaging.reading import Reading, Source, read

__all__ = ["feathered", "kept", "original_picture"]

MOST = 64_000_000  # bytes of a file


def kept(source: Source, reading: Reading) -> Original | None:
    """The file that was read, which is smaller than its pixels; None where it is too large."""
    if isinstance(source, (str, Path)):
        content = Path(source).read_bytes()
    elif isinstance(source, Image.Image):
        written = io.BytesIO()
        reading.picture.save(written, "PNG", compress_level=1)
        content = written.getvalue()
    elif isinstance(source, bytes):
        content = source
    else:
        source.seek(0)
        content = source.read()
    if len(content) > MOST:
        return None
    return Original(content, reading.page, reading.asked, reading.record)


def feathered(original: Original | None, pixels: int) -> Original | None:
    """The same picture, into which an answer's changes fade in over some of its pixels."""
    if original is None or pixels <= 0:
        return original
    return replace(original, feather=pixels, record=original.record | {"feather": pixels})


def original_picture(original: Original) -> Image.Image:
    """The picture, upright, 8 bit, as it was read at first."""
    return read(original.content, original.page, original.window).picture
