"""Texts that come from outside: what every database and every file format holds of them."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints, TypeAdapter, ValidationError

from backends.errors import BadInput

__all__ = [
    "LONGEST_NOTE", "Agent", "Label", "Line", "Text", "line_of", "storable_name", "text_of",
]  # fmt: skip

LONGEST_NOTE = 2000  # characters
LONGEST_LABEL = 200  # characters of a class, or of what else is one word or a few
LONGEST_LINE = 1000  # characters of a name that may be a path
# NUL, which PostgreSQL refuses, and other controls, which XML does; halves of surrogate pairs,
# which UTF-8 cannot write; what Unicode says is no character.
UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
BREAKS = re.compile("[\t\n\r\u2028\u2029]")


def _storable(text: str) -> str:
    """What every database and every file format holds."""
    if UNSTORABLE.search(text):
        raise ValueError("it holds a NUL or another control character, or half of a character")
    return text


def _in_one_line(text: str) -> str:
    if BREAKS.search(text):
        raise ValueError("it holds a tab or a line's end; write it in one line")
    return text


Text = Annotated[str, AfterValidator(_storable)]
Line = Annotated[
    str, StringConstraints(max_length=LONGEST_LINE), AfterValidator(_storable),
    AfterValidator(_in_one_line),
]  # fmt: skip
# Without spaces around it, which a spreadsheet would not keep.
Label = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=LONGEST_LABEL),
    AfterValidator(_storable), AfterValidator(_in_one_line),
]  # fmt: skip
Agent = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_LINE),
    AfterValidator(_storable), AfterValidator(_in_one_line),
]  # fmt: skip


def storable_name(name: str) -> str:
    """A picture's name as it is kept: whatever a file system, a zip or a browser calls it, what no
    file could hold becomes _, and of a very long one the end stays."""
    return BREAKS.sub("_", UNSTORABLE.sub("_", name))[-LONGEST_LINE:]


def line_of(value: Any, what: str) -> str:
    """A name or a code that came from outside, such as a browser's memory, which may hold
    anything.

    :param what: it is, for the message.
    :raises BadInput: it is no text that a database could hold.
    """
    try:
        found: str = _line.validate_python(value, strict=True)
    except ValidationError as error:
        raise BadInput("{what} is no text of one line; give it again", what=what) from error
    return found


def text_of(value: Any, what: str) -> str:
    """As :func:`line_of`, of several lines."""
    try:
        found: str = _text.validate_python(value, strict=True)
    except ValidationError as error:
        raise BadInput("{what} cannot be read as a text; write it again", what=what) from error
    return found


_line: TypeAdapter[str] = TypeAdapter(Line)
_text: TypeAdapter[str] = TypeAdapter(Text)
