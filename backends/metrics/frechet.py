"""Fréchet distance of two sets of features: FID where they are Inception's.

Heusel et al.: GANs trained by a two time-scale update rule, 2017, https://arxiv.org/abs/1706.08500;
the split form after Jeanneret et al. (ACE), CVPR 2023. Features of D dimensions need well over D
pictures, or the covariances are singular.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from backends.errors import BadInput

__all__ = ["frechet", "halves", "split_frechet"]


class _AsTheyAre(nn.Module):
    """Features in the place of the network that would extract them."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.num_features = dimensions

    def forward(self, features: Tensor) -> Tensor:
        return features


def frechet(real: Tensor, counterfactual: Tensor) -> Tensor:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of features [N, D] and [M, D], a scalar >= 0.

    The convention of the field: all real pictures against the flipped counterfactuals.

    :raises BadInput: a set has fewer than two pictures.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance

    if min(len(real), len(counterfactual)) < 2:
        raise BadInput("a Fréchet distance needs two pictures in each set; use more pictures")
    distance = FrechetInceptionDistance(feature=_AsTheyAre(real.shape[1])).to(real.device)
    distance.set_dtype(torch.float64)
    distance.update(real.double(), real=True)
    distance.update(counterfactual.double(), real=False)
    return distance.compute()


def halves(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two disjoint random masks [N] of floor(N/2) pictures each; an odd N leaves one out."""
    order = torch.randperm(count, generator=generator)
    first, second = torch.zeros(2, count, dtype=torch.bool)
    second[order[: count // 2]] = True
    first[order[count - count // 2 :]] = True
    return first, second


def split_frechet(
    real: Tensor, counterfactual: Tensor, flipped: Tensor, first: Tensor, second: Tensor
) -> Tensor:
    """Mean of the distances real/first half to counterfactual/second half and the reverse.

    Counterfactuals stay close to their own factuals, which flatters the plain distance; here no
    picture meets its own factual.

    :param real: features [N, D] of the factuals; ``counterfactual`` [N, D] of their answers.
    :param flipped: which answers count, bool [N].
    :param first: :func:`halves` of the pictures, bool [N].
    """
    crossed = (
        frechet(real[first], counterfactual[second & flipped]),
        frechet(real[second], counterfactual[first & flipped]),
    )
    return torch.stack(crossed).mean()
