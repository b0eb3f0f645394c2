"""One page of a picture file, upright, as the file holds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from backends.errors import BadInput
from backends.imaging.windows import Shape, ValueWindow

__all__ = ["MAX_PIXELS", "Accept", "Page", "Wanted", "check_bytes", "check_page", "check_size"]

MAX_PIXELS = 50_000_000
MAX_BYTES = 16 * MAX_PIXELS  # of a decoded page: four channels of 32 bits

Accept = Callable[[tuple[int, int]], None]


@dataclass(frozen=True)
class Wanted:
    """What of a file is asked for.

    :ivar page: counted from 1.
    :ivar window: that a person chose; None takes the file's own, or what fits its values.
    :ivar accept: gets (width, height) before anything is decoded, and raises BadInput.
    """

    page: int = 1
    window: ValueWindow | None = None
    accept: Accept | None = None


@dataclass(frozen=True)
class Page:
    """A page as it was decoded.

    :ivar content: a picture in the file's own mode, or values [H, W], [H, W, 3] or, with alpha,
        [H, W, 4] that 8 bits do not hold.
    :ivar turn: EXIF's, which was applied.
    :ivar own: the file's own window.
    :ivar shape: of the windows that a person chooses for this kind of file.
    :ivar inverted: whether the least value is white.
    :ivar counted: where values are measured and not padding, [H, W]; None everywhere.
    :ivar lossy: whether a mask's two levels may have noise.
    """

    content: Image.Image | np.ndarray
    number: int = 1
    count: int = 1
    turn: int = 0
    own: ValueWindow | None = None
    shape: Shape = "EXACT"
    inverted: bool = False
    counted: np.ndarray | None = None
    lossy: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        if isinstance(self.content, Image.Image):
            return self.content.size
        return self.content.shape[1], self.content.shape[0]


def check_size(name: str, size: tuple[int, int], accept: Accept | None) -> None:
    """:raises BadInput: so many pixels are too many, or not accepted."""
    width, height = size
    if width * height > MAX_PIXELS:
        raise BadInput(
            "{name} has {width:.0f} megapixels; reduce it to {max_pixels} or fewer",
            name=name,
            width=width * height / 1000000.0,
            max_pixels=MAX_PIXELS // 1000000,
        )
    if width < 1 or height < 1:
        raise BadInput(
            "{name} has no pixels ({width}x{height}); choose another file",
            name=name,
            width=width,
            height=height,
        )
    if accept is not None:
        accept(size)


def check_bytes(name: str, count: int) -> None:
    """:raises BadInput: a decoder would ask for so many bytes that it is no picture any more."""
    if count > MAX_BYTES:
        raise BadInput(
            "{name} needs {count:.1f} GB when it is unpacked; save it smaller, or with "
            "fewer channels or bits",
            name=name,
            count=count / 1000000000.0,
        )


def check_page(name: str, page: int, count: int) -> int:
    """The page itself.

    :raises BadInput: the file has no such page.
    """
    if not 1 <= page <= count:
        raise BadInput(
            "{name} has {count} page{value}, and no page {page}",
            name=name,
            count=count,
            value="s" * (count > 1),
            page=page,
        )
    return page
