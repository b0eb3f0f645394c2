"""A regressor as a target model, and a value of it as a goal: two classes, below and above.

So every method that needs only logits can be asked for "more than 3.5", and a flip means that the
value was passed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import exp, isfinite

import torch
from torch import Tensor

from backends.errors import BadInput

__all__ = ["Regressor", "Threshold", "parse"]

SOFTNESS = 0.02  # of the usual range: where the odds that a value is passed are e to 1
BARELY = 4e-4  # of the usual range: more than a network's rounding differs between batches


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
            "{target!r} is no goal for a regressor; say: more than 3.5, or: less than 2",
            target=target,
        )
    return int(found[1] == "more"), value


class Regressor:
    """A network that gives one value. As a target model it has one class, whose logit is the value:
    it can be attributed, but explained only as a :class:`Threshold`.

    :param network: [B, C, H, W] in [0, 1] -> measured value [B] or [B, 1].
    :param usual: length of the range in which its values usually lie, in their unit.
    :param unit: of the values, as a person reads it.
    """

    differentiable = True

    def __init__(
        self, network: Callable[[Tensor], Tensor], usual: float = 1.0, unit: str = ""
    ) -> None:
        self.network, self.usual, self.unit = network, usual, unit
        self.class_names = ["value"]

    def over(self, network: Callable[[Tensor], Tensor]) -> Regressor:
        """The same values from another network."""
        return Regressor(network, self.usual, self.unit)

    def measured(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> values [B]."""
        return self.network(x).flatten()

    def logits(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> [B, 1]."""
        return self.measured(x)[:, None]

    def probabilities(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> [B, 1], all 1."""
        return self.logits(x).softmax(1)


class Threshold:
    """Classes ``less than`` and ``more than`` a value.

    :param regressor: what gives the values.
    :param value: what divides the classes, in the regressor's unit.
    """

    def __init__(self, regressor: Regressor, value: float) -> None:
        self.regressor, self.value = regressor, value
        self.softness = SOFTNESS * regressor.usual
        self.differentiable, self.network = regressor.differentiable, regressor.network
        self.class_names = [f"less than {value:g}", f"more than {value:g}"]

    def over(self, network: Callable[[Tensor], Tensor]) -> Threshold:
        """The same goal for another network."""
        return Threshold(self.regressor.over(network), self.value)

    def measured(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> values [B]."""
        return self.regressor.measured(x)

    def logits(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> [B, 2]."""
        lead = (self.measured(x) - self.value) / self.softness
        return torch.stack([-lead / 2, lead / 2], dim=1)

    def probabilities(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> [B, 2]."""
        return self.logits(x).softmax(1)

    def confidence(self, beyond: float = 0.0) -> float:
        """As in :class:`backends.core.Goal`."""
        return 1 / (1 + exp(-(beyond + BARELY) / SOFTNESS))
