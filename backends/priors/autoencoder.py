"""Variational autoencoder: pictures [B, C, S, S] in [0, 1] <-> latents [B, D].

Kingma, Welling: Auto-Encoding Variational Bayes, 2014, https://arxiv.org/abs/1312.6114;
layout after LeapFactual, appendix B.1.2, with wider layers.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

__all__ = ["Autoencoder"]


class Autoencoder(nn.Module):
    """Strided convolutions down to 4x4 and back; the latent is the posterior's mean.

    :param size: side of the picture in pixels, 4 * 2**n.
    :param widths: channels after each halving; ``len(widths)`` halvings must lead to 4x4.
    """

    def __init__(self, channels: int, size: int, latent: int, widths: list[int]) -> None:
        super().__init__()
        if size >> len(widths) != 4:
            raise ValueError(f"{len(widths)} halvings of {size} pixels do not end at 4x4")
        self.latent = latent
        outer = [channels, *widths]
        down: list[nn.Module] = []
        for a, b in pairwise(outer):
            down += [nn.Conv2d(a, b, 4, 2, 1), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)]
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(16 * widths[-1], 2 * latent))
        up: list[nn.Module] = []
        for a, b in zip(widths[::-1], [*widths[-2::-1], widths[0]], strict=True):
            up += [nn.ConvTranspose2d(a, b, 4, 2, 1), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)]
        self.decoder = nn.Sequential(
            nn.Linear(latent, 16 * widths[-1]),
            nn.Unflatten(1, (widths[-1], 4, 4)),
            *up,
            nn.Conv2d(widths[0], channels, 3, padding=1),
            nn.Sigmoid(),
        )

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x), each [B, D]."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 6)

    def encode(self, x: Tensor) -> Tensor:
        """Pictures [B, C, S, S] in [0, 1] -> latents [B, D], deterministic."""
        return self.posterior(x)[0]

    def decode(self, z: Tensor) -> Tensor:
        """Latents [B, D] -> pictures [B, C, S, S] in [0, 1]."""
        return self.decoder(z)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruction from a posterior sample, with the posterior (for training)."""
        mean, log_variance = self.posterior(x)
        z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        return self.decode(z), mean, log_variance
