"""Small pictures of every form, to be damaged."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from PIL import Image

__all__ = ["files"]

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "AVIF", "TIFF", "BMP", "ICO", "JPEG2000", "PPM", "TGA")
MODES = {"JPEG": "RGB", "JPEG2000": "RGB", "AVIF": "RGB"}


@cache
def files() -> list[bytes]:
    """Small pictures, of every form that Pillow writes, and arrays."""
    rows = np.random.default_rng(0).integers(0, 256, (24, 32, 4), np.uint8)
    found = []
    for form in FORMATS:
        out = io.BytesIO()
        Image.fromarray(rows).convert(MODES.get(form, "RGBA")).save(out, form)
        found.append(out.getvalue())
    for values in (rows, rows[..., 0].astype(np.uint16) * 257, rows / 255):
        out = io.BytesIO()
        np.save(out, values)
        found.append(out.getvalue())
    grey = Image.fromarray(rows[..., 0].astype(np.uint16) * 257)
    for form, options in (("TIFF", {"compression": "tiff_lzw"}), ("PNG", {})):
        out = io.BytesIO()
        grey.save(out, form, **options)
        found.append(out.getvalue())
    moving = io.BytesIO()
    frames = [Image.fromarray(np.roll(rows, n, 1)) for n in range(3)]
    frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:])
    return [*found, moving.getvalue()]
