"""An evaluation as one HTML page that needs nothing else: the table, then pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from studio.export import (
    absolute_difference,
    as_picture,
    data_url,
    enlarge,
    signed_difference,
)
from studio.templates import render

if TYPE_CHECKING:
    from backends.evaluation import Row, ShownAnswer

__all__ = ["page"]

SIDE, SMALL, GAP = 128, 64, 4  # pixels: of an example, of a step of its search, between two steps
ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}
BETTER = {"higher": "higher is better", "lower": "lower is better", "neither": ""}


def page(table: dict[str, Any], rows: Sequence[Row]) -> str:
    """The report.

    :param table: content of table.json.
    :param rows: the same rows, with their example pictures.
    """
    metrics = [
        {**metric, "arrow": ARROWS[metric["direction"]], "better": BETTER[metric["direction"]]}
        for metric in table["metrics"].values()
    ]
    told = [
        row | ({} if seconds is None else {"seconds": seconds})
        for row, seconds in zip(table["rows"], table["seconds"], strict=True)
    ]
    lines = [
        {"title": row["title"], "region": row["region"], "problem": row.get("problem"),
         "cells": [_cell(row.get(name)) for name in table["metrics"]]}
        for row in told
    ]  # fmt: skip
    examples = [
        _examples(row, told["title"])
        for row, told in zip(rows, table["rows"], strict=True)
        if row.shown
    ]
    configurations = [
        (f"{row['title']}, region {row['region']}", configuration, calls)
        for row, configuration, calls in zip(
            table["rows"], table["configurations"], table["calls"], strict=True
        )
        if configuration and not row.get("answer")
    ]
    title = f"Counterfactuals of {table['title']}"
    content = render(
        "report.html", "page", title, table, _asked(table), metrics, lines, examples, configurations
    )
    return f"{content}\n"


def _asked(table: dict[str, Any]) -> str:
    """What was asked, in a sentence or two."""
    targets = {"random": "random targets", "nearest": "the class that the model finds next likely"}
    pairs = ", ".join(f"{a} to {b}" for a, b in table["pairs"]) or targets[table["targets"]]
    seeds = ", ".join(map(str, table["seeds"] or [table["seed"]]))
    source = table["data"] or "the bundle"
    return (
        f"{table['count']} pictures a row from {source}, drawn with seed {table['seed']}; {pairs}; "
        f"answers with seed {seeds}. The model explained is {table['model']}."
    )


def _cell(value: Any) -> dict[str, Any]:
    """What a cell says, what it is sorted by (None last), and what it says when pointed at."""
    number = value["mean"] if isinstance(value, dict) else value
    if number is None:
        return {"text": "–", "number": None, "title": ""}
    text, title = f"{number:.4g}", ""
    if isinstance(value, dict) and value.get("low") is not None:
        text += f" [{value['low']:.3g}, {value['high']:.3g}]"
        title = f"standard error {value['sem']:.2g}"
    if isinstance(value, dict) and value.get("median") is not None:
        title += f"; median {value['median']:.4g}"
    return {"text": text, "number": number, "title": title}


def _examples(row: Row, title: str) -> dict[str, Any]:
    return {
        "title": title, "region": row.region, "rebuilt": row.shown[0].reconstruction is not None,
        "path": bool(row.shown[0].path),
        "answers": [_example(answer) for answer in row.shown],
    }  # fmt: skip


def _example(answer: ShownAnswer) -> dict[str, Any]:
    record = answer.record
    before, target, after = (record[k] for k in ("factual", "target", "counterfactual"))
    pictures = [
        (as_picture(answer.factual), f"factual, called {before}"),
        (as_picture(answer.counterfactual), f"counterfactual, called {after}"),
        (absolute_difference(answer), f"how much changed from {before} to {target}"),
        (signed_difference(answer), f"what became brighter or darker from {before} to {target}"),
    ]
    if answer.reconstruction is not None:
        pictures.insert(1, (as_picture(answer.reconstruction), "factual, rebuilt by the prior"))
    shown = [(enlarge(picture, SIDE), text) for picture, text in pictures]
    if answer.path:
        shown.append((_strip(answer), f"steps of the search from {before} to {target}"))
    verdict = f"{after}, with {record['target_probability']:.0%} for {target}"
    if "oracle" in record:
        verdict += f"; the oracle says {record['oracle']}"
    return {
        "why": answer.why, "question": f"{before} to {target}", "verdict": verdict,
        "pictures": [(data_url(picture, optimize=True), text) for picture, text in shown],
    }  # fmt: skip


def _strip(answer: ShownAnswer) -> Any:
    """Some steps of the search in a row."""
    steps = [np.asarray(enlarge(as_picture(step), SMALL).convert("RGB")) for step in answer.path]
    between = np.full((steps[0].shape[0], GAP, 3), 128, np.uint8)
    row = [piece for step in steps for piece in (between, step)][1:]
    return as_picture(np.concatenate(row, axis=1))
