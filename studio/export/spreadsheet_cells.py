"""Cells of CSV files that a spreadsheet takes for what they are.

A spreadsheet would run a cell that begins with = + - or @ as a formula (OWASP, *CSV Injection*).
Such a text gets an apostrophe before it, which reading takes away again; so does one that begins
with an apostrophe itself. A number is no text, and stays.
"""

from __future__ import annotations

from typing import Any

__all__ = ["meant", "safe"]

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")


def safe(value: Any) -> Any:
    """What to write into a cell for a value."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def meant(cell: str) -> str:
    """The text that :func:`safe` wrote a cell for."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(FORMULA) else cell
