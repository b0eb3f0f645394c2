"""What the models say of an answer: the one that is explained, and the oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.metrics.metric import metric

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "flip_rate",
    "oracle_agreement",
    "oracle_agreement_flipped",
    "oracle_target_probability",
    "region_area",
    "target_probability",
]


@metric("region_area", "Area of the region", "neither", "share", scope="row")
def region_area(region: Tensor) -> float:
    """Mean share of the picture in which change is allowed."""
    return float(region.mean())


@metric("flip_rate", "Flip rate", "higher", "share", scope="row")
def flip_rate(flipped: Tensor) -> Tensor:
    """Whether the model says the target, [N]."""
    return flipped


@metric(
    "target_probability", "Target's probability", "higher", "probability", form="{:.1%}",
    short="Target confidence", compared="always",
)  # fmt: skip
def target_probability(after: Tensor, target: Tensor) -> Tensor:
    """The target model's probability of the target, [B]."""
    return after.gather(1, target[:, None]).squeeze(1)


@metric("oracle_agreement", "Oracle agrees", "higher", "share", scope="row")
def oracle_agreement(oracle_agrees: Tensor) -> Tensor:
    """Whether the oracle says the target, [N]."""
    return oracle_agrees


@metric(
    "oracle_agreement_flipped", "Oracle agrees, flipped only", "higher", "share", scope="row"
)  # fmt: skip
def oracle_agreement_flipped(oracle_agrees: Tensor, flipped: Tensor) -> Tensor:
    """The same of the answers that flipped."""
    return oracle_agrees[flipped]


@metric(
    "oracle_target_probability", "Target's probability, oracle", "higher", "probability"
)  # fmt: skip
def oracle_target_probability(oracle: Tensor, target: Tensor) -> Tensor:
    """The oracle's probability of the target, [B]."""
    return oracle.gather(1, target[:, None]).squeeze(1)
