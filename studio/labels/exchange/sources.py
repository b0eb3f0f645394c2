"""What people give to be imported: a file or a folder, the format it is in, and where its rows
stand. Nothing outside the folder is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from backends.errors import BadInput, NotFound
from studio.labels.exchange import csv_table, dataset_rows, label_studio_tasks, lines
from studio.labels.exchange.containment import inside

__all__ = ["FORMATS", "SUFFIXES", "format_of", "known_format", "placed", "reader"]

FORMATS = ("csv", "jsonl", "datasets", "label-studio")
SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "label-studio"}


def format_of(source: Path) -> str | None:
    """The format of a file or folder by its name or content; None where nothing tells."""
    if not source.is_dir():
        return SUFFIXES.get(source.suffix.lower())
    named = {"csv": csv_table.NAME, "jsonl": lines.NAME, "label-studio": label_studio_tasks.NAME}
    found = next((name for name, file in named.items() if inside(source / file, source)), None)
    if found is None and any(
        next(source.rglob(f"*.{kind}"), None) for kind in ("arrow", "parquet")
    ):
        return "datasets"
    only = _only_file(source)
    return found or (only and SUFFIXES[only.suffix.lower()]) or None


def placed(source: Path, format: str | None, name: str) -> tuple[Path, str]:
    """Where the rows of a source stand, and in which format.

    :param format: if a person says it.
    :param name: of the source, for messages.
    :raises BadInput: the format cannot be known, or the source cannot be of it.
    :raises NotFound: the folder does not have the format's file.
    """
    chosen = format_of(source) if format is None else known_format(format)
    if chosen is None:
        raise BadInput(
            "{name} does not tell its format; say --format with one of: {formats}",
            name=name,
            formats=", ".join(FORMATS),
        )
    if chosen == "datasets":
        if not source.is_dir():
            raise BadInput(
                "{name} is no folder; give the folder that labels were exported to", name=name
            )
        return source, chosen
    if not source.is_dir():
        return source, chosen
    path = source / reader(chosen).NAME
    only = _only_file(source)
    if not inside(path, source) and only is not None and SUFFIXES[only.suffix.lower()] == chosen:
        path = only
    if not inside(path, source):
        raise NotFound(
            "there is no {name} in {name_2}; give the file itself", name=path.name, name_2=name
        )
    return path, chosen


def known_format(format: str) -> str:
    """The format itself.

    :raises BadInput: there is none of that name.
    """
    if format not in FORMATS:
        raise BadInput(
            "there is no format {format!r}; choose from: {formats}",
            format=format,
            formats=", ".join(FORMATS),
        )
    return format


def reader(format: str) -> ModuleType:
    """The module that reads a format."""
    named = {"csv": csv_table, "jsonl": lines, "label-studio": label_studio_tasks}
    return named.get(format, dataset_rows)


def _only_file(folder: Path) -> Path | None:
    """The one file of a folder that may hold labels; None where there are several."""
    some = [path for path in _shown_files(folder) if path.suffix.lower() in SUFFIXES]
    return some[0] if len(some) == 1 else None


def _shown_files(folder: Path) -> Iterator[Path]:
    return (p for p in folder.iterdir() if p.name[0] != "." and inside(p, folder))
