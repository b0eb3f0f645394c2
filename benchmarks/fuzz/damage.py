"""Inputs as nobody should send them: values that are odd, messages with something changed, files
with damage. All are drawn, so that a number names an input."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

__all__ = ["OTHERS", "TEXTS", "altered", "anything", "damaged", "respelled"]

TEXTS = [
    "", " ", "one", "-seven", "banana", "a\0b", "half \ud83d", "\ud800", "bell \x07", "\x85",
    "\ufffe", "two\nlines", "\ttab", "\r\n", "\u2028", "\u200b", "=1+1", "'", "'=", "'one", "@x",
    "+1", "-1.5", '"', '"",;\t|', "a,b", "None", "null", "nan", "true", "1", "1e999", "draft",
    "discarded", "undo", "import", "page", "ones", "Ada", "x" * 61, "x" * 101, "x" * 2001,
    "é" * 2000, "📷" * 900, "q:together:1", "import:1", "{class}", "../../etc/passwd", "%00", "<b>",
    "&#0;", "]]>",
]  # fmt: skip
OTHERS: list[Any] = [
    None, True, False, 0, 1, 2, -1, 1.0, 1.5, -0.0, 3, 86_400, 86_401, 2**31 - 1, 2**31, 2**63,
    10**30, -(10**30), 10**400, 1e-320, 1e308, math.nan, math.inf, -math.inf, [], [None], [1],
    [1, 1], ["one"], [[1]], {}, {"one": 1}, {"\ud800": 1}, {"": None}, [0.5] * 200, [1, 2, 3],
]  # fmt: skip
PIECES = [
    b"1e999", b"-1", b"null", b"[[[[", b"{}", b'"', b"\x00", b"\xed\xa0\x80", b"\\ud800",
    b"99999999999999999999999", b"2024-13-45T99:99:99Z", b"0000-00-00", b"9" * 5000, b"../../",
    b"C:\\\\", b",", b"\n", b"\xe2\x80\xae",
]  # fmt: skip
COUNTS = (b"\xff\xff\xff\x7f", bytes(4), b"\x80" * 4, b"\x7f\xff\xff\xff", b"\x00\x00\x00\x01")


def anything(draw: random.Random, depth: int = 2) -> Any:
    """A value of JSON, likely or not."""
    kind = draw.random()
    if kind < 0.5:
        return draw.choice(TEXTS)
    if kind < 0.9 or not depth:
        return draw.choice(OTHERS)
    if kind < 0.95:
        return [anything(draw, depth - 1) for _ in range(draw.randrange(4))]
    return {draw.choice(TEXTS): anything(draw, depth - 1) for _ in range(draw.randrange(4))}


def altered(draw: random.Random, value: Any) -> Any:
    """A value of JSON with something within it changed, left out, doubled or added."""
    if isinstance(value, dict) and value and draw.random() < 0.95:
        found = dict(value)
        key = draw.choice(list(found))
        kind = draw.random()
        if kind < 0.1:
            del found[key]
        elif kind < 0.2:
            found[draw.choice(TEXTS)] = anything(draw)
        else:
            found[key] = altered(draw, found[key])
        return found
    if isinstance(value, list) and value and draw.random() < 0.8:
        at = draw.randrange(len(value))
        return [
            *value[:at],
            *[altered(draw, value[at])] * draw.choice((0, 1, 1, 2)),
            *value[at + 1 :],
        ]
    if isinstance(value, str) and value and draw.random() < 0.4:
        return respelled(draw, value)
    return anything(draw)


def respelled(draw: random.Random, text: str) -> str:
    """A text with characters cut, doubled, moved or replaced."""
    for _ in range(draw.choice((1, 1, 2, 4))):
        at, length = draw.randrange(len(text) + 1), draw.choice((1, 1, 2, 8))
        put = draw.choice(
            ["", text[at : at + length] * 2, *draw.choices(TEXTS, k=2), "0", "9" * 30]
        )
        text = text[:at] + put + text[at + length :]
    return text


def damaged(draw: random.Random, content: bytes, pieces: Sequence[bytes] = PIECES) -> bytes:
    """A copy of a file with damage: bytes, stretches, lengths, numbers."""
    found = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 8))):
        # What a file says of itself stands at its beginning, as a rule.
        reach = draw.choice((len(found), 64, 512))
        at = draw.randrange(max(1, min(reach, len(found))))
        kind = draw.randrange(5)
        if kind == 0:
            found[at : at + 1] = bytes([draw.randrange(256)])
        elif kind == 1:
            del found[at : at + draw.choice((1, 4, 100, len(found)))]
        elif kind == 2:
            found[at:at] = found[max(0, at - 50) : at] * draw.choice((1, 20))
        elif kind == 3:
            found[at : at + 4] = draw.choice(COUNTS)
        else:
            found[at:at] = draw.choice(pieces)
    return bytes(found)
