"""CSV: a row a response, a suggestion or an item, for spreadsheets and data frames.

A cell that a spreadsheet would run as a formula is written so that it does not, and read back as
it was (:mod:`studio.export.spreadsheet_cells`). The file begins with a byte order mark, or
spreadsheets take it for their system's own code page.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

from backends.errors import BadInput
from studio.export.spreadsheet_cells import meant, safe
from studio.labels.exchange.csv_text import decoded, table
from studio.labels.exchange.lines import collected
from studio.labels.exchange.options import ReadOptions
from studio.labels.exchange.rows import LabelSet, parsed, plain

__all__ = ["NAME", "read", "write"]

NAME = "labels.csv"
COLUMNS = (
    "kind", "item", "picture", "annotator", "state", "value", "note", "seconds", "created",
    "number", "superseded_by", "agent", "model_hash", "score", "probabilities", "settings", "names",
)  # fmt: skip
NEEDED = frozenset({"annotator", "value"})
JSON = ("probabilities", "settings", "names")
NUMBERS = ("seconds", "score", "number", "superseded_by")
WORDS = ("kind", "state")


def write(path: Path, labels: LabelSet) -> None:
    """The first row is the project's: its name is the item, the label set's version the number,
    all of its settings, classes too, are JSON."""
    header = labels.header()
    settings = {k: v for k, v in header.items() if k not in ("kind", "project", "version")}
    first = {
        "kind": "project", "item": header["project"], "number": header["version"],
        "settings": settings,
    }  # fmt: skip
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file)  # its \r\n makes it quote cells that hold either
        rows.writerow(COLUMNS)
        rows.writerow(_cells(first))
        for item in labels.items:
            rows.writerow(_cells({"kind": "item", **plain(item)}))
        for one in (*labels.responses, *labels.suggestions):
            rows.writerow(_cells(plain(one)))


def read(path: Path, options: ReadOptions) -> LabelSet:
    """A CSV file of ours, or any with the columns annotator, value, and picture or item; in any
    encoding, separator and case of column names that spreadsheets save.

    :raises BadInput: with the line that cannot be read.
    """
    text = decoded(path, options.encoding, options.known)
    columns, lines = table(text, NEEDED, path.name)
    rows, unnamed = [], 0
    for line, cells in lines:
        where = f"line {line}"
        if len(cells) < len(columns) or any(cells[len(columns) :]):
            raise BadInput(
                "{where} of {name} has not as many cells as the first line; mend it, nothing "
                "was taken",
                where=where,
                name=path.name,
            )
        named = dict(zip(columns, cells, strict=False))
        unnamed += any(cell.strip() for c, cell in zip(columns, cells, strict=False) if not c)
        rows.append((_values(named, where), where))
        options.check_rows(len(rows))
    labels = collected(rows, path.name)
    for column in columns:
        if column and column not in COLUMNS:
            labels.left_out[f"column {column!r}, which the studio does not know"] += 1
    if unnamed:
        labels.left_out["rows' cells in a column without a name"] += unnamed
    return labels


def _cells(values: dict[str, Any]) -> list[Any]:
    return [_cell(values.get(column)) for column in COLUMNS]


def _cell(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        value = json.dumps(value, ensure_ascii=False)
    return safe(value)


def _values(cells: dict[str, str], where: str) -> dict[str, Any]:
    """A row's cells that are not empty, by column."""
    values: dict[str, Any] = {
        k: meant(cell) for k, cell in cells.items() if cell.strip() or (cell and k == "note")
    }
    for column in JSON:
        if column in values:
            values[column] = parsed(values[column], f"{where}: {column}")
    for column in NUMBERS:
        if re.fullmatch(r"\s*-?\d+,\d+\s*", values.get(column, "")):
            values[column] = values[column].replace(",", ".")  # many countries' decimal comma
    for column in WORDS:
        if column in values:
            values[column] = values[column].strip().casefold()
    if values.get("kind") == "project":
        about = {"project": values.get("item"), "version": values.get("number", 0)}
        settings = values.get("settings")
        return {"kind": "project", **about, **(settings if isinstance(settings, dict) else {})}
    return values
