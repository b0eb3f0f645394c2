"""Kernel distance of two sets of features: KID where they are Inception's. In the oracle's it is
another number, which must not stand beside a paper's KID.

Binkowski et al.: Demystifying MMD GANs, ICLR 2018, https://arxiv.org/abs/1801.01401. It is without
bias, so that a hundred pictures are enough, and can be slightly below 0.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from backends.metrics.frechet import as_they_are
from backends.metrics.metric import metric

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["kernel_distance", "kernel_oracle", "kid"]

FEWEST = 20  # pictures


def kernel_distance(real: Tensor, counterfactual: Tensor) -> Tensor:
    """Squared maximum mean discrepancy of features [N, D] and [M, D] with the kernel
    (x y / D + 1)^3, a scalar; of the larger set as many as the smaller one has count."""
    import torch
    from torchmetrics.image.kid import KernelInceptionDistance

    count = min(len(real), len(counterfactual))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it keeps all features, which are few
        distance = KernelInceptionDistance(
            feature=as_they_are(real.shape[1]), subsets=1, subset_size=count
        ).to(real.device)
    distance.update(real.double()[:count], real=True)
    distance.update(counterfactual.double()[:count], real=False)
    with torch.random.fork_rng():  # it shuffles, which changes the last bits of a whole set
        torch.manual_seed(0)
        value: Tensor = distance.compute()[0]
    return value


@metric(
    "kid", "KID", "lower", "squared distance", library="torch-fidelity, torchmetrics", scope="row",
    meaning="between Inception's features of factuals and flipped answers; of all at once, not the "
    "mean of subsets, which it is expected to equal",
)  # fmt: skip
def kid(inception_features: tuple[Tensor, Tensor], flipped: Tensor) -> float | None:
    """:func:`kernel_distance` in Inception's last features; None with too few pictures."""
    return kernel_oracle(inception_features, flipped)


@metric(
    "kernel_oracle", "Kernel distance in the oracle's features", "lower", "squared distance",
    library="torchmetrics", scope="row",
    meaning="between the oracle's features of factuals and flipped answers; not KID",
)  # fmt: skip
def kernel_oracle(oracle_features: tuple[Tensor, Tensor], flipped: Tensor) -> float | None:
    """:func:`kernel_distance` in the oracle's last features; None with too few pictures."""
    real, counterfactual = oracle_features
    if min(len(real), int(flipped.sum())) < FEWEST:
        return None
    return float(kernel_distance(real, counterfactual[flipped]))
