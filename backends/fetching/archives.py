"""Read named members out of a wheel (zip) or an sdist (tar.gz), and nothing else.

Nothing is extracted by the archive's own names and no code in it is run. An archive in which any
member's name tries to leave its folder is refused whole, since an honest builder writes none.
"""

from __future__ import annotations

import hashlib
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from backends.errors import MissingPart
from backends.fetching.source import trick

__all__ = ["members"]

Opener = Callable[[], AbstractContextManager[IO[bytes]]]

# No weights shrink twentyfold; what does is made to fill the disk.
GREATEST_GROWTH, ALWAYS_ALLOWED = 20, 64_000_000


def members(archive: Path, wanted: dict[str, str], folder: Path) -> dict[str, Path]:
    """The wanted members, checked and written below ``folder``; by their paths in the archive.

    :param wanted: sha256 of each member by that path.
    :raises MissingPart: the archive cannot be read, a name in it is a trick, or a wanted member
        is absent, twice there, no regular file, or has another sha256.
    """
    allowance = max(ALWAYS_ALLOWED, GREATEST_GROWTH * archive.stat().st_size)
    found: dict[str, Path] = {}
    try:
        for name, regular, opened in _entries(archive):
            if trick(name):
                raise MissingPart(
                    "{name} holds the member {name_2!r}, whose name {name_3}; it is not used, "
                    "since an honest archive has none such",
                    name=archive.name,
                    name_2=name,
                    name_3=trick(name),
                )
            if name not in wanted:
                continue
            if name in found or not regular:
                what = "is in it twice" if name in found else "is not a regular file"
                raise MissingPart(
                    "{name!r} of {name_2} {what}; the archive is not used",
                    name=name,
                    name_2=archive.name,
                    what=what,
                )
            path = folder / wanted[name][:16] / PurePosixPath(name).name
            path.parent.mkdir(exist_ok=True)
            with opened() as file:
                digest, length = _copy(file, path, allowance)
            allowance -= length
            if digest != wanted[name]:
                raise MissingPart(
                    "{name!r} of {name_2} has another sha256 than the bundle names; the bundle "
                    "needs a correction",
                    name=name,
                    name_2=archive.name,
                )
            found[name] = path
    except (OSError, EOFError, RuntimeError, tarfile.TarError, zipfile.BadZipFile, zlib.error) as e:
        if isinstance(e, OSError) and e.errno:  # the disk's trouble, not the archive's
            raise
        raise MissingPart("{name} cannot be read as an archive: {e}", name=archive.name, e=e) from e
    for name in wanted.keys() - found.keys():
        raise MissingPart(
            "{name} has no member {name_2!r}; the bundle needs a correction",
            name=archive.name,
            name_2=name,
        )
    return found


def _entries(archive: Path) -> Iterator[tuple[str, bool, Opener]]:
    """Name, whether it is a regular file, and a way to open it, for every member."""
    if archive.name.endswith(".tar.gz"):
        with tarfile.open(archive, "r:gz") as tar:
            for entry in tar:
                yield entry.name, entry.isreg(), partial(_stream, tar, entry)
        return
    with zipfile.ZipFile(archive) as wheel:
        for info in wheel.infolist():
            # zipfile rewrites some names when it reads them; the one in the file counts.
            kind = stat.S_IFMT(info.external_attr >> 16)
            regular = kind in (0, stat.S_IFREG) and not info.is_dir()
            yield info.orig_filename, regular, partial(wheel.open, info)


@contextmanager
def _stream(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> Iterator[IO[bytes]]:
    file = tar.extractfile(entry)
    assert file is not None, "a regular member always opens"
    with file:
        yield file


def _copy(file: IO[bytes], path: Path, allowance: int) -> tuple[str, int]:
    """sha256 and length of what was written."""
    digest, length = hashlib.sha256(), 0
    with path.open("wb") as out:
        while block := file.read(1 << 20):
            length += len(block)
            if length > allowance:
                raise MissingPart(
                    "{name} grows far beyond the size of its archive; it is not used",
                    name=path.name,
                )
            digest.update(block)
            out.write(block)
    return digest.hexdigest(), length
