"""The scripts and styles of the page: the files of the folder ``static``."""

from __future__ import annotations

from pathlib import Path

__all__ = ["static_text"]

FOLDER = Path(__file__).parents[1] / "static"


def static_text(*names: str) -> str:
    """The content of those files, one after another."""
    return "".join((FOLDER / name).read_text() for name in names)
