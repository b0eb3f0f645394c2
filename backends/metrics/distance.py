"""How far the answer is from the factual. All take pictures [B, C, H, W] in [0, 1]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.metrics.metric import metric

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["l1", "l2"]


@metric(
    "l1", "L1 distance", "lower", "sum of |x' - x|", form="{:.1f}", short="L1",
    meaning="sum of absolute changes", page=1, compared="always",
    good="Small: the answer stays near your picture.",
    bad="Large: so much changed that the answer is almost another picture.",
)  # fmt: skip
def l1(factual: Tensor, counterfactual: Tensor) -> Tensor:
    """Sum of absolute differences over C*H*W, [B]."""
    return (counterfactual - factual).abs().flatten(1).sum(1)


@metric(
    "l2", "L2 distance", "lower", "norm of x' - x", form="{:.2f}", short="L2",
    meaning="root of the sum of squared changes", page=1, compared="always",
    good="Small: the answer stays near your picture. A few strong changes count more than "
    "many faint ones.",
    bad="Large: so much changed that the answer is almost another picture.",
)  # fmt: skip
def l2(factual: Tensor, counterfactual: Tensor) -> Tensor:
    """Euclidean norm of the difference over C*H*W, [B]."""
    value: Tensor = (counterfactual - factual).flatten(1).norm(dim=1)
    return value
