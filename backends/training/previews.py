"""Fits the coarse path of a face generator to its full syntheses, layer by layer.

``python -m benchmarks.synthesis --fit FILE`` did it for the responses in assets/faces.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from backends.priors.stylegan.network import MobileStyleGAN, Response, averaged

__all__ = ["agreement", "calibrate"]


@torch.no_grad()
def calibrate(network: MobileStyleGAN, w: Tensor) -> Iterator[str]:
    """Sets every response, by least squares, to the averages that full syntheses have there.

    :param w: faces [B, latent] to learn from.
    :returns: an iterator that does the work, layer after layer, and tells what is done.
    """
    for size, responses in network.responses.items():
        exact = len(network.levels) - len(responses)
        truths = [_averages(network, one, exact, int(size)) for one in w.split(1)]
        for i, pair in enumerate(responses):
            for j, response in enumerate(pair):
                seen = [_input(network, one, int(size), response) for one in w.split(1)]
                _solve(response, seen, [truth[2 * i + j] for truth in truths])
                yield f"{size} pixels, level {exact + i}, convolution {j}"


@torch.no_grad()
def agreement(network: MobileStyleGAN, w: Tensor) -> dict[str, float]:
    """Peak signal-to-noise ratio in dB, mean over faces, of every preview against the full
    pictures averaged down."""
    ratios: dict[str, list[float]] = {size: [] for size in network.responses}
    for one in w.split(1):
        full = network.decode(one)
        for size, found in ratios.items():
            small = F.avg_pool2d(full, network.size // int(size))
            error = (network.preview(one, int(size)) - small).square().mean()
            found.append(float(-10 * error.log10()))
    return {f"psnr_{size}": sum(found) / len(found) for size, found in ratios.items()}


def _averages(network: MobileStyleGAN, w: Tensor, exact: int, size: int) -> list[Tensor]:
    """What each convolution after the ``exact`` levels gives in a full synthesis, averaged to
    [size * size, C]."""
    found: list[Tensor] = []

    def note(_: object, __: object, x: Tensor) -> None:
        found.append(averaged(x, x.shape[1] // size).flatten(0, 2))

    layers = [c for level in network.levels[exact:] for c in (level.first, level.second)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        network.decode(w)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _input(network: MobileStyleGAN, w: Tensor, size: int, response: Response) -> Tensor:
    """What a response gets in the coarse synthesis, [size * size, C]."""
    found: list[Tensor] = []
    hook = response.register_forward_hook(lambda _, x, __: found.append(x[0].flatten(0, 2)))
    try:
        network.preview(w, size)
    finally:
        hook.remove()
    return found[0]


def _solve(response: Response, seen: list[Tensor], truths: list[Tensor]) -> None:
    """Least squares of offset, slope, and what the slope gains above zero, channel by channel."""
    normal: Tensor | int = 0
    right: Tensor | int = 0
    for x, truth in zip(seen, truths, strict=True):
        x = x.T.double()
        basis = torch.stack([torch.ones_like(x), x, x.relu()], 1)
        normal = normal + basis @ basis.transpose(1, 2)
        right = right + basis @ truth.T.double()[..., None]
    assert isinstance(normal, Tensor)
    start = torch.stack([response.offset, response.falling, response.rising - response.falling], 1)
    # A channel that is never negative, or always, keeps its slope there.
    ridge = 1e-4 * normal.diagonal(dim1=1, dim2=2).mean(1)[:, None, None] * torch.eye(3)
    found = torch.linalg.solve(normal + ridge, right + ridge @ start[..., None].double())
    offset, falling, gain = found[..., 0].float().unbind(1)
    response.offset.copy_(offset)
    response.falling.copy_(falling)
    response.rising.copy_(falling + gain)
