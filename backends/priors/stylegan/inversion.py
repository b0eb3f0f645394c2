"""The w of a given portrait, by optimisation.

Abdal, Qin, Wonka: Image2StyleGAN, ICCV 2019, https://arxiv.org/abs/1904.03189, search the codes of
StyleGAN for a photograph; here all of a network's layers share one w, as the methods that move in
w need it, and pictures are compared at the sizes of the network's coarse path, cheap to compute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, pi
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from backends.errors import BadInput

if TYPE_CHECKING:
    from backends.priors.stylegan.network import MobileStyleGAN

__all__ = ["Inversion", "invert", "pyramid_distance"]

CANDIDATES, BATCH = 32, 16
RATE = 0.2  # of Adam, in standard deviations of w
PULL = 1e-3  # towards the mean face, by the square of the distance in standard deviations


@dataclass(frozen=True)
class Inversion:
    """The best so far: ``w`` [B, latent], and ``error`` [B], the root mean square of its
    preview's difference from the portrait, in [0, 1]."""

    index: int
    total: int
    w: Tensor
    error: Tensor


def pyramid_distance(x: Tensor, y: Tensor) -> Tensor:
    """Pictures [B, 3, S, S] twice -> distance [B]: mean absolute differences of colours and of
    their slopes, over S and its halves down to 8 pixels."""
    total = x.new_zeros(len(x))
    while x.shape[-1] >= 8:
        for a, b in ((x, y), (x.diff(dim=2), y.diff(dim=2)), (x.diff(dim=3), y.diff(dim=3))):
            total = total + (a - b).abs().flatten(1).mean(1)
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return total


def invert(
    network: MobileStyleGAN,
    picture: Tensor,
    steps: int,
    generator: torch.Generator,
    sizes: tuple[int, ...] = (64, 128),
) -> Iterator[Inversion]:
    """Adam on w from the nearest of some random faces and the mean face; one item a step.

    :param picture: portraits [B, 3, S, S] in [0, 1], aligned as the network's pictures are.
    :param sizes: of the previews that are compared: the first for half of the steps, and so on;
        those that the network has no coarse path for are made by averaging larger ones.
    :raises BadInput: the pictures are smaller than the largest preview.
    """
    if picture.shape[-1] % max(sizes) or picture.shape[-2] != picture.shape[-1]:
        raise BadInput(
            "a portrait must be square and a multiple of {sizes} pixels wide; crop it first",
            sizes=max(sizes),
        )
    wanted = {size: F.avg_pool2d(picture, picture.shape[-1] // size) for size in sizes}
    scale, w = _begin(network, wanted[sizes[0]], generator)
    v = ((w - network.mean_w) / scale).requires_grad_()
    adam = torch.optim.Adam([v], lr=RATE)
    best, least, before = w, w.new_full((len(w),), torch.inf), sizes[0]
    error = torch.full_like(least, torch.inf)
    for index in range(1, steps + 1):
        size = sizes[(index - 1) * len(sizes) // steps]
        if size != before:  # distances at two sizes do not compare
            least, before = torch.full_like(least, torch.inf), size
        adam.param_groups[0]["lr"] = RATE * (1 + cos(pi * index / steps)) / 2
        with torch.enable_grad():
            w = network.mean_w + scale * v
            x = network.preview(w, size)
            loss = pyramid_distance(x, wanted[size]) + PULL * v.square().mean(1)
            (v.grad,) = torch.autograd.grad(loss.sum(), v)
        with torch.no_grad():
            better = loss < least
            least = loss.where(better, least)
            best = w.where(better[:, None], best)
            difference = (x - wanted[size]).square().flatten(1).mean(1).sqrt()
            error = difference.where(better, error)
        adam.step()
        yield Inversion(index, steps, best, error)


@torch.no_grad()
def _begin(
    network: MobileStyleGAN, picture: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Standard deviation of w, and for each portrait the nearest of some random faces, half as
    unusual as they come, or the mean face: w [B, latent]."""
    w = network.sample_w(CANDIDATES, generator, truncation=1.0)
    scale = (w - network.mean_w).std()
    w = torch.cat([network.mean_w[None], (network.mean_w + w) / 2])
    x = torch.cat([network.preview(some, picture.shape[-1]) for some in w.split(BATCH)])
    distances = torch.stack([pyramid_distance(one.expand_as(x), x) for one in picture.split(1)])
    return scale, w[distances.argmin(1)]
