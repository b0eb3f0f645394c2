"""MobileStyleGAN: faces of 1024 pixels from 8 million weights.

Belousov: MobileStyleGAN, a lightweight convolutional neural network for high-fidelity image
synthesis, 2021, https://arxiv.org/abs/2104.04767: a student of StyleGAN2 with depthwise separable
convolutions that doubles the size of its features, and at last of the picture, by inverse Haar
transforms.

What a 64-pixel classifier sees needs no 1024-pixel synthesis. The *coarse* path is ours: up to
the size asked for it is the network itself, from there on the same layers work on averages over
blocks of pixels. Convolutions and transforms of averages are exact but for the blocks' insides;
for the rectifiers, whose average is not the average's rectifier, :class:`Response` has slopes and
an offset for every channel, fitted to full syntheses (:mod:`backends.training.previews`).

Features are [B, S, S, C], so that the 1x1 convolutions are plain matrix products.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property, partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends.core import Step
from backends.errors import BadInput
from backends.imaging.straight_through import clamp_through
from backends.priors.stylegan.anchored import Anchored, anchor

__all__ = ["MobileStyleGAN", "Response", "haar", "map_latents"]

SAMPLES = 4096  # faces that tell how far w spreads
SLOPE = 0.2  # of the leaky rectifiers
# Faces at once on a CPU, by the pixels of a picture: features that outgrow its caches and what its
# allocator keeps cost half as much again.
AT_ONCE = {64: 2, 128: 2}


def map_latents(z: Tensor, layers: list[tuple[Tensor, Tensor]]) -> Tensor:
    """z ~ N(0, I) [B, D] -> w [B, D], by (weight, bias) pairs."""
    x = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
    for weight, bias in layers:
        x = F.leaky_relu(F.linear(x, weight, bias), SLOPE) * 2**0.5
    return x


def haar(bands: Tensor) -> Tensor:
    """Inverse Haar transform: [B, S, S, 4 C] -> [B, 2 S, 2 S, C].

    The four blocks of channels are the average of 2x2 pixels, and what is added to it above and
    taken away below, added on the left and taken away on the right, and so for the diagonals.
    """
    b, h, w, _ = bands.shape
    mean, vertical, horizontal, diagonal = bands.chunk(4, -1)
    above, below = mean + vertical, mean - vertical
    upper, lower = horizontal + diagonal, horizontal - diagonal
    rows = [
        torch.stack([above + upper, above - upper], 3),
        torch.stack([below + lower, below - lower], 3),
    ]
    return torch.stack(rows, 2).view(b, 2 * h, 2 * w, -1)


def averaged(x: Tensor, block: int) -> Tensor:
    """[B, S, S, C] -> means over blocks, [B, S / block, S / block, C]."""
    return F.avg_pool2d(x.permute(0, 3, 1, 2), block).permute(0, 2, 3, 1)


def averaged_kernel(kernel: Tensor, block: int) -> Tensor:
    """3x3 kernels [..., 3, 3] -> those that do to block averages what these do to pixels, if
    the pixels of a block are alike: at its edges alone a block meets its neighbours."""
    own, edge = (block - 1) / block, 1 / block
    share = kernel.new_tensor([[edge, 0, 0], [own, 1, own], [0, 0, edge]])
    return share @ kernel @ share.T


class Response(nn.Module):
    """Average of a rectifier over blocks of pixels, from its average input [..., C]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rising = nn.Parameter(torch.ones(channels))
        self.falling = nn.Parameter(torch.full((channels,), SLOPE))
        self.offset = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Average input -> average output, [..., C]."""
        bent = F.relu(x) * (self.rising - self.falling)
        return torch.addcmul(self.offset, self.falling, x) + bent


class SeparableConvolution(nn.Module):
    """Depthwise 3x3, dense 1x1, fixed noise, leaky rectifier: [B, S, S, C] -> [B, S, S, D]."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        self.spread = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.mix = nn.Linear(inputs, outputs)
        self.noise = nn.Parameter(torch.zeros(size, size, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Features -> features of the same size."""
        x = self.mix(self.spread(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        return F.leaky_relu_(x.add_(self.noise), SLOPE)

    def coarse(self, x: Tensor, block: int, response: nn.Module) -> Tensor:
        """The same on block averages [B, S / block, S / block, C]."""
        kernel = averaged_kernel(self.spread.weight, block)
        x = F.conv2d(x.permute(0, 3, 1, 2), kernel, padding=1, groups=len(kernel))
        return self.mixed(x.permute(0, 2, 3, 1), block, response)

    def mixed(self, x: Tensor, block: int, response: nn.Module) -> Tensor:
        """What follows the depthwise convolution, on block averages."""
        return response(self.mix(x) + averaged(self.noise[None], block))


class Start(nn.Module):
    """A learned constant times a style, a dense 3x3 convolution, noise: w -> [B, 4, 4, C]."""

    def __init__(self, latent: int, channels: int) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.randn(channels, 4, 4))
        self.style = nn.Linear(latent, channels)
        self.mix = nn.Conv2d(channels, channels, 3, padding=1)
        self.noise = nn.Parameter(torch.zeros(4, 4, 1))

    def forward(self, w: Tensor) -> Tensor:
        """Styles [B, latent] -> the first features."""
        x = self.mix(self.constant * self.style(w)[:, :, None, None]).permute(0, 2, 3, 1)
        return F.leaky_relu_(x + self.noise, SLOPE)


class Level(nn.Module):
    """Twice the size, then two convolutions with a style each: [B, S, S, C] -> [B, 2S, 2S, D]."""

    def __init__(self, latent: int, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        self.up = nn.Linear(latent, inputs)
        self.first_style = nn.Linear(latent, inputs // 4)
        self.first = SeparableConvolution(inputs // 4, outputs, size)
        self.second_style = nn.Linear(latent, outputs)
        self.second = SeparableConvolution(outputs, outputs, size)

    @property
    def size(self) -> int:
        """Side of its features in pixels."""
        return self.first.noise.shape[0]

    def bands(self, x: Tensor, w: Tensor) -> Tensor:
        """Wavelet bands of the first convolution's input: the transform leaves channels apart,
        so both styles are one factor."""
        return x * (self.up(w) * self.first_style(w).repeat(1, 4))[:, None, None]

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Features -> features of twice the size."""
        x = self.first(haar(self.bands(x, w)))
        return self.second(x * self.second_style(w)[:, None, None])

    def coarse(self, x: Tensor, w: Tensor, block: int, responses: nn.ModuleList) -> Tensor:
        """The same on averages over blocks of this level's pixels; the size stays as it is."""
        bands = self.bands(x, w)
        if block == 2:  # here the bands still tell a block's inside
            inside = haar(bands).permute(0, 3, 1, 2)
            x = F.avg_pool2d(self.first.spread(inside), 2).permute(0, 2, 3, 1)
            x = self.first.mixed(x, block, responses[0])
        else:
            x = self.first.coarse(bands.chunk(4, -1)[0], block, responses[0])
        return self.second.coarse(x * self.second_style(w)[:, None, None], block, responses[1])


class MobileStyleGAN(nn.Module):
    """w [B, latent] -> pictures [B, 3, S, S] in [0, 1], S = 8 * 2**(len(widths) - 1).

    Wherever w is taken, [B, L, latent] gives each of the L = len(widths) + 1 places that look at
    it (the start, the levels, the colours) a w of its own, as :meth:`mixed` makes them.

    :param latent: dimensions of z and w.
    :param depth: layers of the map from z to w.
    :param widths: channels at 4x4, 8x8, ..., S/2 pixels.
    :param previews: smaller sizes that have a coarse path.
    """

    mean_w: Tensor

    def __init__(
        self, latent: int, depth: int, widths: list[int], previews: list[int] | None = None
    ) -> None:
        super().__init__()
        self.latent = latent
        self.size = 8 << (len(widths) - 1)
        self.mapping = nn.ModuleList(nn.Linear(latent, latent) for _ in range(depth))
        self.register_buffer("mean_w", torch.zeros(latent))
        self.start = Start(latent, widths[0])
        self.levels = nn.ModuleList(
            Level(latent, a, b, 8 << i) for i, (a, b) in enumerate(pairwise(widths))
        )
        self.style = nn.Linear(latent, widths[-1])
        self.bands = nn.Linear(widths[-1], 12)
        self.responses = nn.ModuleDict(
            {
                str(size): nn.ModuleList(
                    nn.ModuleList([Response(width), Response(width)])
                    for i, width in enumerate(widths)
                    if 4 << i > size
                )
                for size in previews or []
            }
        )

    @cached_property
    @torch.no_grad()
    def deviation(self) -> Tensor:
        """Of each coordinate of w, [latent], from a fixed draw."""
        w = self.sample_w(SAMPLES, torch.Generator().manual_seed(0), truncation=1.0)
        return w.std(0)

    def sample_w(self, n: int, generator: torch.Generator, truncation: float = 0.7) -> Tensor:
        """w [n, latent] of n random faces; a truncation below 1 draws them to the mean face."""
        z = torch.randn(n, self.latent, generator=generator).to(self.mean_w)
        layers = [layer for layer in self.mapping if isinstance(layer, nn.Linear)]
        w = map_latents(z, [(layer.weight, layer.bias) for layer in layers])
        return self.mean_w + truncation * (w - self.mean_w)

    def mixed(self, w: Tensor, other: Tensor, sizes: Collection[int]) -> Tensor:
        """Style mixing (Karras et al., StyleGAN, section 3.1): w [B, latent] everywhere but at the
        levels of ``sizes`` pixels, where ``other`` [B, latent] is; [B, L, latent]."""
        at = [False, *(level.size in sizes for level in self._levels), False]
        there = torch.tensor(at, device=w.device)[None, :, None]
        return torch.where(there, other[:, None], w[:, None])

    def decode(self, w: Tensor) -> Tensor:
        """w [B, latent] -> pictures [B, 3, S, S] in [0, 1]; gradients pass the clamp."""
        return self._in_chunks(w, self.size)

    def forward(self, w: Tensor) -> Tensor:
        """:meth:`decode`, by the name that a network is called with."""
        return self.decode(w)

    def preview(self, w: Tensor, size: int) -> Tensor:
        """w [B, latent] -> about what :meth:`decode` gives, averaged down to [B, 3, size, size].

        :raises BadInput: the network's pictures cannot be divided to that size.
        """
        if size < 1 or self.size % size:
            raise BadInput(
                "previews of {size} pixels cannot have {size_2}; choose a divisor",
                size=self.size,
                size_2=size,
            )
        near = min((int(s) for s in self.responses if int(s) >= size), default=self.size)
        picture = self._in_chunks(w, near)
        return picture if near == size else F.avg_pool2d(picture, near // size)

    def anchor(
        self, factual: Tensor, mask: Tensor, latent: Tensor | None, steps: int | None, *,
        gradients: bool,
    ) -> Iterator[Step | Anchored]:  # fmt: skip
        """Hold the generator to portraits, as in :class:`backends.priors.core.Anchoring`."""
        return anchor(self, factual, mask, latent, steps, gradients=gradients)

    def _in_chunks(self, w: Tensor, size: int) -> Tensor:
        count = AT_ONCE.get(size, 1) if w.device.type == "cpu" else max(1, len(w))
        make = self._full if size == self.size else partial(self._coarse, size=size)
        return torch.cat([make(some) for some in w.split(count)])

    def _full(self, w: Tensor) -> Tensor:
        first, *styles, last = self._styles(w)
        x = self.start(first)
        for level, style in zip(self.levels, styles, strict=True):
            x = level(x, style)
        bands = self.bands(x * self.style(last)[:, None, None])
        return clamp_through((haar(bands).permute(0, 3, 1, 2) + 1) / 2)

    def _coarse(self, w: Tensor, size: int) -> Tensor:
        first, *styles, last = self._styles(w)
        x = self.start(first)
        rest: Iterator[nn.ModuleList] = iter(())
        for level, style in zip(self._levels, styles, strict=True):
            block = level.size // size
            if block <= 1:
                x, rest = level(x, style), iter(self._pairs(size))
            else:
                x = level.coarse(x, style, block, next(rest))
        mean = self.bands(x * self.style(last)[:, None, None])[..., :3]
        return clamp_through((mean.permute(0, 3, 1, 2) + 1) / 2)

    @property
    def _levels(self) -> list[Level]:
        return [level for level in self.levels if isinstance(level, Level)]

    def _pairs(self, size: int) -> list[nn.ModuleList]:
        """The responses of each averaged level, for previews of that size."""
        found = self.responses[str(size)]
        assert isinstance(found, nn.ModuleList)
        return [pair for pair in found if isinstance(pair, nn.ModuleList)]

    def _styles(self, w: Tensor) -> Sequence[Tensor]:
        return w.unbind(1) if w.dim() == 3 else [w] * (len(self.levels) + 2)
