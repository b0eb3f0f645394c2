"""Pictures for a project, from a folder, a zip, MNIST's files, or a bundle's prior."""

from __future__ import annotations

import asyncio
import functools
import stat
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from backends import imaging
from backends.errors import BadInput, NotFound, StudioError, TooMuch
from studio.engines.core import Engine
from studio.labels.store import pictures
from studio.labels.store.database import Database
from studio.labels.store.records import Project
from studio.runs.asking import ask
from studio.runs.decoding import decode

__all__ = ["GENERATE", "Filled", "Named", "Skip", "fill", "pictures_of", "prepared"]

GENERATE = "generate:"
SUFFIXES = {
    ".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".avif",
}  # fmt: skip
# Of one member, of all, and how often their bytes may be the archive's: pictures hardly shrink.
LARGEST_MEMBER, LARGEST_SUM, GREATEST_GROWTH = 200_000_000, 20_000_000_000, 100
ALWAYS_ALLOWED = 64_000_000
UNREADABLE = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, NotImplementedError)

AT_ONCE = 20  # pictures that are stored in one transaction

Skip = Callable[[str, str], None]
Named = Iterator[tuple[str, np.ndarray]]
Opened = Iterator[tuple[str, Callable[[], Image.Image]]]


@dataclass(frozen=True)
class Filled:
    """How far pictures are on their way into a project: how many were looked at, how many are new
    to it, and which could not be used, with the reason."""

    seen: int
    new: int
    refused: tuple[str, ...] = ()


def pictures_of(bundle: str, source: str, skip: Skip, seed: int = 0) -> Named:
    """Name and pixels, uint8 [H, W, C] as the bundle's models see it, of every picture there.

    :param source: a folder of pictures (those in its folders too), a zip of them, a folder with
        MNIST's idx files, or ``generate:N`` for N pictures that the bundle's prior draws.
    :param skip: called with the name of each picture that cannot be used, and why.
    :param seed: of the first generated picture; the others' follow it.
    :raises NotFound: there is no such folder or file.
    :raises BadInput: it holds no pictures, is no zip, or one that is made to fill the disk.
    """
    if source.startswith(GENERATE):
        return _generated(bundle, source.removeprefix(GENERATE), seed)
    return _prepared(bundle, _opened_in(source), skip)


async def fill(
    engine: Engine, database: Database, project: Project, owner: str, paths: Iterable[str]
) -> AsyncIterator[Filled]:
    """Put strangers' pictures into a project, one after the other, as :func:`prepared` has them.

    :param paths: of pictures, and of zip files of them.
    :raises TooMuch: the owner has had their share; those before are in the project.
    """
    refused: list[str] = []
    some: list[tuple[str, np.ndarray]] = []
    seen = new = 0

    async def keep() -> int:
        added = await asyncio.to_thread(pictures.add, database, project, some) if some else 0
        some.clear()
        return added

    found = _opened_of(paths, refused)
    while one := await asyncio.to_thread(next, found, None):
        name, opened = one
        try:
            some.append((name, await prepared(engine, owner, project.setup.bundle, opened)))
        except TooMuch:
            await keep()
            raise
        except StudioError as error:
            refused.append(f"{name}: {error}")
            continue
        seen += 1
        if len(some) >= AT_ONCE:
            new += await keep()
            yield Filled(seen, new, tuple(refused))
    new += await keep()
    yield Filled(seen, new, tuple(refused))


def _opened_of(paths: Iterable[str], refused: list[str]) -> Opened:
    for path in paths:
        try:
            yield from _opened_in(path)
        except StudioError as error:
            refused.append(f"{Path(path).name}: {error}")


def _opened_in(source: str) -> Opened:
    """Name of every picture there, and what decodes it; ``source`` and errors as of
    :func:`pictures_of`, without generated ones."""
    path = Path(source)
    if not path.exists():
        raise NotFound(
            "there is no {source}; give a folder, a zip, or {generate}N",
            source=source,
            generate=GENERATE,
        )
    if path.is_file():
        one = path.suffix.lower() in SUFFIXES
        found = iter([(path.name, functools.partial(imaging.read_picture, path))])
        return found if one else _in_zip(path)
    if next(path.glob("*-images-idx3-ubyte*"), None):
        return _in_idx(path)
    return _in_folder(path)


async def prepared(
    engine: Engine, owner: str, bundle: str, opened: Callable[[], Image.Image]
) -> np.ndarray:
    """A stranger's picture as the bundle's models see it, uint8 [H, W, C]. It is decoded off the
    engine's thread, as it may take long, and counts for its owner.

    :raises TooMuch: the owner has had their share.
    :raises StudioError: it cannot be used.
    """
    from backends import service

    picture = await decode(owner, engine.budgets, opened, lambda picture: picture.size)
    return await ask(engine, owner, functools.partial(service.prepare, bundle, picture))


def _prepared(bundle: str, found: Opened, skip: Skip) -> Named:
    from backends import service

    for name, opened in found:
        try:
            pixels = service.prepare(bundle, opened())
        except StudioError as error:
            skip(name, str(error))
            continue
        yield name, pixels


def _in_folder(folder: Path) -> Opened:
    # Hidden files are systems' own: thumbnails, resource forks.
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]
    if not paths:
        raise BadInput(
            "no pictures in {folder}; give a folder with PNG or JPEG files", folder=folder
        )
    for path in paths:
        name = path.relative_to(folder).as_posix()
        yield name, functools.partial(imaging.read_picture, path)


def _in_zip(path: Path) -> Opened:
    """Nothing is unpacked: members are read one by one, and a member's name is only a name."""
    try:
        archive = zipfile.ZipFile(path)
    except UNREADABLE as error:
        raise BadInput(
            "{name} is no zip ({error}); give a zip of pictures, or a folder",
            name=path.name,
            error=error,
        ) from error
    with archive:
        entries = [entry for entry in archive.infolist() if _is_picture(entry)]
        total = sum(entry.file_size for entry in entries)
        allowed = max(ALWAYS_ALLOWED, GREATEST_GROWTH * path.stat().st_size)
        if total > min(allowed, LARGEST_SUM):
            raise BadInput(
                "{name} would unpack to {total:.1f} GB, far more than it holds; unpack it "
                "yourself if you trust it, and give the folder",
                name=path.name,
                total=total / 1000000000.0,
            )
        if not entries:
            raise BadInput(
                "no pictures in {name}; give a zip with PNG or JPEG files", name=path.name
            )
        for entry in entries:
            yield entry.filename, functools.partial(_member, archive, entry)


def _is_picture(entry: zipfile.ZipInfo) -> bool:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    name = PurePosixPath(entry.filename)
    shown = not name.name.startswith(".") and "__MACOSX" not in name.parts
    return kind in (0, stat.S_IFREG) and shown and name.suffix.lower() in SUFFIXES


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Image.Image:
    if entry.file_size > LARGEST_MEMBER:
        raise BadInput(
            "it has more than {largest_member} MB; reduce it",
            largest_member=LARGEST_MEMBER // 1000000,
        )
    try:
        with archive.open(entry) as file:
            # The directory may give too small a size; zipfile stops there.
            content = file.read(entry.file_size + 1)
    except UNREADABLE as error:
        raise BadInput(
            "it cannot be read out of the zip ({error}); zip it again", error=error
        ) from error
    return imaging.read_picture(content)


def _in_idx(folder: Path) -> Opened:
    from backends.training.data import read_idx

    for path in sorted(folder.glob("*-images-idx3-ubyte*")):
        split = path.name.partition("-images")[0]
        for number, pixels in enumerate(read_idx(path)):
            yield f"{split}-{number:05d}.png", functools.partial(Image.fromarray, pixels)


def _generated(bundle: str, count: str, seed: int) -> Named:
    from backends.service import draw

    if not count.isdecimal() or not int(count):
        raise BadInput(
            "{generate}{count} names no number of pictures; write {generate}100",
            generate=GENERATE,
            count=count,
        )
    for number in range(seed, seed + int(count)):
        yield f"generated-{number}.png", draw(bundle, number)
