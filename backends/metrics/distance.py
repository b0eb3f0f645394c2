"""How much of the picture changed, and where. All take pictures [B, C, H, W] in [0, 1]."""

from __future__ import annotations

from torch import Tensor

__all__ = ["changed_area", "greatest_change", "l1", "l2", "psnr"]


def l1(factual: Tensor, counterfactual: Tensor) -> Tensor:
    """Sum of absolute differences over C*H*W, [B]."""
    return (counterfactual - factual).abs().flatten(1).sum(1)


def l2(factual: Tensor, counterfactual: Tensor) -> Tensor:
    """Euclidean norm of the difference over C*H*W, [B]."""
    return (counterfactual - factual).flatten(1).norm(dim=1)


def psnr(factual: Tensor, counterfactual: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB, [B]; 100 at most, which pictures without a difference
    have."""
    return -10 * (counterfactual - factual).square().flatten(1).mean(1).clamp_min(1e-10).log10()


def changed_area(factual: Tensor, counterfactual: Tensor, threshold: float = 0.1) -> Tensor:
    """Share of pixels in which some channel changed by more than ``threshold``, [B]."""
    return ((counterfactual - factual).abs().amax(1) > threshold).float().flatten(1).mean(1)


def greatest_change(factual: Tensor, counterfactual: Tensor, where: Tensor) -> Tensor:
    """Greatest absolute change of a pixel under the mask ``where`` [B, 1, H, W], [B]."""
    return ((counterfactual - factual).abs() * where).flatten(1).amax(1)
