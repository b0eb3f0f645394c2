"""What is asked of all models of a factor: the same pictures, for the same targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from backends.core import TargetModel
from backends.errors import BadInput
from backends.faithfulness.factors import Factor
from backends.faithfulness.shortcuts import PAIRS, level_of
from backends.imaging import eight_bit
from backends.training.data import Split

__all__ = ["FactorQuestions", "ask", "span"]

MEASURED = 200  # pictures that the unit of a movement is taken from


@dataclass(frozen=True)
class FactorQuestions:
    """Pictures x [N, 1, 32, 32] in 8 bits with the factor at the level of their class, their
    classes and the targets, both int64 [N], whose level is the other one; ``value`` of the factor,
    float64 [N]."""

    x: Tensor
    source: Tensor
    target: Tensor
    value: Tensor


def span(factor: Factor, learnt: Split) -> float:
    """How far the levels lie apart as the factor is measured, of pictures that are not judged."""
    x, _ = learnt.batch(torch.arange(min(MEASURED, len(learnt))))
    low, high = (
        factor.measure(factor.plant(x, torch.full((len(x),), level))) for level in (-1.0, 1.0)
    )
    return float((high - low).nanmean())


@torch.no_grad()
def ask(
    models: Sequence[TargetModel], factor: Factor, judged: Split, count: int
) -> FactorQuestions:
    """The first pictures that every model gives their class, the pairs of classes in turn.

    :raises BadInput: there are too few.
    """
    x, y = judged.batch(torch.arange(len(judged)))
    x = eight_bit(factor.plant(x, level_of(y)))
    right = torch.stack([f.probabilities(x).argmax(1) == y for f in models]).all(0)
    places = {a: (right & (y == a)).nonzero().flatten().tolist() for a, _ in PAIRS}
    chosen: list[tuple[int, int]] = []
    while len(chosen) < count:
        turn = [(places[a].pop(0), b) for a, b in PAIRS if places[a]]
        if not turn:
            raise BadInput(
                "only {count} pictures fit the question; lower --pictures", count=len(chosen)
            )
        chosen += turn[: count - len(chosen)]
    at, target = torch.tensor([i for i, _ in chosen]), torch.tensor([t for _, t in chosen])
    return FactorQuestions(x[at], y[at], target, factor.measure(x[at]))
