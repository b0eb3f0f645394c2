"""Files and folders that appear when they are complete, or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from backends.errors import BadInput
from backends.sentences import Sentence

__all__ = ["FULL", "atomic_folder", "atomic_write", "require_out", "require_room",
           "require_writable", "scratch_folder", "unwritten"]  # fmt: skip

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def unwritten(what: str, error: OSError) -> str:
    """Say why something cannot be written, and what to do.

    :param what: that is not there now, such as ``the zip``.
    """
    where = f" ({error.filename})" if isinstance(error.filename, (str, Path)) else ""
    if error.errno in FULL:
        return Sentence(
            "{what} cannot be written{where}: the disk is full; free some space on it",
            what=what, where=where,
        )  # fmt: skip
    if error.errno in FORBIDDEN:
        return Sentence(
            "{what} cannot be written{where}: its folder may not be written; choose another",
            what=what, where=where,
        )  # fmt: skip
    return Sentence(
        "{what} cannot be written{where}: {why}", what=what, where=where,
        why=error.strerror or error,
    )  # fmt: skip


def require_room(folder: Path, size: int) -> None:
    """Check that a disk has room for a file.

    :raises OSError: it has not.
    """
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def require_writable(folder: Path) -> None:
    """Check that files can be written into a folder, or that it can be made; leave nothing there.

    :raises OSError: neither.
    """
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    try:
        with scratch_folder(place, inside=True) as scratch:
            (scratch / "file").touch()
    except OSError as error:  # who reads it knows the folder, not what was tried in it
        raise OSError(error.errno, error.strerror, str(folder)) from error


def require_out(folder: Path) -> None:
    """Check a folder that ``--out`` names.

    :raises BadInput: nothing can be written into it.
    """
    try:
        require_writable(folder)
    except OSError as error:
        raise BadInput(
            "{out} cannot be written ({why}); give --out another folder",
            out=folder,
            why=error.strerror or error,
        ) from error


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a path beside ``path`` to write to, with a name of its own. When the block ends without
    an error, flush the file to the disk and let it replace an earlier one in one move; else remove
    it and leave the earlier one.

    :param path: its folder is made where there is none.
    :raises OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = _beside(path)
    try:
        yield scratch
        with scratch.open("rb+") as file:
            os.fsync(file.fileno())
        scratch.replace(path)
    except BaseException:
        with suppress(OSError):
            scratch.unlink()
        raise


@contextmanager
def scratch_folder(folder: Path, *, inside: bool = False) -> Iterator[Path]:
    """Make an empty folder beside ``folder``; remove it when the block ends, unless it was moved.

    :param folder: its own folder is made where there is none.
    :param inside: make it in ``folder`` instead, which may be a disk of its own, or in a folder
        that may not be written.
    :raises OSError: it cannot be written.
    """
    folder = folder.absolute()
    scratch = _beside(folder / folder.name if inside else folder)
    try:
        scratch.mkdir(parents=True)
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Make a folder to fill, and rename it to ``folder`` in one move when the block ends without
    an error; else remove it.

    :param folder: there is none, or an empty one.
    :raises OSError: it cannot be written, or something is in it by then.
    """
    folder = folder.absolute()  # the block may go elsewhere
    with scratch_folder(folder) as scratch:
        yield scratch
        if folder.exists():
            folder.rmdir()
        scratch.rename(folder)


def _beside(path: Path) -> Path:
    path = path.absolute()  # "." has no name of its own
    return path.parent / f".{path.name}.{secrets.token_hex(6)}.part"
