"""Rows of numbers as CSV: an answer, a run of a comparison, or a method and region of an
evaluation a row."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from studio.export.spreadsheet_cells import safe

if TYPE_CHECKING:
    from backends.evaluation import Plan, Row
    from backends.service.bundles import BundleInfo

__all__ = ["answer_row", "as_csv", "evaluation"]


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


def evaluation(plan: Plan, rows: Sequence[Row], about: BundleInfo) -> dict[str, Any]:
    """The content of table.json: what was asked, what each metric means, and the rows.

    :param about: of the bundle, from :func:`backends.service.about`.
    """
    listed = []
    for row in rows:
        values = {"problem": row.problem} if row.problem else row.values
        title = about["methods"][row.method]["title"]
        if row.answer:
            title, values = f"{title}, {row.answer}", {"answer": row.answer, **values}
        listed.append({"method": row.method, "title": title, "region": row.region, **values})
    used = {name for row in listed for name in row}
    parts = {name: part["sha256"][:12] for name, part in about["parts"].items()}
    asked = asdict(plan)
    del asked["shown"]
    if plan.data is not None:  # where it lay is nobody's business
        asked["data"] = "MNIST test pictures"
    return {
        **asked,
        "title": about["title"],
        "parts": parts,
        "metrics": {name: m for name, m in about["metrics"].items() if name in used},
        "rows": listed,
    }


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """A line a row under the columns of all of them. A mean with its standard error becomes two
    columns, ``name`` and ``name_sem``; what a row lacks stays empty. No text of it is a formula."""
    flat = [_flat(row) for row in rows]
    columns = list(dict.fromkeys(column for row in flat for column in row))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(map(safe, columns))
    writer.writerows([safe(row.get(column, "")) for column in columns] for row in flat)
    return buffer.getvalue()


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {name: value["mean"], f"{name}_sem": value["sem"]}
        else:
            flat[name] = value
    return flat
