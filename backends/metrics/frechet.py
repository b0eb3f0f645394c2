"""Fréchet distance of two sets of features: FID where they are Inception's. In the oracle's it is
another number, which must not stand beside a paper's FID.

Heusel et al.: GANs trained by a two time-scale update rule, 2017, https://arxiv.org/abs/1706.08500;
the split form after Jeanneret et al. (ACE), CVPR 2023, who call it sFID; in spatial features, which
others call so, after Nash et al.: Generating images with sparse representations, 2021,
https://arxiv.org/abs/2103.03841. Features of D dimensions need well over D pictures, or the
covariances are singular.
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
    "fid",
    "frechet",
    "frechet_oracle",
    "halves",
    "spatial_fid",
    "split_fid",
    "split_frechet",
    "split_frechet_oracle",
]

ENOUGH = 2048  # pictures, as many as Inception has features
MEANING = "between the oracle's features of factuals and flipped answers; not FID"
OF_INCEPTION = "between Inception's features of factuals and flipped answers, 2 048 or more of each"


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

    :param real: features [N, D] of the factuals; ``counterfactual`` [S * N, D] of their answers,
        seed after seed.
    :param flipped: which answers count, bool [S * N].
    :param first: :func:`halves` of the pictures, bool [N].
    """
    import torch

    crossed = (
        frechet(real[first], counterfactual[_answers(second, flipped)]),
        frechet(real[second], counterfactual[_answers(first, flipped)]),
    )
    return torch.stack(crossed).mean()


def _answers(half: Tensor, flipped: Tensor) -> Tensor:
    """The flipped answers to the questions of a half [N], bool [S * N]."""
    return half.repeat(len(flipped) // len(half)) & flipped


def _between(features: tuple[Tensor, Tensor], flipped: Tensor, fewest: int) -> float | None:
    """:func:`frechet`; None where a set has fewer pictures than that."""
    real, counterfactual = features
    if min(len(real), int(flipped.sum())) < fewest:
        return None
    return float(frechet(real, counterfactual[flipped]))


def _between_halves(features: tuple[Tensor, Tensor], flipped: Tensor, fewest: int) -> float | None:
    """:func:`split_frechet`, in the same halves for every method; None where a set has fewer
    pictures than that."""
    import torch

    real, counterfactual = features
    first, second = halves(len(real), torch.Generator().manual_seed(0))
    answered = (int(_answers(half, flipped).sum()) for half in (first, second))
    if min(len(real) // 2, *answered) < fewest:
        return None
    return float(split_frechet(real, counterfactual, flipped, first, second))


@metric(
    "fid", "FID", "lower", "squared distance", library="torch-fidelity, torchmetrics", scope="row",
    meaning=OF_INCEPTION,
)  # fmt: skip
def fid(inception_features: tuple[Tensor, Tensor], flipped: Tensor) -> float | None:
    """:func:`frechet` in Inception's last features; None with too few pictures for them."""
    return _between(inception_features, flipped, ENOUGH)


@metric(
    "split_fid", "FID, split", "lower", "squared distance", library="torch-fidelity, torchmetrics",
    scope="row", meaning=f"{OF_INCEPTION}, no picture with its own; sFID in LDCE, RCSB and ACE",
)  # fmt: skip
def split_fid(inception_features: tuple[Tensor, Tensor], flipped: Tensor) -> float | None:
    """:func:`split_frechet` in the same; the halves are the same for every method."""
    return _between_halves(inception_features, flipped, ENOUGH // 2)


@metric(
    "spatial_fid", "FID in spatial features", "lower", "squared distance",
    library="torch-fidelity, torchmetrics", scope="row",
    meaning=f"{OF_INCEPTION}; sFID where generators are judged",
)  # fmt: skip
def spatial_fid(inception_maps: tuple[Tensor, Tensor], flipped: Tensor) -> float | None:
    """:func:`frechet` in Inception's maps 7 x 17 x 17; None with too few pictures for them."""
    return _between(inception_maps, flipped, ENOUGH)


@metric(
    "frechet_oracle", "Fréchet distance in the oracle's features", "lower", "squared distance",
    library="torchmetrics", scope="row", meaning=MEANING,
)  # fmt: skip
def frechet_oracle(oracle_features: tuple[Tensor, Tensor], flipped: Tensor) -> float | None:
    """:func:`frechet` in the oracle's last features; None with too few pictures for them."""
    return _between(oracle_features, flipped, oracle_features[0].shape[1] + 1)


@metric(
    "split_frechet_oracle", "Fréchet distance in the oracle's features, split", "lower",
    "squared distance", library="torchmetrics", scope="row", meaning=MEANING,
)  # fmt: skip
def split_frechet_oracle(oracle_features: tuple[Tensor, Tensor], flipped: Tensor) -> float | None:
    """:func:`split_frechet` in the same; the halves are the same for every method."""
    return _between_halves(oracle_features, flipped, oracle_features[0].shape[1] + 1)
