"""A face generator around portraits whose w is known: the methods' autoencoder.

A method moves in u, where w has mean 0 and deviation 1, and sees g(w) + k (x - g(w_0)) at a small
size: the portrait x itself where the search begins, whatever the generator gets wrong of it, and
so is the full answer. What it gets wrong belongs to the picture that it was wrong about: k is 1
where g(w) still looks like g(w_0) and falls to 0 where it does not, or a head that moves would
leave the ghost of its hair behind. Of a face that the generator drew, all that is g(w).

A leap in w changes the whole face; cut out of another pose or light, a mouth would not fit. Where
less than the whole picture may change, and in photographs, w therefore moves only at the levels
that shape a face's parts (style mixing), and :meth:`Anchored.settle` brings back what changes
outside nevertheless.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from backends.core import Step
from backends.imaging import composite, eight_bit
from backends.imaging.straight_through import clamp_through
from backends.priors.stylegan.inversion import invert

if TYPE_CHECKING:
    from backends.priors.stylegan.network import MobileStyleGAN

__all__ = ["Anchored", "anchor", "whiten"]

SEEN, SEEN_WITH_GRADIENT = 256, 128  # pixels of a generator's pictures that a method sees
INVERSION, SHOWN = 120, 5  # steps of a portrait's inversion; every how many are shown

SHAPING = (16, 32)  # pixels of those levels: coarser ones turn the head, finer ones colour it
DRAWN = 0.01  # an error below this is only the rounding of a picture that it drew
LIKE, GRAIN = 0.1, 32  # grey levels of 1 within which pictures look alike; compared at 32 x 32
SETTLED, SETTLING, SETTLING_STEPS = 64, 0.1, 4  # pixels; Adam's rate in u; its steps


def anchor(
    network: MobileStyleGAN, factual: Tensor, mask: Tensor, w: Tensor | None, steps: int | None,
    *, gradients: bool,
) -> Iterator[Step | Anchored]:  # fmt: skip
    """The generator held to portraits, at last; before that, where w is not known, the steps of
    its search, as :class:`backends.priors.core.Anchoring` has it."""
    side = factual.shape[-1]
    if w is None:
        for step in _inverted(network, factual, INVERSION if steps is None else steps):
            w = step.latent
            yield step
    assert w is not None
    size = SEEN_WITH_GRADIENT if gradients else SEEN
    yield Anchored(network, factual, w, mask, min(size, side))


def _inverted(network: MobileStyleGAN, factual: Tensor, steps: int) -> Iterator[Step]:
    """Search the w of portraits [B, 3, S, S] in [0, 1]; yield steps. The draws do not depend on the
    run's seed: the w is cached for the picture's next run, which may have another one."""
    size = min(SEEN, factual.shape[-1])
    for found in invert(network, factual, steps, torch.Generator().manual_seed(0)):
        if found.index % SHOWN == 1 or found.index == found.total:
            with torch.no_grad():
                image = network.preview(found.w, size)
            yield Step(found.index, found.total, "inversion", image, latent=found.w)


def whiten(network: MobileStyleGAN, w: Tensor) -> Tensor:
    """w [B, D] -> u [B, D], of mean 0 and deviation 1 over random faces."""
    return (w - network.mean_w) / network.deviation


class Anchored:
    """``encode`` and ``decode`` of one batch, and what else :class:`backends.priors.core.Held` has.

    :param factual: portraits [B, 3, S, S] in [0, 1].
    :param w: their latents [B, D].
    :param mask: their regions [B, 1, S, S].
    :param size: side of the pictures that a method sees.
    :ivar rebuilt: what the generator makes of them, [B, 3, S, S].
    :ivar error: root mean square of what it gets wrong of them, [B] in [0, 1].
    :ivar photographs: which of them it did not draw, [B].
    """

    @torch.no_grad()
    def __init__(
        self, network: MobileStyleGAN, factual: Tensor, w: Tensor, mask: Tensor, size: int
    ) -> None:
        self.network, self.size, self.mask = network, size, mask
        self.full, self.factual = factual, F.avg_pool2d(factual, factual.shape[-1] // size)
        self.w, self.rebuilt, self.base = w, network.decode(w), network.preview(w, size)
        self.residual, self.correction = self.factual - self.base, torch.zeros_like(self.base)
        self.error = (factual - self.rebuilt).square().flatten(1).mean(1).sqrt()
        self.photographs = self.error > DRAWN
        self.part = (mask < 1).flatten(1).any(1) | self.photographs

    def encode(self, _: Tensor) -> Tensor:
        """u [B, D] of the portraits."""
        return whiten(self.network, self.w)

    def settle(self, u: Tensor) -> Tensor:
        """u [B, D] moved a little so that the generator's pictures are the portraits' again
        outside their regions, as far as its latent lets them; inside they may differ."""
        size = min(SETTLED, self.size)
        free = self._free(size)
        if bool(free.all()):
            return u
        with torch.no_grad():
            wanted = self.network.preview(self.w, size)
        v = u.detach().clone()
        adam = torch.optim.Adam([v], lr=SETTLING)
        for _ in range(SETTLING_STEPS):
            with torch.enable_grad():
                x = self.network.preview(self._w(v.requires_grad_()), size)
                outside = (x - wanted).square() * ~free
                (v.grad,) = torch.autograd.grad(outside.mean((1, 2, 3)).sum(), v)
            v.requires_grad_(False)
            adam.step()
        return v

    def decode(self, u: Tensor, rows: Tensor | None = None) -> Tensor:
        """u [b, D] of some rows of the batch -> pictures [b, 3, size, size] in [0, 1]."""
        rows = torch.arange(len(u), device=u.device) if rows is None else rows
        x = self.network.preview(self._w(u, rows), self.size)
        held = self._held(x, self.base[rows], self.residual[rows])
        return clamp_through(x + held + self.correction[rows])

    def decode_rows(self, u: Tensor, rows: Tensor) -> Tensor:
        """:meth:`decode`, as in :class:`backends.priors.core.ByRow`."""
        return self.decode(u, rows)

    @property
    def reconstruction(self) -> Tensor | None:
        """What the generator makes of photographs; None where it drew all portraits."""
        return self.rebuilt if bool(self.photographs.any()) else None

    @torch.no_grad()
    def answer(self, u: Tensor, rows: Tensor | None = None) -> Tensor:
        """u [b, D] of some rows -> those portraits [b, 3, S, S] as they would be saved: changed
        inside the region as the generator's pictures are."""
        rows = torch.arange(len(u), device=u.device) if rows is None else rows
        x, base = self.network.decode(self._w(u, rows)), self.rebuilt[rows]
        x = eight_bit(x + self._held(x, base, self.full[rows] - base))
        return composite(self.full[rows], x, self.mask[rows])

    @torch.no_grad()
    def correct(self, u: Tensor, rows: Tensor) -> Tensor:
        """:meth:`answer`; from now on :meth:`decode` gives that picture, averaged down, at u.

        The small picture is a little off, and a search that follows it alone makes the most of
        just that.
        """
        full = self.answer(u, rows)
        small = F.avg_pool2d(full, full.shape[-1] // self.size)
        self.correction[rows] = 0
        self.correction[rows] = small - self.decode(u, rows)
        return full

    @property
    def small(self) -> Tensor:
        """The region at the size that a method sees: where most of a block may change, or, of a
        region too thin for that, any of it."""
        return self._free(self.size).to(self.mask)

    @staticmethod
    @torch.no_grad()
    def _held(x: Tensor, base: Tensor, residual: Tensor) -> Tensor:
        """What of the residual [b, 3, s, s] still belongs to the pictures x."""
        apart = F.adaptive_avg_pool2d((x - base).abs().mean(1, keepdim=True), GRAIN)
        # A neighbour that moved takes its surroundings with it.
        apart = F.max_pool2d(apart, 3, stride=1, padding=1)
        share = torch.exp(-(apart / LIKE).square())
        return residual * F.interpolate(share, x.shape[-2:], mode="bilinear")

    def _free(self, size: int) -> Tensor:
        share = F.avg_pool2d(self.mask, self.mask.shape[-1] // size)
        free = share > 0.5
        thin = ~free.flatten(1).any(1).view(-1, 1, 1, 1)
        return free | thin & (share > 0)

    def _w(self, u: Tensor, rows: Tensor | None = None) -> Tensor:
        w = self.network.mean_w + self.network.deviation * u
        own, part = (self.w, self.part) if rows is None else (self.w[rows], self.part[rows])
        if not bool(part.any()):
            return w
        mixed = self.network.mixed(own, w, SHAPING)
        return torch.where(part[:, None, None], mixed, w[:, None])
