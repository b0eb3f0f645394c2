"""Free-form masks: what lies under a thick random stroke, as inpainting models are judged with.

Liu et al.: I2SB: Image-to-image Schrödinger bridge, ICML 2023, reports masks of 10 to 20 % and of
20 to 30 % of the picture; RCSB's prior is that bridge. Their masks are a file; ours are drawn.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["freeform_mask", "keep_area", "strokes"]


def keep_area(score: Tensor, area: Tensor) -> Tensor:
    """The ``area`` [B] share of positions with the highest score [B, P], as 0/1."""
    rank = score.argsort(dim=1, descending=True).argsort(dim=1)
    return (rank < (area[:, None] * score.shape[1]).ceil()).float()


def strokes(
    count: int, height: int, width: int, area: Tensor, generator: torch.Generator
) -> Tensor:
    """The pixels nearest to a random polyline: a brush as thick as the area [count] needs,
    [count, height, width] in {0, 1}."""
    import torch

    points = torch.rand(count, 6, 2, generator=generator) * torch.tensor([height, width])
    a, b = points[:, :-1, None], points[:, 1:, None]
    axes = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    pixels = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).view(1, 1, -1, 2)
    along = ((pixels - a) * (b - a)).sum(-1) / ((b - a).square().sum(-1) + 1e-6)
    nearest = a + along.clamp(0, 1)[..., None] * (b - a)
    distance = (pixels - nearest).square().sum(-1).amin(1)
    return keep_area(-distance, area).view(count, height, width)


def freeform_mask(picture: np.ndarray, least: float, most: float, seed: int) -> np.ndarray:
    """A stroke over a picture uint8 [H, W, C], another one on every picture.

    :param least: of the picture that it covers, in [0, 1]; at most ``most``.
    :param seed: the same seed draws the same mask on the same picture.
    :return: uint8 [H, W] of 0 and 255.
    """
    import torch

    height, width = picture.shape[:2]
    # 32 bits, of which more would make no difference to the generator.
    own = zlib.crc32(np.ascontiguousarray(picture).tobytes(), zlib.crc32(str(seed).encode()))
    generator = torch.Generator().manual_seed(own)
    spare = max(most - least - 1 / (height * width), 0.0)  # pixels are counted up to whole ones
    area = least + spare * torch.rand(1, generator=generator)
    mask: np.ndarray = strokes(1, height, width, area, generator)[0].numpy()
    return (mask * 255).astype(np.uint8)
