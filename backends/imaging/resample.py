"""A window of a picture at a network's own size: cropped and resampled in one linear map.

Two small matrices, one an axis, do both. They are differentiable, the same bytes come out every
time (the backward pass of the ready-made resampling adds in any order on an accelerator), and the
window's edges may fall between pixels, so that a picture gives the same at any resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

__all__ = ["Window"]


class Window:
    """Where a network looks, and how many pixels it sees.

    :param crop: left, top, right and bottom as shares of the picture's sides.
    :param size: side of the square that the network sees, in pixels.
    """

    def __init__(self, crop: Sequence[float], size: int) -> None:
        left, top, right, bottom = crop
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise ValueError(f"crop {crop} is not inside the picture")
        self.crop, self.size = (left, top, right, bottom), size

    def __call__(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, size, size]; the range stays."""
        left, top, right, bottom = self.crop
        rows = resampling(x.shape[-2], self.size, top, bottom).to(x)
        columns = resampling(x.shape[-1], self.size, left, right).to(x)
        return rows @ x @ columns.T


@lru_cache(maxsize=64)
def resampling(length: int, size: int, start: float, stop: float) -> Tensor:
    """The matrix [size, length] that resamples a line of pixels between two shares of it.

    Weights fall off linearly with the distance (a triangle, as wide as one new pixel or one old,
    whichever is wider), which is bilinear resampling with antialiasing.
    """
    step = (stop - start) * length / size  # old pixels a new one
    new = start * length + (torch.arange(size, dtype=torch.float64) + 0.5) * step
    old = torch.arange(length, dtype=torch.float64) + 0.5
    weights = (1 - (old - new[:, None]).abs() / max(step, 1.0)).clamp(min=0)
    return (weights / weights.sum(1, keepdim=True)).float()
