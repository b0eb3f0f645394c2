"""The same question asked several times: with other seeds, with another value of one setting, or
for other targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backends.core import Request
from backends.errors import BadInput

__all__ = ["MOST", "Range", "by_seed", "by_setting", "by_target", "ranges"]

MOST = 12  # answers of one question


@dataclass(frozen=True)
class Range:
    """A numeric setting, and between which values it is varied at first.

    :ivar whole: whether it has no fractions.
    """

    title: str
    low: float
    high: float
    whole: bool


def ranges(schema: Mapping[str, Any]) -> dict[str, Range]:
    """The numeric settings of a method's schema, each from half to twice its default, as far as
    its bounds allow. Numbers of steps, which change an answer least, come last."""
    found = {}
    for name, field in schema["properties"].items():
        default = field.get("default")
        if field.get("type") not in ("integer", "number") or default is None:
            continue
        whole = field["type"] == "integer"
        low, high = default / 2, default * 2 or 1.0
        low = max(low, field.get("minimum", low))
        high = min(high, field.get("maximum", field.get("exclusiveMaximum", high)))
        if whole:
            low, high = float(round(low)), float(round(high))
        if low < high:
            found[name] = Range(field.get("title", name), low, high, whole)
    return dict(sorted(found.items(), key=lambda item: item[1].whole))


def by_seed(asked: Request, count: int) -> list[tuple[str, Request]]:
    """The question with its own seed and the next ones, each with what to call it.

    :raises BadInput: the count is out of bounds.
    """
    seeds = range(asked.seed, asked.seed + _checked(count))
    return [(f"seed {seed}", replace(asked, seed=seed)) for seed in seeds]


def by_setting(
    asked: Request, name: str, of: Range, low: float, high: float, count: int
) -> list[tuple[str, Request]]:
    """The question with ``count`` values of a setting, evenly from ``low`` to ``high``; whole
    numbers each once.

    :raises BadInput: there is nothing between the two.
    """
    if not low < high:
        raise BadInput("{title}: “from” must be smaller than “to”", title=of.title)
    values = [float(v) for v in np.linspace(low, high, _checked(count))]
    if of.whole:
        values = list(dict.fromkeys(round(v) for v in values))
    return [
        (f"{of.title} {v:g}", replace(asked, settings=asked.settings | {name: v})) for v in values
    ]


def by_target(asked: Request, targets: Sequence[str]) -> list[tuple[str, Request]]:
    """The question for each of those targets."""
    return [(target, replace(asked, target=target)) for target in targets]


def _checked(count: int) -> int:
    if not 2 <= count <= MOST:
        raise BadInput("ask for 2 to {most} answers", most=MOST)
    return count
