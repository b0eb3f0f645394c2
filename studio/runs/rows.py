"""What tables say of runs: a row each, and how much the answers of one method differ."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from backends.core import Request
from backends.metrics import METRICS
from studio.export.second_opinions import second_columns
from studio.runs import Run

__all__ = ["known", "row_of", "spread", "spreads"]

ASKED = ("method", "settings", "model")  # what seeds are seeds of
ENDED = ("flipped", "not_flipped")  # the states of a search that was not interrupted


def row_of(request: Request, run: Run | None, choice: str | None = None) -> dict[str, Any]:
    """A run as a row; None where a number is not known.

    :param choice: the id of the run that convinced the person.
    """
    record = run.answer.record if run and run.answer else None
    metrics = known(record["metrics"]) if record else {}
    oracle = (record or {}).get("oracle") or {}
    calls = (record or {}).get("nfe", {}).values()
    values = metrics | {
        # A stopped run's calls were not counted to an end.
        "nfe": sum(n["forward"] + n["backward"] for n in calls) or None,
        "seconds": (record or {}).get("seconds"),
    }
    return {
        "method": request.method,
        "model": request.model,
        "settings": dict(request.settings),
        "answer": (record or {}).get("answer", ""),
        "seed": request.seed,
        "run": run.id if run else None,
        "status": record["status"] if record else run.state if run else "not_started",
        "reason": run.reason if run else None,
        "flipped": record["flipped"] if record else None,
        "label": record["counterfactual"]["label"] if record else None,
        "target_probability": values.get("target_probability"),
        "oracle_label": oracle.get("label"),
        "oracle_agrees": oracle.get("agrees"),
        **second_columns(record or {}),
        **{name: values.get(name) for name, m in METRICS.items() if m.compared != "never"},
        "convincing": None if choice is None or not run else choice == run.id,
    }


def known(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers that JSON can hold; an absent one and one that is no number are both None."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in metrics.items()
    }


def spread(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """How much finished answers differ: their number, how many flipped, with how many the oracle
    agrees (None without an oracle), and by name of each number known of at least two its mean
    and its standard deviation (of a sample: n - 1)."""
    ended = [row for row in rows if row["status"] in ENDED]
    opinions = [row["oracle_agrees"] for row in ended if row["oracle_agrees"] is not None]
    numbers = {}
    for name in ["target_probability", *METRICS]:
        values = [row[name] for row in ended if row.get(name) is not None]
        if len(values) > 1:
            mean, deviation = statistics.fmean(values), statistics.stdev(values)
            numbers[name] = {"mean": mean, "deviation": deviation}
    return {
        "answers": len(ended), "flipped": sum(row["status"] == "flipped" for row in ended),
        "oracle_agrees": sum(opinions) if opinions else None, "numbers": numbers,
    }  # fmt: skip


def spreads(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """:func:`spread` of each ``method``, its ``settings`` and ``model`` with at least two finished
    answers, in the rows' order."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(json.dumps([row[name] for name in ASKED]), []).append(row)
    found = []
    for group in groups.values():
        told = spread(group)
        if told["answers"] > 1:
            found.append({name: group[0][name] for name in ASKED} | told)
    return found
