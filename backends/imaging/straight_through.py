"""Operations whose gradient is the identity's (straight-through estimators)."""

from __future__ import annotations

from torch import Tensor

__all__ = ["clamp_through"]


def clamp_through(x: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Clamp to [low, high]; the gradient passes as if nothing had been clamped."""
    return x + (x.clamp(low, high) - x).detach()
