"""A label set between the process that read it and the studio: a line a row, and pictures as files.

The process that read it may be in a file's power, so its lines are checked like a file's.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.errors import BadInput
from studio.labels.exchange.containment import inside
from studio.labels.exchange.rows import (
    FileRow,
    ItemRow,
    LabelSet,
    ResponseRow,
    SuggestionRow,
    iso,
    parsed,
    row,
)
from studio.labels.store.records import Setup

__all__ = ["MOST_ROWS", "KeptPictures", "received", "sent"]

ROWS, KEPT, READ = "rows.jsonl", "kept", "unpacked"
MOST_ROWS = 500_000  # of items, responses and suggestions together
MOST_BYTES = 400_000_000  # of them as lines
LONGEST_ROW = 2_000_000  # bytes; a note, a project's instructions, all classes' probabilities
MOST_CONTENT = 2_000_000_000  # bytes of all pictures of a file
KINDS: dict[str, type[FileRow]] = {
    "item": ItemRow, "response": ResponseRow, "suggestion": SuggestionRow,
}  # fmt: skip


@dataclass
class KeptPictures:
    """Puts pictures out of a file into files of their own, since memory may not hold them all.

    :param folder: is made.
    """

    folder: Path
    count: int = 0
    size: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir()

    def keep(self, content: bytes) -> Path:
        """Write one; where it is.

        :raises BadInput: there are too many, or they are too large.
        """
        self.count += 1
        self.size += len(content)
        if self.count > MOST_ROWS or self.size > MOST_CONTENT:
            raise BadInput(
                f"the pictures in the file have more than {MOST_CONTENT / 1e9:g} GB; import it in "
                "smaller parts; nothing was taken"
            )
        path = self.folder / str(self.count)
        path.write_bytes(content)
        return path


def sent(labels: LabelSet, to: Path, source: Path) -> dict[str, Any]:
    """Write a label set's rows into a folder; the rest of it, as JSON values.

    :param source: the folder that the file lies in, with pictures beside it.
    :raises BadInput: there are too many rows.
    """
    rows = len(labels.items) + len(labels.responses) + len(labels.suggestions)
    if rows > MOST_ROWS:
        raise BadInput(
            f"the file has {rows} rows, and at most {MOST_ROWS} are taken at once; import it in "
            "smaller parts; nothing was taken"
        )
    encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode
    with (to / ROWS).open("w", encoding="utf-8", newline="\n") as file:
        for kind, some in (
            ("item", labels.items), ("response", labels.responses),
            ("suggestion", labels.suggestions),
        ):  # fmt: skip
            for one in some:
                file.write(encode([kind, _values(one, to, source)]) + "\n")
    return {
        "setup": labels.setup.model_dump() if labels.setup else None, "version": labels.version,
        "left_out": dict(labels.left_out),
    }  # fmt: skip


def received(told: Any, folder: Path, source: Path) -> LabelSet:
    """The label set of which another process wrote the rows into a folder.

    :param told: what :func:`sent` gave there.
    :param source: as there.
    :raises BadInput: it is none.
    """
    told = told if isinstance(told, dict) else {}
    setup, version, left_out = (told.get(key) for key in ("setup", "version", "left_out"))
    labels = LabelSet(row(Setup, setup, "project") if isinstance(setup, dict) else None)
    labels.version = version if isinstance(version, int) else 0
    if isinstance(left_out, dict):
        labels.left_out = Counter({k: v for k, v in left_out.items() if isinstance(v, int)})
    put: dict[type[FileRow], Callable[[Any], None]] = {
        ItemRow: labels.items.append, ResponseRow: labels.responses.append,
        SuggestionRow: labels.suggestions.append,
    }  # fmt: skip
    for kind, values in _lines(folder / ROWS):
        place = values.pop("content", None)
        one = row(kind, values, str(values.get("where", "")))
        if isinstance(one, ItemRow) and place is not None:
            one.content = _found(place, folder, source)
        put[kind](one)
    return labels


def _values(one: FileRow, to: Path, source: Path) -> dict[str, Any]:
    values = {key: value for key, value in one.__dict__.items() if value not in (None, "")}
    if "created" in values:
        values["created"] = iso(values["created"])
    content = values.get("content")
    if isinstance(content, Path):
        own = content.is_relative_to(to / KEPT)
        base = to / KEPT if own else source
        values["content"] = [KEPT if own else READ, content.relative_to(base).as_posix()]
    return values


def _lines(path: Path) -> Iterator[tuple[type[FileRow], dict[str, Any]]]:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > MOST_BYTES:
        raise BadInput(
            f"the file's rows have more than {MOST_BYTES / 1e6:g} MB; import it in smaller parts; "
            "nothing was taken"
        )
    with path.open("rb") as file:
        for _ in range(MOST_ROWS):
            line = file.readline(LONGEST_ROW)
            if not line:
                return
            values = parsed(line, "a row of the file")
            if len(values) != 2 or values[0] not in KINDS or not isinstance(values[1], dict):
                raise BadInput("the file has a row of no known kind; export it again")
            yield KINDS[values[0]], values[1]


def _found(place: Any, folder: Path, source: Path) -> Path:
    """A picture's file, which lies in one of the two folders."""
    which, name = place if isinstance(place, list) and len(place) == 2 else ("", "")
    base = folder / KEPT if which == KEPT else source
    path = base / str(name)
    if not inside(path, base):
        raise BadInput("a picture of the file is not in its folder; export it again")
    return path
