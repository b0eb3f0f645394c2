"""Rows of numbers as CSV: an answer, a run of a comparison, or a method and region of an
evaluation a row."""

from __future__ import annotations

import csv
import io
import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from backends.fetching.cache import checksum
from backends.version import studio_version
from studio.export.second_opinions import second_columns
from studio.export.spreadsheet_cells import safe

if TYPE_CHECKING:
    from backends.evaluation import Plan, Row
    from backends.service.bundles import BundleInfo

__all__ = ["answer_row", "as_csv", "as_text", "chief", "evaluation"]

LOCAL = ("answers", "keep", "shown")  # of a plan; they say nothing of the numbers
PACKAGES = (
    "torch", "torchvision", "torchmetrics", "torch-fidelity", "scikit-learn", "scikit-image",
    "scipy", "numpy", "zuko", "torchdiffeq",
)  # fmt: skip
ALWAYS = ("flip_rate", "oracle_agreement")


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
        **second_columns(record),
        **record["metrics"],
        "seconds": record["seconds"],
    }


def evaluation(plan: Plan, rows: Sequence[Row], about: BundleInfo) -> dict[str, Any]:
    """The content of table.json: what was asked, what each metric means, and the rows. The same
    question gives the same rows; how long they took stands apart, in ``seconds``, and all settings
    that they ran with in ``configurations``, and the calls of each network in ``calls``, one a row
    each.

    :param about: of the bundle, from :func:`backends.service.about`.
    """
    listed, seconds = [], []
    for row in rows:
        values = {"problem": row.problem} if row.problem else dict(row.values)
        title = about["methods"][row.method]["title"]
        told: dict[str, Any] = {"method": row.method}
        if row.settings:
            told["settings"] = ", ".join(f"{key}={value}" for key, value in row.settings.items())
            title = f"{title}, {told['settings']}"
        if row.answer:
            told["answer"] = row.answer
            title = f"{title}, {row.answer}"
        told |= {"title": title, "region": row.region}
        seconds.append(values.pop("seconds", None))
        listed.append(told | values)
    used = {name for row in listed for name in row} | {"seconds"}
    parts = {name: part["sha256"][:12] for name, part in about["parts"].items()}
    asked = {name: value for name, value in asdict(plan).items() if name not in LOCAL}
    if plan.data is not None:  # where it lay is nobody's business
        asked["data"] = "MNIST test pictures"
    if plan.simsiam is not None:
        asked["simsiam"] = checksum(plan.simsiam)[:12]
    return {
        **asked,
        "title": about["title"],
        "parts": parts,
        "versions": versions(),
        "metrics": {name: m for name, m in about["metrics"].items() if name in used},
        "rows": listed,
        "notes": list(dict.fromkeys(note for row in rows for note in row.notes)),
        "seconds": seconds,
        "configurations": [dict(row.configuration) for row in rows],
        "calls": [dict(row.calls) for row in rows],
    }


def versions() -> dict[str, str]:
    """What computed the numbers: this program, Python, and the packages that matter, as far as they
    are installed."""
    found = {"counterfactual-studio": studio_version(), "python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def chief(
    table: dict[str, Any], written: Callable[[str, float], str] | None = None
) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of a table of an evaluation where there is little room: flips, the oracle's
    agreement, and what Compare shows; a row that could not run says why in its third and last cell.

    :param table: of :func:`evaluation`.
    :param written: writes the number of a metric of that name; four digits unless given.
    """
    shown = {
        name: metric["short"] or metric["title"] for name, metric in table["metrics"].items()
        if (name in ALWAYS or metric["compared"] != "never") and name != "seconds"
    }  # fmt: skip
    rows = []
    for row in table["rows"]:
        cells = (
            [row["problem"]]
            if "problem" in row
            else [_brief(row.get(n), n, written) for n in shown]
        )
        rows.append([row["title"], row["region"], *cells])
    return ["method", "region", *shown.values()], rows


def as_text(table: dict[str, Any]) -> str:
    """:func:`chief` for a terminal."""
    heads, rows = chief(table)
    lines = [heads, *rows]
    widths = [
        max(len(line[i]) for line in lines if len(line) == len(heads)) for i in range(len(heads))
    ]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip()
        for line in lines
    )


def _brief(value: Any, name: str, written: Callable[[str, float], str] | None) -> str:
    number = value["mean"] if isinstance(value, dict) else value
    if number is None:
        return "-"
    return written(name, number) if written else f"{number:.4g}"


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """A line a row under the columns of all of them. A mean with its standard error and interval
    becomes columns ``name``, ``name_sem``, ``name_low`` and ``name_high``; what a row lacks stays
    empty. No text of it is a formula."""
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
            flat |= {
                name if key == "mean" else f"{name}_{key}": number for key, number in value.items()
            }
        else:
            flat[name] = value
    return flat
