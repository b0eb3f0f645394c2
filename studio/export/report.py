"""An evaluation as one HTML page that needs nothing else: the table, then pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from backends.core import Answer
from studio.export import (
    absolute_difference,
    as_picture,
    data_url,
    enlarge,
    signed_difference,
)
from studio.templates import render

if TYPE_CHECKING:
    from backends.evaluation import Row

__all__ = ["page"]

SIDE = 128  # pixels of an example picture
ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}
BETTER = {"higher": "higher is better", "lower": "lower is better", "neither": ""}


def page(table: dict[str, Any], rows: Sequence[Row]) -> str:
    """The report.

    :param table: content of table.json.
    :param rows: the same rows, with their example pictures.
    """
    pairs = ", ".join(f"{a} to {b}" for a, b in table["pairs"]) or "random targets"
    metrics = [
        {"title": m["title"], "unit": m["unit"], "arrow": ARROWS[m["direction"]],
         "better": BETTER[m["direction"]]}
        for m in table["metrics"].values()
    ]  # fmt: skip
    lines = [
        {"title": row["title"], "region": row["region"], "problem": row.get("problem"),
         "cells": [_cell(row.get(name)) for name in table["metrics"]]}
        for row in table["rows"]
    ]  # fmt: skip
    source = table["data"] or "the bundle's examples"
    examples = [
        _examples(row, told["title"])
        for row, told in zip(rows, table["rows"], strict=True)
        if row.shown
    ]
    title = f"Counterfactuals of {table['title']}"
    content = render("report.html", "page", title, table, pairs, source, metrics, lines, examples)
    return f"{content}\n"


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        if value["mean"] is None:
            return "–"
        error = "" if value["sem"] is None else f" ± {value['sem']:.2g}"
        return f"{value['mean']:.4g}{error}"
    return "–" if value is None else f"{value:.4g}"


def _examples(row: Row, title: str) -> dict[str, Any]:
    return {
        "title": title, "region": row.region, "rebuilt": row.shown[0].reconstruction is not None,
        "answers": [_example(answer) for answer in row.shown],
    }  # fmt: skip


def _example(answer: Answer) -> dict[str, Any]:
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
    verdict = f"{after}, with {record['target_probability']:.0%} for {target}"
    if "oracle" in record:
        verdict += f"; the oracle says {record['oracle']}"
    return {
        "question": f"{before} to {target}", "verdict": verdict,
        "pictures": [
            (data_url(enlarge(picture, SIDE), optimize=True), text) for picture, text in pictures
        ],
    }  # fmt: skip
