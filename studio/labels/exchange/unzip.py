"""A zip of a folder, unpacked within limits, whatever its directory says."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from backends.confined import Limits, allowed, limited
from backends.errors import BadInput

__all__ = ["unpacked", "unzip"]

LARGEST = 2_000_000_000  # bytes of all files together
MOST = 200_000  # files
ALWAYS_ALLOWED, GREATEST_GROWTH = 64_000_000, 200  # bytes; times the zip's own size
LONGEST_NAME, LONGEST_PATH, DEEPEST = 240, 1000, 20  # bytes of UTF-8, and folders
PIECE = 1 << 20  # bytes that are in memory at once
# Others' readers may give gigabytes for one piece; what systems zip with knows these two.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
BY_HAND = "import the folder with: python -m studio labels import"
DAMAGED = (
    OSError, EOFError, RuntimeError, ValueError, NotImplementedError, KeyError, IndexError,
    AttributeError, TypeError, OverflowError, zipfile.BadZipFile, zlib.error, struct.error,
)  # fmt: skip


def unzip(file: Path, folder: Path, by_hand: str = BY_HAND) -> Path:
    """Unpack a zip into an empty folder, which no file of it leaves; the folder that was zipped.

    :param by_hand: what a person may do instead with a folder that is too large, for the message.
    :raises BadInput: it is damaged, encrypted, of an unknown kind, or larger than it should be.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            allowed_bytes = _allowed(file, entries, by_hand)
            folder.mkdir(exist_ok=True)
            for path, entry in _places(entries):
                allowed_bytes -= _extract(archive, entry, folder / path, allowed_bytes)
    except DAMAGED as error:
        raise BadInput(
            "{name} cannot be unpacked ({error}); zip the folder again", name=file.name, error=error
        ) from error
    inside = [path for path in folder.iterdir() if not path.name.startswith((".", "__"))]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def unpacked(file: Path, folder: Path, by_hand: str = BY_HAND) -> Path:
    """As :func:`unzip`, in a process of its own.

    :raises BadInput: as there.
    """
    found = limited(
        _unzip_confined, file.name, Limits(file=LARGEST),
        file=str(file.absolute()), folder=str(folder.absolute()), by_hand=by_hand,
    )  # fmt: skip
    return folder / str(found)


@allowed
def _unzip_confined(file: str, folder: str, by_hand: str) -> str:
    return unzip(Path(file), Path(folder), by_hand).relative_to(folder).as_posix()


def _allowed(file: Path, entries: list[zipfile.ZipInfo], by_hand: str) -> int:
    """How many bytes the files may have together.

    :raises BadInput: the directory tells of more.
    """
    total = sum(entry.file_size for entry in entries)
    allowed_bytes = min(LARGEST, max(ALWAYS_ALLOWED, GREATEST_GROWTH * file.stat().st_size))
    if total > allowed_bytes or len(entries) > MOST:
        raise BadInput(
            "{name} would unpack to {total:.1f} GB in {count} files; unpack it yourself "
            "if you trust it, and {by_hand}",
            name=file.name,
            total=total / 1000000000.0,
            count=len(entries),
            by_hand=by_hand,
        )
    return allowed_bytes


def _places(entries: Iterable[zipfile.ZipInfo]) -> list[tuple[PurePosixPath, zipfile.ZipInfo]]:
    """Every file and its path in the folder.

    :raises ValueError: one is no plain file, is there twice, or has a name that no disk takes.
    """
    found: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if entry.filename.endswith(("/", "\\")) or kind == stat.S_IFDIR:
            continue  # files make their own folders
        path = _inner_path(entry.filename)
        if kind not in (0, stat.S_IFREG):
            raise ValueError(f"{_short(entry.filename)} is a link or a device")
        if entry.compress_type not in METHODS:
            raise ValueError(f"{_short(entry.filename)} is compressed in an unusual way")
        if path in found:
            raise ValueError(f"{_short(entry.filename)} is in it twice")
        found[path] = entry
    return list(found.items())


def _inner_path(name: str) -> PurePosixPath:
    """A member's path within the folder, as zipfile makes one: what leads out of it is left away.
    Some programs of Windows write its own separator.

    :raises ValueError: nothing is left, or no disk takes it.
    """
    text = name.replace("\\", "/")
    if os.name == "nt":
        text = text.replace(":", "_")  # drives, and the streams of a file
    parts = [part for part in text.split("/") if part not in ("", ".", "..")]
    if not parts:
        raise ValueError(f"{_short(name)} is no path")
    long = any(len(part.encode(errors="replace")) > LONGEST_NAME for part in parts)
    if long or len(parts) > DEEPEST or len(text.encode(errors="replace")) > LONGEST_PATH:
        raise ValueError(f"{_short(name)} is too long a path")
    return PurePosixPath(*parts)


def _short(name: str) -> str:
    return repr(name if len(name) <= 60 else f"{name[:60]}…")


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, to: Path, most: int) -> int:
    """Write one file; how many bytes it had.

    :raises ValueError: more than ``most``; only those are written.
    """
    written = 0
    to.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as source, to.open("xb") as target:
        while piece := source.read(PIECE):
            written += len(piece)
            if written > most:
                raise ValueError("it holds far more than its directory says")
            target.write(piece)
    return written
