"""How a person's name is spelt; apart from the tables, since files are read without a database."""

from __future__ import annotations

import unicodedata
from typing import Any

from backends.errors import BadInput

__all__ = ["LONGEST", "person_name", "require_name"]

LONGEST = 60  # characters of a person's name
# Letters of Persian and Indic words, emoji and flags are joined by these, which do not print.
JOINERS = {0x200C, 0x200D, *range(0xE0020, 0xE0080)}
# Soft hyphen, zero-width space, direction marks, word joiner, byte order mark: nothing is seen.
INVISIBLE = dict.fromkeys([0x00AD, 0x200B, 0x200E, 0x200F, 0x061C, 0x2060, 0xFEFF])


def person_name(text: str) -> str:
    """A person's name as it is kept, so that one person has one spelling: in Unicode's form NFC,
    every kind of space a plain one, without characters that nobody sees."""
    text = unicodedata.normalize("NFC", text.translate(INVISIBLE))
    text = "".join(" " if unicodedata.category(c) == "Zs" else c for c in text)
    return text.strip(" \t\r\n\u200c\u200d")


def require_name(given: Any) -> str:
    """A person's name as it is kept.

    :raises BadInput: it is no name.
    """
    name = person_name(given) if isinstance(given, str) else ""
    seen = "".join(c for c in name if ord(c) not in JOINERS)
    if not name or len(name) > LONGEST or not seen.isprintable():
        raise BadInput("give a name of 1 to {longest} characters", longest=LONGEST)
    return name
