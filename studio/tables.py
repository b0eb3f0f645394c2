"""Rows of numbers as CSV: one answer a row, or one method and region of an evaluation."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

__all__ = ["answer_row", "as_csv"]


def answer_row(name: str, record: dict[str, Any]) -> dict[str, Any]:
    """The content of result.json as one row; only the problem of a method that could not run."""
    if "problem" in record:
        return {"method": name, "problem": record["problem"]}
    oracle = record["oracle"] or {}
    return {
        "method": name,
        "status": record["status"],
        "label": record["counterfactual"]["label"],
        "oracle_label": oracle.get("label", ""),
        "oracle_target_probability": oracle.get("target_probability", ""),
        **record["metrics"],
        "seconds": record["seconds"],
    }


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """A line a row under the columns of all of them. A mean with its standard error becomes two
    columns, ``name`` and ``name_sem``; what a row lacks stays empty."""
    flat = [_flat(row) for row in rows]
    columns = list(dict.fromkeys(column for row in flat for column in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return buffer.getvalue()


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {name: value["mean"], f"{name}_sem": value["sem"]}
        else:
            flat[name] = value
    return flat
