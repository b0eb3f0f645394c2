"""JSON Lines: an object a line, told apart by ``kind``: project first, then item, label,
adjudication, suggestion."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from backends.errors import BadInput
from studio.labels.exchange.rows import Guess, LabelSet, Piece, Said, plain, row
from studio.labels.store.records import Setup

__all__ = ["NAME", "collected", "project_of", "read", "write"]

NAME = "labels.jsonl"


def write(path: Path, labels: LabelSet) -> None:
    """The whole label set."""
    encode = json.JSONEncoder(ensure_ascii=False).encode
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(encode(labels.header()) + "\n")
        for piece in labels.items:
            file.write(encode({"kind": "item", **plain(piece)}) + "\n")
        for said in (*labels.said, *labels.guesses):
            file.write(encode(plain(said)) + "\n")


def read(path: Path) -> LabelSet:
    """A file of ours, or any whose lines have annotator, value, and picture or item.

    :raises BadInput: with the line that cannot be read.
    """
    rows = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                values = json.loads(line.decode("utf-8"))
            except ValueError as error:
                raise BadInput(
                    f"line {number} of {path.name} is no JSON; mend it, nothing was taken"
                ) from error
            if not isinstance(values, dict):
                raise BadInput(f"line {number} of {path.name} is no JSON object; mend it")
            rows.append((values, f"line {number}"))
    return collected(rows, path.name)


def collected(rows: Iterable[tuple[dict[str, Any], str]], name: str) -> LabelSet:
    """Rows and where they stood, as a label set."""
    labels = LabelSet(None)
    kinds = {
        "item": (Piece, labels.items), "label": (Said, labels.said),
        "adjudication": (Said, labels.said), "suggestion": (Guess, labels.guesses),
    }  # fmt: skip
    setup, version = None, 0
    for values, where in rows:
        kind = values.get("kind", "label")
        if kind == "project":
            setup, version = project_of(values, where)
        elif isinstance(kind, str) and kind in kinds:
            model, found = kinds[kind]
            # Pixels never come from a row: a path in it could name any file of this machine.
            found.append(row(model, {k: v for k, v in values.items() if k != "content"}, where))
        else:
            raise BadInput(
                f"{where} of {name} is of the kind {kind!r}; it must be one of: project, "
                f"{', '.join(kinds)}"
            )
    return LabelSet(setup, version, False, labels.items, labels.said, labels.guesses)


def project_of(values: dict[str, Any], where: str) -> tuple[Setup, int]:
    """What a header says.

    :raises BadInput: it is no project's.
    """
    fields = {key: values[key] for key in Setup.model_fields if key in values}
    version = values.get("version", 0)
    setup = row(Setup, {**fields, "name": values.get("project")}, where)
    try:
        return setup, int(version)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{where}: the version {version!r} is no number; mend it") from error
