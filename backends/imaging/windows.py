"""Deep values as 8 bits: through a window of values, or by what their bits hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from backends.errors import BadInput

__all__ = ["Shades", "Shape", "ValueWindow", "shades_of", "window_in"]

Shape = Literal["EXACT", "LINEAR", "SIGMOID"]


@dataclass(frozen=True)
class ValueWindow:
    """Which values are told apart: what lies below is black, what lies above white.

    :ivar shape: DICOM's function: ``LINEAR`` is a half value and one value narrower at the
        centre and the width than ``EXACT`` is (PS3.3, C.11.2.1.2).
    """

    centre: float
    width: float
    shape: Shape = "EXACT"

    @staticmethod
    def of(window: tuple[float, float] | None, shape: Shape = "EXACT") -> ValueWindow | None:
        """Make a window of (centre, width); None of none.

        :raises BadInput: it has no width, or is not finite.
        """
        if window is None:
            return None
        if not (np.isfinite(window).all() and window[1] > 0):
            raise BadInput("a window's width must be greater than 0; write CENTRE,WIDTH")
        return ValueWindow(*window, shape)

    @staticmethod
    def between(low: float, high: float) -> ValueWindow:
        """Make the window from black to white."""
        return ValueWindow((low + high) / 2, high - low)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Finite values of any shape as uint8 of the same shape."""
        if self.shape == "SIGMOID":
            power = (-4 * (values - self.centre) / self.width).clip(-700, 700)
            return (255 / (1 + np.exp(power))).round().astype(np.uint8)
        low, high = self.ends
        return ((values - low) / (high - low) * 255).clip(0, 255).round().astype(np.uint8)

    @property
    def ends(self) -> tuple[float, float]:
        """The values that are black and white."""
        low, width = self.centre - self.width / 2, self.width
        if self.shape == "LINEAR":
            width = max(width - 1, 1e-9)
            low = self.centre - 0.5 - width / 2
        return low, low + width


def window_in(text: str) -> tuple[float, float] | None:
    """Read a window's centre and width in ``CENTRE,WIDTH``; None in an empty text.

    :raises BadInput: it is written otherwise, or has no width.
    """
    if not text.strip():
        return None
    try:
        centre, width = (float(part) for part in text.split(","))
    except ValueError as error:
        raise BadInput(
            "window {text!r} is not understood; write CENTRE,WIDTH", text=text
        ) from error
    ValueWindow.of((centre, width))
    return centre, width


@dataclass(frozen=True)
class Shades:
    """Deep values as they are shown.

    :ivar pixels: uint8, of the values' shape.
    :ivar span: the least and the greatest finite value.
    """

    pixels: np.ndarray
    window: ValueWindow
    span: tuple[float, float]


def shades_of(
    values: np.ndarray,
    window: ValueWindow | None = None,
    own: ValueWindow | None = None,
    counted: np.ndarray | None = None,
) -> Shades:
    """Values of more than 8 bits as uint8 of the same shape.

    What is not a number is black, infinities are the least and the greatest finite value. Without
    a window,

    * floats in [0, 1], give or take 2 %, and floats in [0, 255] keep those ranges;
    * whole numbers that use more than half of 8, 10, 12, 14 or 16 bits are divided by what those
      bits hold: cameras and scanners store 12 bits in files of 16;
    * anything else, such as CT's Hounsfield units or any negative number, is seen through a
      window from its 0.5 to its 99.5 % quantile.

    :param window: that a person chose.
    :param own: the file's.
    :param counted: where values are measured ones; elsewhere padding; None everywhere.
    """
    whole = values.dtype.kind in "iub"
    values = values.astype(np.float64)
    finite = np.isfinite(values)
    counted = finite if counted is None or not (counted & finite).any() else counted & finite
    if not finite.any():
        return Shades(np.zeros(values.shape, np.uint8), ValueWindow(0.5, 1.0), (0.0, 0.0))
    least, greatest = float(values[counted].min()), float(values[counted].max())
    values = np.nan_to_num(values, nan=least, posinf=greatest, neginf=least)
    used = window or own or _fitting(values[counted], whole)
    return Shades(used(values), used, (least, greatest))


def _fitting(values: np.ndarray, whole: bool) -> ValueWindow:
    """Which values become black and white."""
    low, high = (float(v) for v in np.quantile(values, (0.005, 0.995)))
    if not whole and low >= -0.02 and 0.02 < high <= 1.02:
        return ValueWindow.between(0.0, 1.0)
    if values.min() >= 0 or (not whole and low >= -1):
        # A speck of glare beyond the bits that the rest uses counts only where it is not alone.
        top = float(values.max()) if whole else high
        for bits in (8, 10, 12, 14, 16):
            most = 2**bits - 1
            if most / 2 < top <= most * 1.02:
                return ValueWindow.between(0.0, float(most))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    return ValueWindow.between(low, high if high > low else low + 1.0)
