"""Files and folders that appear when they are complete, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backends.errors import BadInput

__all__ = ["whole_file", "whole_folder"]


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to; the file takes its place, instead of an earlier one, when the block ends
    well.

    :raises BadInput: the place is a folder's.
    """
    if path.is_dir():
        raise BadInput(f"{path} is a folder; give the file a name in it")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as scratch:
        written = Path(scratch) / path.name
        yield written
        with written.open("rb+") as file:
            os.fsync(file.fileno())
        written.replace(path)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill, that takes the given one's place when the block ends well.

    :raises BadInput: there is something in the given one already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} is there and not empty; choose a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as scratch:
        written = Path(scratch) / "content"
        written.mkdir()
        yield written
        if folder.exists():
            folder.rmdir()
        written.rename(folder)
