"""Are factual and counterfactual the same picture to another network?

S3 of Jeanneret et al.: Adversarial counterfactual visual explanations (ACE), CVPR 2023, section
4.2, is the cosine in SimSiam's features, measured where a person gives its weights. In its place
stands the cosine in the oracle's features, which also differ where the class does: it must not
stand beside the paper's numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.metrics.metric import metric

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["cosine_oracle", "s3", "s3_simsiam"]


def s3(factual: Tensor, counterfactual: Tensor) -> Tensor:
    """Cosine of two features [N, D] for each picture, [N] in [-1, 1].

    The authors' features are SimSiam's (ResNet-50 with its projector, 2048 dimensions).
    """
    from torch.nn import functional as F

    return F.cosine_similarity(factual, counterfactual, dim=1)


@metric(
    "s3", "S3", "higher", "cosine", library="torchvision", scope="row",
    meaning="1 is the same picture to SimSiam",
)  # fmt: skip
def s3_simsiam(simsiam_features: tuple[Tensor, Tensor]) -> Tensor:
    """:func:`s3` in the features of the checkpoint that a person gave, [N]."""
    return s3(*simsiam_features)


@metric(
    "cosine_oracle", "Cosine in the oracle's features", "neither", "cosine", scope="row",
    meaning="1 is the same picture to the oracle; not the S3 of SimSiam's features",
)  # fmt: skip
def cosine_oracle(oracle_features: tuple[Tensor, Tensor]) -> Tensor:
    """:func:`s3` in the oracle's last features, [S * N]."""
    before, after = oracle_features
    return s3(before.repeat(len(after) // len(before), 1), after)
