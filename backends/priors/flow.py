"""A normalizing flow on pixels: pictures [B, C, S, S] in [0, 1] <-> base space [B, D], exactly.

Coupling layers after Dinh, Sohl-Dickstein, Bengio: Density estimation using Real NVP, ICLR 2017,
https://arxiv.org/abs/1605.08803; splines after Durkan et al.: Neural Spline Flows, NeurIPS 2019,
https://arxiv.org/abs/1906.04032 (from zuko); pre-processing as in Diffeomorphic Counterfactuals.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log, pi

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from zuko.transforms import MonotonicRQSTransform

__all__ = ["PixelFlow", "from_logits", "to_logits"]

EDGE, SPAN = 0.05, 0.9  # the logit is taken of EDGE + SPAN * u
BOUND = 4.0  # beyond it a spline is the identity
FINE = ((0, 3), (0, 1), (0, 2))  # of a 2x2 block: checkerboard, upper row, left column


def to_logits(x: Tensor, bits: int, noise: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Pictures in [0, 1] -> logits, and the log-determinant [B] from u in [0, 1) to them.

    :param noise: uniform in [0, 1), one a pixel, added below the last bit (training only).
    """
    levels = 2**bits
    u = 255 * x / 256 if bits == 8 else (255 * x / 2 ** (8 - bits)).floor() / levels
    if noise is not None:
        u = u + noise / levels
    y = EDGE + SPAN * u
    logits = y.log() - (1 - y).log()
    return logits, (log(SPAN) - y.log() - (1 - y).log()).flatten(1).sum(1)


def from_logits(logits: Tensor) -> Tensor:
    """The inverse of :func:`to_logits` without noise; may leave [0, 1] by 0.056."""
    return (logits.sigmoid() - EDGE) / SPAN


class PixelFlow(nn.Module):
    """Couplings on 2x2 blocks (a quarter of the side's squares, all pixels kept), then on 4x4
    blocks, where a 3x3 convolution sees far.

    :param margin: pixels of every border that the flow leaves out; they decode to 0.
    :param widths: channels of the coupling networks on 2x2 and on 4x4 blocks.
    :param depths: number of couplings on each.
    :param splines: how many couplings at the picture's end add a spline of ``bins`` bins: an
        affine map alone cannot turn a background pixel's uniform noise into a normal one.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        margin: int,
        widths: tuple[int, int],
        depths: tuple[int, int],
        splines: int = 2,
        bins: int = 8,
        bits: int = 8,
    ) -> None:
        super().__init__()
        side = size - 2 * margin
        self.margin, self.bits, self.shape = margin, bits, (channels, side, side)
        self.dimensions = channels * side * side
        self.scale = Elementwise(self.shape)
        self.fine = nn.ModuleList()
        for i in range(depths[0]):
            one = torch.tensor([b in FINE[i // 2 % 3] for b in range(4)]).repeat(channels)
            kept = one if i % 2 else ~one
            self.fine.append(Coupling(kept, side // 2, widths[0], bins if i < splines else 0))
        self.coarse = nn.ModuleList()
        generator = torch.Generator().manual_seed(0)
        for i in range(depths[1]):
            if i % 2 == 0:
                order = torch.randperm(16 * channels, generator=generator)
                one = torch.zeros(16 * channels, dtype=torch.bool)
                one[order[: 8 * channels]] = True
            self.coarse.append(Coupling(one if i % 2 else ~one, side // 4, widths[1], 0))

    def encode(self, x: Tensor) -> Tensor:
        """g^-1: pictures [B, C, S, S] in [0, 1] -> base space [B, D].

        Each grey level enters at the middle of the interval that training spread it over. At its
        lower end, where 8 bits without noise would put it, every black pixel is as unlikely as
        can be, and a search that begins there erases strokes instead of bending them.
        """
        inner = self._inner(x)
        return self._forward(inner, torch.full_like(inner, 0.5))[0]

    def decode(self, z: Tensor) -> Tensor:
        """g: base space [B, D] -> pictures [B, C, S, S], which may leave [0, 1] slightly."""
        c, side, _ = self.shape
        h = z.view(-1, 16 * c, side // 4, side // 4)
        for layer in _couplings(self.coarse):
            h = layer.inverse(h)
        h = F.pixel_shuffle(h, 2)
        for layer in _couplings(self.fine):
            h = layer.inverse(h)
        x = from_logits(self.scale.inverse(F.pixel_shuffle(h, 2)))
        return F.pad(x, (self.margin,) * 4)

    def log_density(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """log p [B] in nats of u = 255/256 x (+ noise/256) in [0, 1)^D.

        :param noise: uniform in [0, 1) of the picture's shape.
        """
        noise = None if noise is None else self._inner(noise)
        z, logdet = self._forward(self._inner(x), noise)
        return logdet - 0.5 * (z.square() + log(2 * pi)).sum(1)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """Bits per dimension [B] (for training)."""
        return self.bits - self.log_density(x, noise) / (self.dimensions * log(2))

    @torch.no_grad()
    def initialise(self, x: Tensor, noise: Tensor) -> None:
        """Let every pixel begin with mean 0 and deviation 1 over the pictures [N, C, S, S]."""
        logits, _ = to_logits(self._inner(x), self.bits, self._inner(noise))
        self.scale.shift.copy_(logits.mean(0))
        self.scale.log_scale.copy_(logits.std(0).log())

    def _inner(self, x: Tensor) -> Tensor:
        m = self.margin
        return x[..., m : x.shape[-2] - m, m : x.shape[-1] - m]

    def _forward(self, x: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        h, logdet = to_logits(x, self.bits, noise)
        h = self.scale(h)
        logdet = logdet - self.scale.log_scale.sum()
        h = F.pixel_unshuffle(h, 2)
        for layer in self.fine:
            h, change = layer(h)
            logdet = logdet + change
        h = F.pixel_unshuffle(h, 2)
        for layer in self.coarse:
            h, change = layer(h)
            logdet = logdet + change
        return h.flatten(1), logdet


class Elementwise(nn.Module):
    """(x - shift) / scale, one of each for every pixel."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(shape))
        self.log_scale = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.shift) * (-self.log_scale).exp()

    def inverse(self, y: Tensor) -> Tensor:
        return y * self.log_scale.exp() + self.shift


class Coupling(nn.Module):
    """Channels where ``kept`` is true steer an affine map, then a spline, of the others."""

    def __init__(self, kept: Tensor, side: int, width: int, bins: int) -> None:
        super().__init__()
        # No buffers: averaging the weights of a training would round these indices down. So
        # they are moved by hand.
        self.kept, self.changed = kept.nonzero().flatten(), (~kept).nonzero().flatten()
        self.order = torch.cat([self.kept, self.changed]).argsort()
        self.bins = bins
        each = 2 + (3 * bins - 1 if bins else 0)
        self.net = CouplingNetwork(len(self.kept), each * len(self.changed), side, width)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Coupling:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.kept, self.changed, self.order = map(fn, (self.kept, self.changed, self.order))
        return self

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """-> (transformed, log-determinant [B])."""
        a, b = h[:, self.kept], h[:, self.changed]
        shift, log_scale, spline = self._steer(a)
        b = (b + shift) * log_scale.exp()
        logdet = log_scale.flatten(1).sum(1)
        if spline is not None:
            b, change = spline.call_and_ladj(b)
            logdet = logdet + change.flatten(1).sum(1)
        return self._join(a, b), logdet

    def inverse(self, h: Tensor) -> Tensor:
        a, b = h[:, self.kept], h[:, self.changed]
        shift, log_scale, spline = self._steer(a)
        if spline is not None:
            b = spline.inv(b)
        return self._join(a, b * (-log_scale).exp() - shift)

    def _steer(self, a: Tensor) -> tuple[Tensor, Tensor, MonotonicRQSTransform | None]:
        p = self.net(a).to(a.dtype)
        p = p.view(len(p), len(self.changed), -1, *p.shape[-2:]).movedim(2, -1)
        shift, log_scale = p[..., 0], 2 * (p[..., 1] / 2).tanh()
        if not self.bins:
            return shift, log_scale, None
        k = self.bins
        parts = p[..., 2 : k + 2], p[..., k + 2 : 2 * k + 2], p[..., 2 * k + 2 :]
        return shift, log_scale, MonotonicRQSTransform(*parts, bound=BOUND)

    def _join(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.cat([a, b], 1)[:, self.order]


def _couplings(layers: nn.ModuleList) -> list[Coupling]:
    """From the base space's end to the picture's."""
    return [layer for layer in reversed(layers) if isinstance(layer, Coupling)]


class CouplingNetwork(nn.Module):
    """Residual convolutions that know where they are; the last one begins at 0."""

    def __init__(self, inputs: int, outputs: int, side: int, width: int, blocks: int = 2) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, width, 3, padding=1)
        self.place = nn.Parameter(torch.zeros(width, side, side))
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.SiLU(),
                nn.Conv2d(width, width, 3, padding=1),
                nn.SiLU(),
                nn.Conv2d(width, width, 1),
            )
            for _ in range(blocks)
        )
        self.last = nn.Conv2d(width, outputs, 1)
        for weights in self.last.parameters():
            nn.init.zeros_(weights)

    def forward(self, a: Tensor) -> Tensor:
        h = self.first(a) + self.place
        for block in self.blocks:
            h = h + block(h)
        return self.last(F.silu(h))
