"""Random regions for training an inpainting bridge: box, cells, free-form strokes, everything."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from backends.regions.freeform import keep_area, strokes

__all__ = ["random_masks"]


def _boxes(count: int, size: int, area: Tensor, generator: torch.Generator) -> Tensor:
    ratio = (torch.rand(count, generator=generator) * 1.4 - 0.7).exp()
    height = ((area * ratio).sqrt() * size).clamp(2, size)
    width = (area * size * size / height).clamp(2, size)
    top = torch.rand(count, generator=generator) * (size - height)
    left = torch.rand(count, generator=generator) * (size - width)
    line = torch.arange(size)[None]
    rows = (line >= top[:, None].floor()) & (line < (top + height)[:, None].floor())
    columns = (line >= left[:, None].floor()) & (line < (left + width)[:, None].floor())
    return (rows[:, :, None] & columns[:, None, :]).float()


def _cells(count: int, size: int, area: Tensor, generator: torch.Generator) -> Tensor:
    cell = int(2 ** torch.randint(1, 4, (), generator=generator))
    grid = size // cell
    score = torch.rand(count, 1, grid, grid, generator=generator)
    clustered = F.avg_pool2d(score, 3, 1, 1, count_include_pad=False)
    score = torch.where(torch.rand(count, 1, 1, 1, generator=generator) < 0.7, clustered, score)
    mask = keep_area(score.flatten(1), area).view(count, grid, grid)
    return mask.repeat_interleave(cell, 1).repeat_interleave(cell, 2)


def _strokes(count: int, size: int, area: Tensor, generator: torch.Generator) -> Tensor:
    return strokes(count, size, size, area, generator)


def random_masks(count: int, size: int, generator: torch.Generator) -> Tensor:
    """[count, 1, size, size] in {0, 1}: a quarter each of boxes, cells, strokes and whole
    pictures; the first three cover 5-100 % of the picture."""
    area = 0.05 + 0.95 * torch.rand(count, generator=generator)
    kinds = torch.stack(
        [f(count, size, area, generator) for f in (_boxes, _cells, _strokes)]
        + [torch.ones(count, size, size)]
    )
    choice = torch.randint(4, (count,), generator=generator)
    return kinds[choice, torch.arange(count)][:, None]
