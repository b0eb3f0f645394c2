"""Conditional density of latents: a normalizing flow from zuko, one condition a class.

PLACE (Lenkiewicz et al.), section 3.2; neural spline flow after Durkan et al., NeurIPS 2019,
https://arxiv.org/abs/1906.04032; zuko: https://zuko.readthedocs.io.
"""

from __future__ import annotations

from math import log, pi
from typing import Literal

import torch
import zuko
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["ConditionalDensity", "LatentEnsemble"]

QUANTILES = 201


class ConditionalDensity(nn.Module):
    """log p_F(z | y) for latents z [B, D] and classes y [B].

    ``quantiles`` [K, 201] are log-densities of real pictures of each class, from the least to
    the greatest: what a counterfactual's own value is compared with.

    :param kind: neural splines, or affine autoregression (Papamakarios et al., NeurIPS 2017,
        https://arxiv.org/abs/1705.07057), whose size suits hundreds of dimensions.
    """

    mean: Tensor
    deviation: Tensor
    quantiles: Tensor

    def __init__(
        self,
        latent: int,
        classes: int,
        width: int = 128,
        transforms: int = 4,
        bins: int = 8,
        kind: Literal["spline", "affine"] = "spline",
    ) -> None:
        super().__init__()
        self.classes = classes
        common = {"transforms": transforms, "hidden_features": (width, width)}
        if kind == "spline":
            self.flow = zuko.flows.NSF(latent, classes, bins=bins, **common)
        else:
            self.flow = zuko.flows.MAF(latent, classes, **common)
        # A spline is the identity outside [-5, 5]; latents are brought well inside.
        self.register_buffer("mean", torch.zeros(latent))
        self.register_buffer("deviation", torch.ones(latent))
        self.register_buffer("quantiles", torch.zeros(classes, QUANTILES))

    def log_density(self, z: Tensor, target: Tensor) -> Tensor:
        """Natural logarithm of the density of z under its class, [B]."""
        c = F.one_hot(target, self.classes).to(z)
        z = (z - self.mean) / self.deviation
        # The flow's own log_prob checks its arguments at every call, a fifth of the time.
        u, ladj = self.flow.transform(c).call_and_ladj(z)
        normal = -0.5 * (u.square() + log(2 * pi)).sum(1)
        return normal + ladj - self.deviation.log().sum()

    def forward(self, z: Tensor, target: Tensor) -> Tensor:
        """:meth:`log_density`, by the name that a network is called with."""
        return self.log_density(z, target)

    @torch.no_grad()
    def sample(self, target: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Draw latents [count, D] of one class, int64 [1]."""
        c = F.one_hot(target, self.classes).to(self.mean)
        u = torch.randn(count, len(self.mean), generator=generator).to(self.mean)
        return self.flow.transform(c.expand(count, -1)).inv(u) * self.deviation + self.mean

    def percentile(self, value: Tensor, target: Tensor) -> Tensor:
        """Share of real pictures of the class with a lower log-density, [B] in 0..100."""
        known = self.quantiles[target]
        below = torch.searchsorted(known, value[:, None].contiguous()).squeeze(1)
        low = known.gather(1, (below - 1).clamp(0, QUANTILES - 1)[:, None]).squeeze(1)
        high = known.gather(1, below.clamp(0, QUANTILES - 1)[:, None]).squeeze(1)
        inside = ((value - low) / (high - low).clamp_min(1e-12)).clamp(0, 1)
        place = (below - 1 + inside).clamp(0, QUANTILES - 1)
        place = place.where(below < QUANTILES, torch.full_like(place, QUANTILES - 1))
        return 100 * place.where(below > 0, torch.zeros_like(place)) / (QUANTILES - 1)

    @torch.no_grad()
    def learn_scale(self, z: Tensor) -> None:
        """Standardise by latents [N, D] before training."""
        self.mean.copy_(z.mean(0))
        self.deviation.copy_(z.std(0))

    @torch.no_grad()
    def learn_quantiles(self, z: Tensor, labels: Tensor) -> None:
        """Remember the log-densities of real latents z [N, D] of classes ``labels`` [N]."""
        at = torch.linspace(0, 1, QUANTILES, device=z.device)
        for k in range(self.classes):
            if (labels == k).any():
                chosen = z[labels == k]
                value = self.log_density(chosen, torch.full((len(chosen),), k, device=z.device))
                self.quantiles[k] = value.quantile(at)


class LatentEnsemble(nn.Module):
    """Classifiers of latents z [B, D], members apart in their first weights (CLARITY: Theobald et
    al., 2022, https://arxiv.org/abs/2211.15370). Returns log of the mean probability, [B, K]."""

    def __init__(self, latent: int, classes: int, width: int = 128, members: int = 5) -> None:
        super().__init__()
        self.members = nn.ModuleList(
            nn.Sequential(
                nn.Linear(latent, width),
                nn.SiLU(),
                nn.Linear(width, width),
                nn.SiLU(),
                nn.Linear(width, classes),
            )
            for _ in range(members)
        )

    def forward(self, z: Tensor) -> Tensor:
        """[B, D] -> log-probabilities [B, K]."""
        # In logarithms, so that a member that is sure still has a gradient.
        each = torch.stack([member(z).log_softmax(1) for member in self.members])
        return each.logsumexp(0) - log(len(self.members))
