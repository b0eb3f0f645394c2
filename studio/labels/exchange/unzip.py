"""A zip of a folder, unpacked within limits."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

from backends.errors import BadInput

__all__ = ["unzip"]

LARGEST = 2_000_000_000  # bytes of all files together
MOST = 200_000  # files
ALWAYS_ALLOWED, GREATEST_GROWTH = 64_000_000, 200  # bytes; times the zip's own size
DAMAGED = (
    OSError, EOFError, RuntimeError, ValueError, NotImplementedError, zipfile.BadZipFile,
    zlib.error, struct.error,
)  # fmt: skip


def unzip(
    file: Path,
    folder: Path,
    by_hand: str = "import the folder with: python -m studio labels import",
) -> Path:
    """Unpack a zip into a folder, which no file of it leaves; the folder that was zipped.

    :param by_hand: what a person may do instead with a folder that is too large, for the message.
    :raises BadInput: it is damaged, encrypted, of an unknown kind, or larger than it should be.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            total = sum(entry.file_size for entry in entries)
            allowed = max(ALWAYS_ALLOWED, GREATEST_GROWTH * file.stat().st_size)
            if total > min(allowed, LARGEST) or len(entries) > MOST:
                raise BadInput(
                    f"{file.name} would unpack to {total / 1e9:.1f} GB in {len(entries)} files; "
                    f"unpack it yourself if you trust it, and {by_hand}"
                )
            archive.extractall(folder)
    except DAMAGED as error:
        raise BadInput(f"{file.name} cannot be unpacked ({error}); zip the folder again") from error
    inside = [path for path in folder.iterdir() if not path.name.startswith((".", "__"))]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder
