"""What a regressor measures before and after, where one is explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backends.metrics.metric import metric

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["factual_value", "value"]


@metric(
    "factual_value", "Measured before", "neither", "the regressor's", form="{:.2f}",
    meaning="by the regressor", page=1,
    good="No value is better: it is where the question starts.",
    bad="No value is worse.",
)  # fmt: skip
def factual_value(regressor: Any, factual: Tensor) -> Tensor:
    """Its value of the factual, [B]."""
    measured: Tensor = regressor.measured(factual)
    return measured


@metric(
    "value", "Measured now", "neither", "the regressor's", form="{:.2f}",
    meaning="by the regressor", page=1,
    good="Just past the value that was asked for: no more changed than had to.",
    bad="Short of it, or far past it: the answer is to another question.",
)  # fmt: skip
def value(regressor: Any, counterfactual: Tensor) -> Tensor:
    """Its value of the counterfactual, [B]."""
    measured: Tensor = regressor.measured(counterfactual)
    return measured
