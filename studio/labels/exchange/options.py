"""What a person may have to say about a file before it can be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from backends.errors import BadInput

__all__ = ["PARTS", "Keep", "ReadOptions"]

PARTS = "import it in smaller parts, or with: python -m studio labels import; nothing was taken"

Keep = Callable[[bytes], bytes | Path]


def _as_it_is(content: bytes) -> bytes:
    return content


@dataclass(frozen=True)
class ReadOptions:
    """How to read a file.

    :ivar control: name of Label Studio's control whose choices are the labels, where there are
        several.
    :ivar encoding: of a CSV file that is not in UTF-8, such as cp1252.
    :ivar known: names of the project's people, classes and pictures, which tell in what encoding a
        CSV file is.
    :ivar rows: how many there may be.
    :ivar keep: puts the content of a picture out of memory, into a file that it gives.
    """

    control: str | None = None
    encoding: str | None = None
    known: frozenset[str] = field(default_factory=frozenset)
    keep: Keep = _as_it_is
    rows: int = 20_000_000

    def check_rows(self, count: int) -> None:
        """Refuse a file as soon as it has too many rows, which need not be many bytes.

        :raises BadInput: it has.
        """
        if count > self.rows:
            raise BadInput(
                "the file has more than the {rows} rows that are taken; {parts}",
                rows=self.rows,
                parts=PARTS,
            )
