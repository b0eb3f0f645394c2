"""Factors that can be planted into a digit, and measured in any picture of one.

Each has two levels, -1 and 1, set from the same clean picture, so that the effect of a factor on a
model is what changes between them: an intervention.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from backends.metrics.morphometry import Morphometry, measure

__all__ = ["FACTORS", "Factor"]

EDGE = 2  # black pixels around the 28x28 of a digit, which some priors do not draw
MARK = slice(25, 29)  # rows and columns of the mark, 4 pixels in the lower right corner
AROUND = slice(23, 30)
CONTRAST = 0.9  # of the mark
STEEP = 0.4  # of the background: from 0 on one side to this on the other
SHEAR = 0.35  # pixels to the side for each pixel upwards
FINE, RADIUS = 4, 2  # strokes grow or shrink by 2 pixels of a picture enlarged 4 times
INK = 0.5  # a pixel as bright is a stroke
CONTRAST_OF_INK = 0.1  # of a picture that has strokes, at least


@dataclass(frozen=True)
class Factor:
    """A property of a picture that a model may rely on.

    :ivar plant: clean pictures [B, 1, 32, 32] in [0, 1] and levels [B] of -1 and 1 -> pictures.
    :ivar measure: pictures -> the factor's value, float64 [B], greater at level 1; NaN where it
        cannot be measured.
    :ivar region: the only place where it lies, as :class:`backends.regions.spec.RegionSpec` writes
        it; empty where it is everywhere.
    :ivar drawn: whether clean digits vary in it, so that priors that learnt clean digits can draw
        it.
    """

    name: str
    title: str
    unit: str
    plant: Callable[[Tensor, Tensor], Tensor]
    measure: Callable[[Tensor], Tensor]
    region: str
    drawn: bool


def _framed(x: Tensor) -> Tensor:
    """Black around the 28x28 pixels."""
    return F.pad(x[:, :, EDGE:-EDGE, EDGE:-EDGE], (EDGE,) * 4)


def _plant_mark(x: Tensor, level: Tensor) -> Tensor:
    x = x.clone()
    there = level[:, None, None] > 0
    x[:, 0, MARK, MARK] = torch.where(there, CONTRAST, x[:, 0, MARK, MARK])
    return x


def _mark(x: Tensor) -> Tensor:
    """The mark's mean minus the mean of the pixels around it."""
    x = x[:, 0].double()
    mark, corner = x[:, MARK, MARK], x[:, AROUND, AROUND]
    around = corner.sum((1, 2)) - mark.sum((1, 2))
    return mark.mean((1, 2)) - around / (corner[0].numel() - mark[0].numel())


def _plant_thickness(x: Tensor, level: Tensor) -> Tensor:
    """Dilate or erode the strokes, as Morpho-MNIST does on an enlarged picture."""
    large = F.interpolate(x, scale_factor=FINE, mode="bilinear", align_corners=False)
    sign = level.view(-1, 1, 1, 1).to(x)
    moved = sign * F.max_pool2d(sign * large, 2 * RADIUS + 1, stride=1, padding=RADIUS)
    return _framed(F.avg_pool2d(moved, FINE).clamp(0, 1))


def _plant_slant(x: Tensor, level: Tensor) -> Tensor:
    """Shear to the left or right around the middle row."""
    theta = torch.eye(2, 3).repeat(len(x), 1, 1).to(x)
    theta[:, 0, 1] = SHEAR * level.to(x)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return _framed(F.grid_sample(x, grid, padding_mode="border", align_corners=False))


def _plant_gradient(x: Tensor, level: Tensor) -> Tensor:
    """A background that becomes brighter to the right (1) or to the left (-1)."""
    ramp = torch.linspace(0, STEEP, x.shape[-1]).to(x)
    rows = torch.where(level[:, None] > 0, ramp, ramp.flip(0))
    return _framed(torch.maximum(x, rows[:, None, None, :].to(x)))


def _gradient(x: Tensor) -> Tensor:
    """Slope of the least-squares line through the background along the rows: the change of
    brightness from the left side to the right."""
    x = x[:, 0, EDGE:-EDGE, EDGE:-EDGE].double()
    ground = (x < INK).double()
    count = ground.sum((1, 2)).clamp_min(1)
    across = torch.linspace(0, 1, x.shape[-1], dtype=torch.float64).to(x.device).expand_as(x)
    middle = (across * ground).sum((1, 2)) / count
    level = (x * ground).sum((1, 2)) / count
    off = (across - middle[:, None, None]) * ground
    return (off * (x - level[:, None, None])).sum((1, 2)) / off.square().sum((1, 2))


def _stroke(name: str) -> Callable[[Tensor], Tensor]:
    at = Morphometry._fields.index(name)

    def one(digit: np.ndarray) -> float:
        # A picture of one grey has no stroke to measure.
        return measure(digit)[at] if np.ptp(digit) >= CONTRAST_OF_INK else float("nan")

    return lambda x: torch.tensor(
        [one(digit) for digit in x[:, 0].double().cpu().numpy()], dtype=torch.float64
    )


FACTORS = {
    factor.name: factor
    for factor in (
        Factor(
            "mark", "corner mark", "of white", _plant_mark, _mark,
            f"box:{AROUND.start},{AROUND.start},{AROUND.stop},{AROUND.stop}", drawn=False,
        ),
        Factor(
            "thickness", "stroke thickness", "pixels", _plant_thickness, _stroke("thickness"),
            "", drawn=True,
        ),
        Factor("slant", "slant", "radians", _plant_slant, _stroke("slant"), "", drawn=True),
        Factor(
            "gradient", "background gradient", "of white from side to side", _plant_gradient,
            _gradient, "", drawn=False,
        ),
    )
}  # fmt: skip
