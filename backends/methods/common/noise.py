"""The noise of a walk through a diffusion, drawn one picture's shape after the other."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["noise"]


def noise(like: Tensor, generator: torch.Generator) -> Callable[[], Tensor]:
    """Each call draws standard normal noise of the shape of ``like``, on its device."""

    def draw() -> Tensor:
        return torch.randn(like.shape, generator=generator).to(like)

    return draw
