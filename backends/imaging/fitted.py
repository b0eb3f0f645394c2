"""The ways to make a square of a picture, each with where the square lies in it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from backends.core import Placement
from backends.imaging.pictures import fit_square, letterboxed, photograph, squeezed
from backends.imaging.placement import centred, padded, whole

__all__ = ["fitted"]

Fit = Callable[[Image.Image, int, int], Image.Image]
Place = Callable[[tuple[int, int]], Placement]
# As bundle.json names them.
WAYS: dict[str, tuple[Fit, Place]] = {
    "square": (fit_square, centred),
    "fit": (squeezed, whole),
    "letterbox": (letterboxed, padded),
    "photograph": (photograph, centred),
}


def fitted(
    way: str, picture: Image.Image, size: int, channels: int
) -> tuple[np.ndarray, Placement]:
    """Make a square of a picture, uint8 [size, size, channels].

    :param way: ``square`` and ``photograph`` cut out the middle, ``fit`` squeezes, ``letterbox``
        pads.
    """
    fit, place = WAYS[way]
    pixels = np.asarray(fit(picture, size, channels)).reshape(size, size, channels)
    return pixels, place(picture.size)
