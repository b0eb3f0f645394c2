"""Names of fields as a sentence writes them: whoever sends a message may call a field anything."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["field_name"]

PLAIN = re.compile(r"[\w $-]{1,60}", re.ASCII)
LONGEST = 60


def field_name(parts: Iterable[str | int]) -> str:
    """The field that a pydantic problem is about, of the parts of its place; one that is no plain
    word is quoted and cut."""
    return ".".join(_plain(str(part)) for part in parts if part != "[key]")


def _plain(part: str) -> str:
    return part if PLAIN.fullmatch(part) else repr(part[:LONGEST])
