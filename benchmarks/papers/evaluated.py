"""Rows of a paper's table that the shared evaluation measures, as ``studio evaluate`` does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from backends.core import Method
from backends.errors import BadInput
from backends.evaluation import Plan, evaluate
from backends.evaluation import Row as Evaluated
from backends.registry import method
from benchmarks.papers.tables import Options, Row

__all__ = ["JUDGE", "WEIGHTS", "Pairs", "PaperRow", "evaluation", "measured"]

Pairs = tuple[tuple[str, str], ...]
JUDGE = "the digits' classifier and its oracle, a residual network of other layers and another seed"
WEIGHTS = "this repository's (assets/digits/bundle.json)"


@dataclass(frozen=True)
class PaperRow:
    """What a row asks.

    :ivar head: what stands in its first columns.
    :ivar pairs: (the model says, it should say) by class name; none for random targets.
    :ivar seeds: of the answers, where there is more than one.
    """

    head: Row
    method: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    region: str = "whole"
    pairs: Pairs = ()
    seeds: tuple[int, ...] = ()


def measured(options: Options, rows: Iterable[PaperRow], columns: Mapping[str, str]) -> list[Row]:
    """Ask and measure row after row, all of the same pairs on the same pictures.

    :param columns: title -> metric; of a metric that each picture has, the mean. A dash where it
        cannot be measured, as a Fréchet distance of fewer pictures than features.
    :raises BadInput: a row cannot be asked.
    """
    found: list[Row] = []
    for row in rows:
        at = evaluation(options, row)
        own: Row = {title: _number(at.values.get(metric)) for title, metric in columns.items()}
        found.append(row.head | own | {"pictures": at.values["n"]})
    return found


def evaluation(options: Options, row: PaperRow) -> Evaluated:
    """Evaluate one row; the method's own answer, where it gives several."""
    plan = Plan(
        options.bundle, [row.method], options.count, regions=[row.region], pairs=[*row.pairs],
        data=options.data, seeds=[*row.seeds], shown=0,
        settings={row.method: [_shorter(options, method(row.method), row.settings)]},
    )  # fmt: skip
    at = next(item for item in evaluate(plan) if isinstance(item, Evaluated) and not item.answer)
    if at.problem:
        raise BadInput("{method}: {problem}", method=row.method, problem=at.problem)
    return at


def _shorter(options: Options, asked: type[Method], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, with no more steps than the options allow."""
    if options.steps is None or "steps" not in asked.Config.model_fields:
        return dict(settings)
    return {**settings, "steps": options.steps}


def _number(value: object) -> object:
    found = value["mean"] if isinstance(value, dict) else value
    return "-" if found is None else found
