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
from studio.labels.exchange.allowance import Allowance
from studio.labels.exchange.containment import inside
from studio.labels.exchange.options import PARTS
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

__all__ = ["KEPT", "READ", "KeptPictures", "received", "sent"]

ROWS, KEPT, READ = "rows.jsonl", "kept", "unpacked"
LONGEST_ROW = 4_000_000  # bytes; a note, an address, all classes' probabilities
MOST_REASONS = 50  # why something was left out
NOTHING_SET: set[str] = set()
KINDS: dict[str, type[FileRow]] = {
    "item": ItemRow, "response": ResponseRow, "suggestion": SuggestionRow,
}  # fmt: skip


@dataclass
class KeptPictures:
    """Puts pictures out of a file into files of their own, since memory may not hold them all.

    :param folder: is made.
    """

    folder: Path
    allowance: Allowance
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
        if self.count > self.allowance.rows or self.size > self.allowance.content:
            raise BadInput(
                "the file has more than {rows} pictures, or more than {content:g} GB of "
                "them; {parts}",
                rows=self.allowance.rows,
                content=self.allowance.content / 1000000000.0,
                parts=PARTS,
            )
        path = self.folder / str(self.count)
        path.write_bytes(content)
        return path


def sent(labels: LabelSet, to: Path, source: Path) -> dict[str, Any]:
    """Write a label set's rows into a folder; the rest of it, as JSON values.

    :param source: the folder that the file lies in, with pictures beside it.
    """
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
        "left_out": dict(labels.left_out.most_common(MOST_REASONS)),
    }  # fmt: skip


def received(told: Any, folder: Path, source: Path, allowance: Allowance) -> LabelSet:
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
    for kind, values in _lines(folder / ROWS, allowance):
        place = values.pop("content", None)
        one = row(kind, values, str(values.get("where", "")))
        if isinstance(one, ItemRow) and place is not None:
            one.content = _found(place, folder, source)
        # Nobody asks a row which of its fields were given, and a set each is half its memory.
        object.__setattr__(one, "__pydantic_fields_set__", NOTHING_SET)
        put[kind](one)
    return labels


def _values(one: FileRow, to: Path, source: Path) -> dict[str, Any]:
    values = {key: value for key, value in one.__dict__.items() if value not in (None, "")}
    if "created" in values:
        values["created"] = iso(values["created"])
    content = values.get("content")
    if content is not None:
        # Nobody looks for the picture by it, and a data: URL would be all of it again.
        values.pop("reference", None)
    if isinstance(content, Path):
        own = content.is_relative_to(to / KEPT)
        base = to / KEPT if own else source
        values["content"] = [KEPT if own else READ, content.relative_to(base).as_posix()]
    return values


def _lines(path: Path, allowance: Allowance) -> Iterator[tuple[type[FileRow], dict[str, Any]]]:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > allowance.lines:
        raise BadInput(
            "the file's rows have more than {lines:g} MB; {parts}",
            lines=allowance.lines / 1000000.0,
            parts=PARTS,
        )
    with path.open("rb") as file:
        for _ in range(allowance.rows):
            line = file.readline(LONGEST_ROW)
            if not line:
                return
            values = parsed(line, "a row of the file")
            kind, fields = values if isinstance(values, list) and len(values) == 2 else ("", "")
            if not isinstance(kind, str) or kind not in KINDS or not isinstance(fields, dict):
                raise BadInput("the file has a row of no known kind; export it again")
            yield KINDS[kind], fields


def _found(place: Any, folder: Path, source: Path) -> Path:
    """A picture's file, which lies in one of the two folders."""
    which, name = place if isinstance(place, list) and len(place) == 2 else ("", "")
    base = folder / KEPT if which == KEPT else source
    path = base / str(name)
    if not inside(path, base):
        raise BadInput("a picture of the file is not in its folder; export it again")
    return path
