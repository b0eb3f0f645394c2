"""The options of a region's text: corners of a box, numbers, settings."""

from __future__ import annotations

import re
from collections.abc import Iterable

from backends.errors import BadInput

__all__ = ["NUMBER", "Corners", "Pairs", "corners", "outside", "pairs", "plain_number", "written"]

NUMBER = r"\s*(\d+(?:\.\d+)?)\s*"

Corners = tuple[int, int, int, int]
Pairs = tuple[tuple[str, str], ...]


def corners(text: str) -> Corners:
    """Read ``X0,Y0,X1,Y1``.

    :raises BadInput: it is something else, or the box is empty.
    """
    match = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*", text, re.ASCII)
    if match is None:
        raise BadInput(
            "box {text!r} is not of the form X0,Y0,X1,Y1, in whole pixels", text=text.strip()
        )
    x0, y0, x1, y1 = (int(number) for number in match.groups())
    if not (x0 < x1 and y0 < y1):
        raise BadInput(
            "box {text!r} is empty; write X0,Y0,X1,Y1 with X0 < X1 and Y0 < Y1", text=text.strip()
        )
    return x0, y0, x1, y1


def outside(options: str, height: int, width: int) -> BadInput:
    """The error of a box that reaches out of a picture."""
    return BadInput(
        "box {options!r} is not inside the {width}x{height} picture; write "
        "X0,Y0,X1,Y1 with X0 < X1 and Y0 < Y1",
        options=options,
        width=width,
        height=height,
    )


def pairs(pieces: Iterable[str], example: str) -> Pairs:
    """Read ``key=value`` pieces; a later one replaces an earlier one of the same key.

    :raises BadInput: one is something else; ``example`` says how to write it.
    """
    settings = {}
    for piece in filter(None, map(str.strip, pieces)):
        key, equals, value = (part.strip() for part in piece.partition("="))
        if not (key and equals and value):
            raise BadInput(
                "{piece!r} is no setting of a region; write {example}", piece=piece, example=example
            )
        settings[key] = value
    return tuple(settings.items())


def written(settings: Pairs, between: str) -> str:
    """Write settings as they are read by :func:`pairs`."""
    return between.join(f"{key}={value}" for key, value in settings)


def plain_number(number: float) -> str:
    """Write a number without a needless decimal point."""
    return str(int(number)) if number.is_integer() else repr(number)
