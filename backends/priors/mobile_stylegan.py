"""MobileStyleGAN: faces of 1024 pixels from 8 million weights, on a CPU in a second.

Belousov: MobileStyleGAN, a lightweight convolutional neural network for high-fidelity image
synthesis, 2021, https://arxiv.org/abs/2104.04767: a student of StyleGAN2 with depthwise separable
convolutions that predicts a picture's Haar wavelet bands instead of its pixels. Only its last
level's head was published.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends.guidance import clamp_through

__all__ = ["MobileStyleGAN", "haar", "map_latents"]

SLOPE = 0.2  # of the leaky rectifiers


def map_latents(z: Tensor, layers: list[tuple[Tensor, Tensor]]) -> Tensor:
    """z ~ N(0, I) [B, D] -> w [B, D], by (weight, bias) pairs."""
    x = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
    for weight, bias in layers:
        x = F.leaky_relu(F.linear(x, weight, bias), SLOPE) * 2**0.5
    return x


def haar(bands: Tensor) -> Tensor:
    """Inverse Haar transform: [B, 4 C, H, W] -> [B, C, 2 H, 2 W].

    The first C channels are the averages (times 2); then follow, for each of the C, what changes
    downwards, to the right, and along the diagonals.
    """
    mean, details = bands.tensor_split([bands.shape[1] // 4], 1)
    down, right, across = details.unflatten(1, (-1, 3)).unbind(2)
    upper, lower = mean + down, mean - down
    above, below = right + across, right - across
    corners = torch.stack([upper + above, upper - above, lower + below, lower - below], 2)
    return F.pixel_shuffle(corners.flatten(1, 2) / 2, 2)


class StyledConvolution(nn.Module):
    """Features times a style, a depthwise 3x3 and a dense 1x1 convolution (or one dense 3x3),
    fixed noise, bias and a leaky rectifier: [B, inputs, S, S] -> [B, outputs, S, S]."""

    def __init__(self, latent: int, inputs: int, outputs: int, size: int, dense: bool) -> None:
        super().__init__()
        self.style = nn.Linear(latent, inputs)
        self.spread = None
        if not dense:
            self.spread = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.mix = nn.Conv2d(inputs, outputs, 3 if dense else 1, padding=int(dense))
        self.noise = nn.Parameter(torch.zeros(1, 1, size, size))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        x = x * self.style(w)[:, :, None, None]
        if self.spread is not None:
            x = self.spread(x)
        return F.leaky_relu_(self.mix(x).add_(self.noise), SLOPE)


class Level(nn.Module):
    """Twice the size by an inverse wavelet transform, then two convolutions."""

    def __init__(self, latent: int, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        self.up = nn.Linear(latent, inputs)
        self.first = StyledConvolution(latent, inputs // 4, outputs, size, dense=False)
        self.second = StyledConvolution(latent, outputs, outputs, size, dense=False)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        x = haar(x * self.up(w)[:, :, None, None])
        return self.second(self.first(x, w), w)


class Head(nn.Module):
    """Features [B, C, S, S] -> picture [B, 3, 2 S, 2 S] in [-1, 1], more or less."""

    def __init__(self, latent: int, inputs: int) -> None:
        super().__init__()
        self.style = nn.Linear(latent, inputs)
        self.bands = nn.Conv2d(inputs, 12, 1)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return haar(self.bands(x * self.style(w)[:, :, None, None]))


class MobileStyleGAN(nn.Module):
    """w [B, latent] -> pictures [B, 3, S, S] in [0, 1], S = 8 * 2**(len(widths) - 1).

    :param latent: dimensions of z and w.
    :param depth: layers of the map from z to w.
    :param widths: channels at 4x4, 8x8, ..., S/2 pixels.
    """

    def __init__(self, latent: int, depth: int, widths: list[int]) -> None:
        super().__init__()
        self.latent = latent
        self.size = 8 << (len(widths) - 1)
        self.mapping = nn.ModuleList(nn.Linear(latent, latent) for _ in range(depth))
        self.register_buffer("mean_w", torch.zeros(latent))
        self.start = nn.Parameter(torch.randn(1, widths[0], 4, 4))
        self.first = StyledConvolution(latent, widths[0], widths[0], 4, dense=True)
        self.levels = nn.ModuleList(
            Level(latent, a, b, 8 << i) for i, (a, b) in enumerate(pairwise(widths))
        )
        self.heads = nn.ModuleDict({str(self.size): Head(latent, widths[-1])})

    def sample_w(self, n: int, generator: torch.Generator, truncation: float = 0.7) -> Tensor:
        """w [n, latent] of n random faces; a truncation below 1 draws them to the mean face."""
        z = torch.randn(n, self.latent, generator=generator).to(self.mean_w)
        w = map_latents(z, [(layer.weight, layer.bias) for layer in self.mapping])
        return self.mean_w + truncation * (w - self.mean_w)

    def decode(self, w: Tensor) -> Tensor:
        """w [B, latent] -> pictures [B, 3, S, S] in [0, 1]; gradients pass the clamp."""
        x = self.first(self.start.expand(len(w), -1, -1, -1), w)
        for level in self.levels:
            x = level(x, w)
        return clamp_through((self.heads[str(self.size)](x, w) + 1) / 2)
