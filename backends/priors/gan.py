"""A generator z ~ N(0, I) -> picture, and the search for the z of a given picture.

Radford, Metz, Chintala: Unsupervised representation learning with deep convolutional generative
adversarial networks, ICLR 2016, https://arxiv.org/abs/1511.06434.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Adversaries", "Discriminator", "Generator"]

CANDIDATES, RATE, GOOD = 256, 0.1, 1e-3
SHOWN = 20  # steps between two that a person sees


class Generator(nn.Module):
    """Latents [B, D] -> pictures [B, C, S, S] in [0, 1], S = 4 * 2**(len(widths) - 1).

    :param widths: channels at 4x4, 8x8, ..., S/2 pixels; the last step leads to ``channels``.
    """

    def __init__(self, channels: int, latent: int, widths: list[int]) -> None:
        super().__init__()
        self.latent = latent
        up: list[nn.Module] = []
        for a, b in pairwise(widths):
            up += [nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
        self.network = nn.Sequential(
            nn.Linear(latent, 16 * widths[0], bias=False),
            nn.Unflatten(1, (widths[0], 4, 4)),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
            *up,
            nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1),
            nn.Tanh(),
        )

    def decode(self, z: Tensor) -> Tensor:
        """Latents [B, D] -> pictures [B, C, S, S] in [0, 1]."""
        return (self.network(z) + 1) / 2

    def forward(self, z: Tensor) -> Tensor:
        """:meth:`decode`, by the name that a network is called with."""
        return self.decode(z)

    def encode(self, x: Tensor) -> Tensor:
        """The z [B, D] where :meth:`invert` ends."""
        *_, (_, z) = self.invert(x)
        return z

    def invert(self, x: Tensor, steps: int = 300) -> Iterator[tuple[int, Tensor]]:
        """GAN inversion: the z [B, D] whose picture is nearest to x in mean squared error, every
        few of ``steps`` and at the end, with the step it was found at.

        Adam from the best of some random draws (the same for every picture), until all errors
        are below 1e-3 or for ``steps`` steps (Dombrowski et al., section 4.2.1, and their code).
        """
        draws = torch.Generator().manual_seed(0)
        candidates = torch.randn(CANDIDATES, self.latent, generator=draws).to(x)
        with torch.no_grad():
            distance = torch.cdist(x.flatten(1), self.decode(candidates).flatten(1))
        z = candidates[distance.argmin(1)].clone()
        best, least = z.clone(), z.new_full((len(z),), torch.inf)
        adam = torch.optim.Adam([z], lr=RATE)
        for i in range(steps):
            with torch.enable_grad():
                error = (self.decode(z.requires_grad_()) - x).square().flatten(1).mean(1)
                (z.grad,) = torch.autograd.grad(error.sum(), z)
            z.requires_grad_(False)
            # A row that came near enough rests, whatever its neighbours still need.
            better = (error.detach() < least) & (least >= GOOD)
            least = error.detach().where(better, least)
            best = z.where(better[:, None], best)
            if bool((least < GOOD).all()):
                break
            if i % SHOWN == 0:
                yield i, best
            adam.step()
        yield i, best


class Discriminator(nn.Module):
    """Pictures [B, C, S, S] in [0, 1] -> score [B], positive where it believes them real.

    :param widths: channels after each halving, down to 2x2.
    """

    def __init__(self, channels: int, widths: list[int]) -> None:
        super().__init__()
        normal = nn.utils.parametrizations.spectral_norm
        layers: list[nn.Module] = []
        for a, b in pairwise([channels, *widths]):
            layers += [normal(nn.Conv2d(a, b, 4, 2, 1)), nn.LeakyReLU(0.2)]
        self.network = nn.Sequential(*layers, nn.Flatten(), normal(nn.Linear(widths[-1] * 4, 1)))

    def forward(self, x: Tensor) -> Tensor:
        """Scores of pictures."""
        return self.network(2 * x - 1).squeeze(1)


class Adversaries(nn.Module):
    """Both players, trained by one optimizer: each loss reaches its own player only."""

    def __init__(self, generator: Generator, discriminator: Discriminator) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Hinge loss of the discriminator and of the generator (Lim, Ye 2017), added."""
        fake = self.generator(z)
        real_score, fake_score = self.discriminator(torch.cat([x, fake.detach()])).chunk(2)
        judged = F.relu(1 - real_score).mean() + F.relu(1 + fake_score).mean()
        frozen = {k: v.detach() for k, v in self.discriminator.named_parameters()}
        fooled = torch.func.functional_call(self.discriminator, frozen, (fake,))
        return judged - fooled.mean()
