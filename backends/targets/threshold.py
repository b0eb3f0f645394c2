"""A regressor as a target model of two classes: below and above a value.

So every method that needs only logits can be asked for "more than 3.5", and a flip means that the
value was passed.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["Threshold"]


class Threshold:
    """Classes ``less than`` and ``more than`` a value.

    :param network: [B, C, H, W] in [0, 1] -> measured value [B] or [B, 1].
    :param value: what divides the classes, in the network's unit.
    :param softness: distance from ``value`` at which the odds are e to 1, in the same unit.
    """

    differentiable = True

    def __init__(
        self, network: Callable[[Tensor], Tensor], value: float, softness: float = 1.0
    ) -> None:
        self.network, self.value, self.softness = network, value, softness
        self.class_names = [f"less than {value:g}", f"more than {value:g}"]

    def over(self, network: Callable[[Tensor], Tensor]) -> Threshold:
        """The same question to another network (one that is counted)."""
        return Threshold(network, self.value, self.softness)

    def logits(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> [B, 2]."""
        lead = (self.network(x).flatten() - self.value) / self.softness
        return torch.stack([-lead / 2, lead / 2], dim=1)

    def probabilities(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> [B, 2]."""
        return self.logits(x).softmax(1)
