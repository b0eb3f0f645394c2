"""Fréchet distance of two sets of features: FID where they are Inception's. In the oracle's it is
another number, which must not stand beside a paper's FID.

Heusel et al.: GANs trained by a two time-scale update rule, 2017, https://arxiv.org/abs/1706.08500;
the split form after Jeanneret et al. (ACE), CVPR 2023. Features of D dimensions need well over D
pictures, or the covariances are singular.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backends.errors import BadInput
from backends.metrics.metric import metric

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = [
    "ENOUGH",
    "as_they_are",
    "frechet",
    "frechet_oracle",
    "halves",
    "split_frechet",
    "split_frechet_oracle",
]

ENOUGH = 2048  # pictures, as many as Inception has features
MEANING = "between the oracle's features of factuals and flipped answers; not FID"


def as_they_are(dimensions: int) -> Any:
    """Features in the place of the network that would extract them."""
    from torch import nn

    features: Any = nn.Identity()
    features.num_features = dimensions
    return features


def frechet(real: Tensor, counterfactual: Tensor) -> Tensor:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of features [N, D] and [M, D], a scalar >= 0.

    The convention of the field: all real pictures against the flipped counterfactuals.

    :raises BadInput: a set has fewer than two pictures.
    """
    import torch
    from torchmetrics.image.fid import FrechetInceptionDistance

    if min(len(real), len(counterfactual)) < 2:
        raise BadInput("a Fréchet distance needs two pictures in each set; use more pictures")
    distance = FrechetInceptionDistance(feature=as_they_are(real.shape[1])).to(real.device)
    distance.set_dtype(torch.float64)
    distance.update(real.double(), real=True)
    distance.update(counterfactual.double(), real=False)
    value: Tensor = distance.compute()
    return value


def halves(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two disjoint random masks [N] of floor(N/2) pictures each; an odd N leaves one out."""
    import torch

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
    import torch

    crossed = (
        frechet(real[first], counterfactual[second & flipped]),
        frechet(real[second], counterfactual[first & flipped]),
    )
    return torch.stack(crossed).mean()


@metric(
    "frechet_oracle", "Fréchet distance in the oracle's features", "lower", "squared distance",
    library="torchmetrics", scope="row", meaning=MEANING,
)  # fmt: skip
def frechet_oracle(oracle_features: tuple[Tensor, Tensor], flipped: Tensor) -> float | None:
    """:func:`frechet` in the oracle's last features; None with too few pictures for them."""
    real, counterfactual = oracle_features
    if int(flipped.sum()) <= real.shape[1]:
        return None
    return float(frechet(real, counterfactual[flipped]))


@metric(
    "split_frechet_oracle", "Fréchet distance in the oracle's features, split", "lower",
    "squared distance", library="torchmetrics", scope="row", meaning=MEANING,
)  # fmt: skip
def split_frechet_oracle(oracle_features: tuple[Tensor, Tensor], flipped: Tensor) -> float | None:
    """:func:`split_frechet` in the same; the halves are the same for every method."""
    import torch

    real, counterfactual = oracle_features
    first, second = halves(len(real), torch.Generator().manual_seed(0))
    if min(int((half & flipped).sum()) for half in (first, second)) <= real.shape[1]:
        return None
    return float(split_frechet(real, counterfactual, flipped, first, second))
