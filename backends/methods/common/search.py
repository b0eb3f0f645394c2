"""The gradient search in a prior's coordinates that several methods share: Adam on a batch of
latents, in which each picture ends at its own time and at its own best state."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from backends.core import Step
from backends.imaging import composite

__all__ = ["Search"]

Decoder = Callable[[Tensor, Tensor], Tensor]


class Search:
    """The batch of a search: :meth:`decoded`, :meth:`keep`, :meth:`step` and :meth:`descend` are
    called once an iteration, in this order, until :meth:`descend` or ``steps`` ends it.

    :param z: latents at the start, [B, ...].
    :param factual: [B, C, H, W] in [0, 1].
    :param mask: region [B, 1, H, W].
    :param rate: Adam's learning rate.
    :param steps: most iterations.
    :param decay: AdamW's weight decay, which draws z towards 0.
    :param beta2: Adam's memory of the size of earlier gradients.
    :ivar origin: z at the start.
    :ivar z: the present latents of all pictures, [B, ...].
    :ivar active: which pictures are still searched, indices [b].
    :ivar row: z of those, [b, ...].
    :ivar best: z of each picture's best state, [B, ...].
    :ivar image: the picture there, [B, C, H, W] in [0, 1].
    :ivar reconstruction: what the decoder made of z before the first step, [B, C, H, W] in [0, 1].
    """

    def __init__(
        self,
        z: Tensor,
        factual: Tensor,
        mask: Tensor,
        rate: float,
        steps: int,
        decay: float = 0.0,
        beta2: float = 0.999,
    ) -> None:
        self.origin = z.detach()
        self.z = z.detach().clone()
        self.row, self.best, self.image = self.z, self.z.clone(), factual.clone()
        self.active = torch.arange(len(z), device=z.device)
        self.reconstruction: Tensor | None = None
        self._x = factual
        self._factual, self._mask, self._steps = factual, mask, steps
        self._adam = torch.optim.AdamW([self.z], lr=rate, betas=(0.9, beta2), weight_decay=decay)

    def decoded(self, g: Decoder, seen: Callable[[Tensor], Tensor] = lambda x: x) -> Tensor:
        """Decode the pictures still searched, composited under the region, [b, C, H, W]; call it
        with gradients enabled.

        :param g: decoder of (some rows of z, which rows) -> pictures.
        :param seen: what the model sees of a decoded picture.
        """
        self.row = self.z.requires_grad_()[self.active]
        x = g(self.row, self.active)
        if self.reconstruction is None:
            self.reconstruction = x.detach().clamp(0, 1)
        x = composite(self._factual[self.active], seen(x), self._mask[self.active])
        self._x = x.detach()
        return x

    def keep(self, better: Tensor) -> None:
        """Make the present state the best one where ``better``, bool [b]."""

        def where(new: Tensor, old: Tensor) -> Tensor:
            return new.detach().where(better.view(-1, *[1] * (new.dim() - 1)), old)

        self.image[self.active] = where(self._x, self.image[self.active])
        self.best[self.active] = where(self.row, self.best[self.active])

    def step(self, index: int, phase: str, *, last: bool) -> Step:
        """Make a step of the batch: of the present states, at ``last`` of the best ones."""
        image, latent = self.image.clone(), self.best.clone()
        if not last:
            image[self.active], latent[self.active] = self._x, self.row.detach()
        return Step(
            index, self._steps, phase, image, latent=latent, origin=self.origin,
            reconstruction=self.reconstruction,
        )  # fmt: skip

    def descend(self, loss: Tensor, done: Tensor) -> bool:
        """Take one step of Adam down ``loss`` [b] for the pictures that are not ``done``, bool
        [b]; return False when all are."""
        if bool(done.all()):
            return False
        (self.z.grad,) = torch.autograd.grad(loss[~done].sum(), self.z)
        self.z.requires_grad_(False)
        self._adam.step()
        self.active = self.active[~done]
        return True
