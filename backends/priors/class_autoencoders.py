"""An autoencoder for each class, and one for all: how a picture of a class looks to those that have
seen only that class, or only others.

As Van Looveren and Klaise use them for IM1 and IM2 (https://arxiv.org/abs/1907.02584), with dense
layers in the place of their convolutions, so that they are trained in a minute.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["ClassAutoencoders"]


class ClassAutoencoders(nn.Module):
    """Dense autoencoders of one hidden layer on each side, K for the classes and one for all.

    :param size: side of a picture in pixels.
    :param width: of the hidden layers; ``latent`` of the code.
    """

    def __init__(self, channels: int, size: int, classes: int, width: int, latent: int) -> None:
        super().__init__()
        pixels = channels * size**2
        self.networks = nn.ModuleList(
            nn.Sequential(
                nn.Flatten(), nn.Linear(pixels, width), nn.SiLU(), nn.Linear(width, latent),
                nn.Linear(latent, width), nn.SiLU(), nn.Linear(width, pixels), nn.Sigmoid(),
            )
            for _ in range(classes + 1)
        )  # fmt: skip

    def rebuilt(self, x: Tensor, classes: Tensor | None) -> Tensor:
        """Pictures [B, C, S, S] in [0, 1] as the autoencoders of their classes, int64 [B], rebuild
        them, in (0, 1); as that of all classes where None."""
        if classes is None:
            return self.networks[-1](x).view_as(x)
        y = torch.empty_like(x)
        for k in classes.unique().tolist():
            y[classes == k] = self.networks[k](x[classes == k]).view_as(y[classes == k])
        return y

    def forward(self, x: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """What the autoencoders of the classes and that of all make of x (for training)."""
        return self.rebuilt(x, classes), self.rebuilt(x, None)
