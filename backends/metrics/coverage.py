"""Precision and recall of two sets of features.

Kynkaanniemi et al.: Improved precision and recall metric for assessing generative models, NeurIPS
2019, https://arxiv.org/abs/1904.06991. In Inception's or the oracle's features they must not stand
beside a paper's, whose features are VGG's or DINOv2's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.metrics.metric import metric

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "precision_inception", "precision_oracle", "precision_recall", "recall_inception",
    "recall_oracle",
]  # fmt: skip

NEIGHBOURS = 3  # k of the paper
FEWEST = 20  # pictures in each set


def precision_recall(real: Tensor, counterfactual: Tensor) -> tuple[float, float]:
    """The share of counterfactuals within the real pictures' balls, and of real pictures within the
    counterfactuals' balls; a ball reaches to the third nearest of its own set. Features [N, D] and
    [M, D], both shares in [0, 1]."""
    from torch_fidelity.metric_prc import prc_features_to_metric

    found = prc_features_to_metric(
        counterfactual, real, prc_neighborhood=NEIGHBOURS, prc_batch_size=10_000,
        save_cpu_ram=False, verbose=False,
    )  # fmt: skip
    return float(found["precision"]), float(found["recall"])


def _shares(features: tuple[Tensor, Tensor], flipped: Tensor) -> tuple[float, float] | None:
    real, counterfactual = features
    if min(len(real), int(flipped.sum())) < FEWEST:
        return None
    return precision_recall(real, counterfactual[flipped])


@metric(
    "precision_inception", "Precision in Inception's features", "higher", "share",
    library="torch-fidelity", scope="row",
    meaning="of flipped answers that lie among the factuals (k = 3)",
)  # fmt: skip
def precision_inception(inception_features: tuple[Tensor, Tensor], flipped: Tensor) -> float | None:
    """:func:`precision_recall`; None with fewer than 20 flipped answers."""
    return precision_oracle(inception_features, flipped)


@metric(
    "recall_inception", "Recall in Inception's features", "higher", "share",
    library="torch-fidelity", scope="row",
    meaning="of factuals that lie among the flipped answers (k = 3)",
)  # fmt: skip
def recall_inception(inception_features: tuple[Tensor, Tensor], flipped: Tensor) -> float | None:
    """:func:`precision_recall`; None with fewer than 20 flipped answers."""
    return recall_oracle(inception_features, flipped)


@metric(
    "precision_oracle", "Precision in the oracle's features", "higher", "share",
    library="torch-fidelity", scope="row",
    meaning="of flipped answers that lie among the factuals (k = 3)",
)  # fmt: skip
def precision_oracle(oracle_features: tuple[Tensor, Tensor], flipped: Tensor) -> float | None:
    """:func:`precision_recall`; None with fewer than 20 flipped answers."""
    shares = _shares(oracle_features, flipped)
    return None if shares is None else shares[0]


@metric(
    "recall_oracle", "Recall in the oracle's features", "higher", "share",
    library="torch-fidelity", scope="row",
    meaning="of factuals that lie among the flipped answers (k = 3)",
)  # fmt: skip
def recall_oracle(oracle_features: tuple[Tensor, Tensor], flipped: Tensor) -> float | None:
    """:func:`precision_recall`; None with fewer than 20 flipped answers."""
    shares = _shares(oracle_features, flipped)
    return None if shares is None else shares[1]
