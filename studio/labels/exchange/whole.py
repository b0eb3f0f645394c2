"""Exports that appear when they are complete, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backends.errors import BadInput
from backends.files import atomic_folder, atomic_write

__all__ = ["whole_file", "whole_folder"]


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to; the file takes its place, instead of an earlier one, when the block ends
    well.

    :raises BadInput: the place is a folder's.
    """
    if path.is_dir():
        raise BadInput("{path} is a folder; give the file a name in it", path=path)
    with atomic_write(path) as scratch:
        yield scratch


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill, that takes the given one's place when the block ends well.

    :raises BadInput: there is something in the given one already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput("{folder} is there and not empty; choose a new folder", folder=folder)
    with atomic_folder(folder) as scratch:
        yield scratch
