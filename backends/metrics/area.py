"""How much of the picture changed, and where. All take pictures [B, C, H, W] in [0, 1]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.metrics.metric import metric

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["change_inside", "change_outside", "changed_area", "greatest_change"]


@metric(
    "changed_area", "Changed area", "lower", "share", form="{:.1%}",
    meaning="share of pixels that changed by more than a tenth", page=0, compared="always",
    good="A small share: what changed can be named.",
    bad="A large share: the answer is almost another picture, and nothing in it stands out.",
)  # fmt: skip
def changed_area(factual: Tensor, counterfactual: Tensor, threshold: float = 0.1) -> Tensor:
    """Share of pixels in which some channel changed by more than ``threshold``, [B]."""
    return ((counterfactual - factual).abs().amax(1) > threshold).float().flatten(1).mean(1)


def greatest_change(factual: Tensor, counterfactual: Tensor, where: Tensor) -> Tensor:
    """Greatest absolute change of a pixel under the mask ``where`` [B, 1, H, W], [B]."""
    return ((counterfactual - factual).abs() * where).flatten(1).amax(1)


@metric(
    "change_inside", "Greatest change inside", "neither", "0 to 1", form="{:.2f}",
    meaning="of a pixel; 1 is black to white", page=0,
    good="Large enough to be seen: about 0.2 and more.",
    bad="Near 0 in an answer that flipped: the model follows what no person sees.",
)  # fmt: skip
def change_inside(factual: Tensor, counterfactual: Tensor, region: Tensor) -> Tensor:
    """Greatest change inside the region [B, 1, H, W], [B]."""
    return greatest_change(factual, counterfactual, region)


@metric(
    "change_outside", "Greatest change outside", "lower", "0 to 1", form="{:g}",
    meaning="must be exactly 0", page=0,
    good="Exactly 0: the region is kept.",
    bad="Anything else: the region was not kept. Please report it.",
)  # fmt: skip
def change_outside(factual: Tensor, counterfactual: Tensor, region: Tensor) -> Tensor:
    """Greatest change outside the region [B, 1, H, W], [B]."""
    return greatest_change(factual, counterfactual, 1 - region)
