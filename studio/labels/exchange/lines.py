"""JSON Lines: an object a line, whose ``kind`` says what it is: project first, then item, label,
adjudication, suggestion."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from backends.errors import BadInput
from studio.labels.exchange.options import ReadOptions
from studio.labels.exchange.rows import (
    ItemRow,
    LabelSet,
    ResponseRow,
    SuggestionRow,
    parsed,
    plain,
    project_of,
    row,
)

__all__ = ["NAME", "collected", "read", "write"]

NAME = "labels.jsonl"
INTERNAL = ("content", "record", "reference", "where")  # a row's fields that no file may set


def write(path: Path, labels: LabelSet) -> None:
    """The whole label set."""
    encode = json.JSONEncoder(ensure_ascii=False).encode
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(encode(labels.header()) + "\n")
        for item in labels.items:
            file.write(encode({"kind": "item", **plain(item)}) + "\n")
        for one in (*labels.responses, *labels.suggestions):
            file.write(encode(plain(one)) + "\n")


def read(path: Path, options: ReadOptions) -> LabelSet:
    """A file of ours, or any whose lines have annotator, value, and picture or item.

    :raises BadInput: with the line that cannot be read.
    """
    rows = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = line.removeprefix(codecs.BOM_UTF8).strip()
            if not text:
                continue
            values = parsed(text, f"line {number} of {path.name}")
            if not isinstance(values, dict):
                raise BadInput(
                    "line {number} of {name} is no JSON object; mend it",
                    number=number,
                    name=path.name,
                )
            rows.append((values, f"line {number}"))
            options.check_rows(len(rows))
    return collected(rows, path.name)


def collected(rows: Iterable[tuple[dict[str, Any], str]], name: str) -> LabelSet:
    """Rows and where they stood, as a label set."""
    labels = LabelSet(None)
    for values, where in rows:
        kind = values.get("kind") or "label"
        # Pixels never come from a row: a path in it could name any file of this machine.
        values = {k: v for k, v in values.items() if k not in INTERNAL}
        if kind == "project":
            labels.setup, labels.version = project_of(values, where)
        elif kind == "item":
            labels.items.append(row(ItemRow, values, where))
        elif kind in ("label", "adjudication"):
            labels.responses.append(row(ResponseRow, values, where))
        elif kind == "suggestion":
            labels.suggestions.append(row(SuggestionRow, values, where))
        else:
            raise BadInput(
                "{where} of {name} is of the kind {kind!r}; it must be one of: project, "
                "item, label, adjudication, suggestion",
                where=where,
                name=name,
                kind=kind,
            )
    return labels
