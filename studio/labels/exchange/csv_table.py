"""CSV: a row a response, a suggestion or an item, for spreadsheets and data frames.

A spreadsheet would run a cell that begins with = + - or @ as a formula (OWASP, *CSV Injection*).
Such a text gets an apostrophe before it, which reading takes away again.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from backends.errors import BadInput
from studio.labels.exchange.lines import collected
from studio.labels.exchange.rows import LabelSet, Row, plain

__all__ = ["NAME", "read", "write"]

NAME = "labels.csv"
COLUMNS = (
    "kind", "item", "picture", "annotator", "state", "value", "note", "seconds", "created",
    "number", "superseded_by", "agent", "model_hash", "score", "probabilities", "settings",
)  # fmt: skip
FREE = ("item", "annotator", "value", "note", "agent", "model_hash")  # what anybody may write
FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
LONGEST_CELL = 1_000_000  # characters; a project's instructions are the longest honest cell
csv.field_size_limit(LONGEST_CELL)


def write(path: Path, labels: LabelSet) -> None:
    """The first row is the project's: its name is the item, the label set's version the number,
    all of its settings, classes too, are JSON."""
    header = labels.header()
    settings = {k: v for k, v in header.items() if k not in ("kind", "project", "version")}
    first = {
        "kind": "project", "item": header["project"], "number": header["version"],
        "settings": json.dumps(settings, ensure_ascii=False),
    }  # fmt: skip
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerow(_cells(first))
        for piece in labels.items:
            table.writerow(_cells({"kind": "item", **plain(piece)}))
        for row in (*labels.said, *labels.guesses):
            table.writerow(_cells(_flat(row)))


def read(path: Path) -> LabelSet:
    """A CSV file of ours, or any with the columns annotator, value, and picture or item.

    :raises BadInput: with the line that cannot be read.
    """
    rows = []
    try:
        # Spreadsheets put a byte order mark before the first column's name.
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, strict=True)
            if not {"annotator", "value"} <= {*(table.fieldnames or [])}:
                raise BadInput(
                    f"{path.name} has no columns annotator and value; its first line must name "
                    f"the columns, such as: {','.join(COLUMNS[:6])}"
                )
            for cells in table:
                where = f"line {table.line_num}"
                if None in cells or None in cells.values():
                    raise BadInput(
                        f"{where} of {path.name} has not as many cells as the first line; mend it, "
                        "nothing was taken"
                    )
                rows.append((_values(cells, where), where))
    except (csv.Error, UnicodeDecodeError) as error:
        raise BadInput(
            f"{path.name} cannot be read as CSV after line {len(rows) + 1} ({error}); "
            "save it as CSV in UTF-8, nothing was taken"
        ) from error
    return collected(rows, path.name)


def _flat(row: Row) -> dict[str, Any]:
    values = plain(row)
    if "probabilities" in values:
        values["probabilities"] = json.dumps(values["probabilities"], ensure_ascii=False)
    return values


def _cells(values: dict[str, Any]) -> list[Any]:
    for column in FREE:
        cell = values.get(column)
        if cell and cell[0] in FORMULA:
            values[column] = f"'{cell}"
    return [values.get(column) for column in COLUMNS]


def _meant(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(FORMULA) else cell


def _values(cells: dict[str, str], where: str) -> dict[str, Any]:
    """A row's cells that are not empty, by column."""
    values: dict[str, Any] = {k: _meant(cell) for k, cell in cells.items() if cell != ""}
    for column in ("probabilities", "settings"):
        if column in values:
            try:
                values[column] = json.loads(values[column])
            except ValueError as error:
                raise BadInput(f"{where}: {column} is no JSON; mend it") from error
    if values.get("kind") == "project":
        about = {"project": values.get("item"), "version": values.get("number", 0)}
        settings = values.get("settings")
        return {"kind": "project", **about, **(settings if isinstance(settings, dict) else {})}
    return values
