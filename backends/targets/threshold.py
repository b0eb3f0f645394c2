"""A regressor as a target model of two classes: below and above a value.

So every method that needs only logits can be asked for "more than 3.5", and a flip means that the
value was passed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isfinite

import torch
from torch import Tensor

from backends.errors import BadInput

__all__ = ["Threshold", "parse"]


def parse(target: str) -> tuple[int, float]:
    """``more than 3.5`` -> (1, 3.5), ``less than 2`` -> (0, 2.0): class and value.

    :raises BadInput: it is neither.
    """
    found = re.fullmatch(r"\s*(more|less) than\s+(\S+)\s*", target)
    try:
        value = float(found[2]) if found else float("nan")
    except ValueError:
        value = float("nan")
    if not found or not isfinite(value):
        raise BadInput(
            f"{target!r} is no goal for a regressor; say: more than 3.5, or: less than 2"
        )
    return int(found[1] == "more"), value


class Threshold:
    """Classes ``less than`` and ``more than`` a value.

    :param network: [B, C, H, W] in [0, 1] -> measured value [B] or [B, 1].
    :param value: what divides the classes, in the network's unit.
    :param part: what the bundle calls the network.
    :param softness: distance from ``value`` at which the odds are e to 1, in the same unit.
    """

    differentiable = True

    def __init__(
        self,
        network: Callable[[Tensor], Tensor],
        value: float,
        softness: float = 1.0,
        part: str = "regressor",
    ) -> None:
        self.network, self.value, self.softness, self.part = network, value, softness, part
        self.class_names = [f"less than {value:g}", f"more than {value:g}"]

    def over(self, network: Callable[[Tensor], Tensor]) -> Threshold:
        """The same question to another network (one that is counted)."""
        return Threshold(network, self.value, self.softness, self.part)

    def measured(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> values [B]."""
        return self.network(x).flatten()

    def logits(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> [B, 2]."""
        lead = (self.measured(x) - self.value) / self.softness
        return torch.stack([-lead / 2, lead / 2], dim=1)

    def probabilities(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> [B, 2]."""
        return self.logits(x).softmax(1)
