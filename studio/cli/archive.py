"""All that a studio keeps as one file, and back: a zip of the label database as it was at one
moment, kept answers, models, bundles, added checkpoints, choices and users."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from pydantic import BaseModel, ValidationError

from backends.errors import BadInput, NotFound
from backends.files import atomic_write, scratch_folder
from backends.settings import settings, user_data
from backends.version import studio_version
from studio.labels.store.revisions import revisions
from studio.runs.evaluations import ANSWERS

__all__ = ["Kept", "backup", "places", "printed", "restore"]

VERSION = 1
CONTENTS = "backup.json"
DATABASE = "labels.db"
BLOCK = 1 << 20


class Kept(BaseModel):
    """What a backup says of itself.

    :ivar revision: of the label database's tables; empty where it holds none.
    :ivar files: sha256 by name.
    :ivar without: what is kept elsewhere, and how to back that up.
    """

    version: int
    studio: str
    created: str
    revision: str = ""
    files: dict[str, str]
    without: list[str] = []


def places() -> dict[str, Path]:
    """By name where a studio of these settings keeps what: folders, and single files."""
    found = settings()
    return {
        "runs": found.runs, "evaluations": found.evaluations, "models": found.models,
        "bundles": found.bundles, "parts": found.parts, "choices.jsonl": found.choices,
        "users.json": found.users or user_data() / "users.json",
    }  # fmt: skip


def backup(to: Path, database: str) -> Kept:
    """Write all that is kept into a file; the studio may run meanwhile.

    :param database: of the labels, as ``--database`` takes it.
    :raises BadInput: there is such a file, or the label database cannot be read.
    :raises OSError: it cannot be written.
    """
    if to.exists():
        raise BadInput("{to} is there already; give a new file", to=to)
    kept = Kept(
        version=VERSION, studio=studio_version(), files={},
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )  # fmt: skip
    with atomic_write(to) as scratch, scratch_folder(to.with_name(f"{to.name}-files")) as folder:
        scratch.touch(0o600)  # codes and passwords are in it, though hashed
        with zipfile.ZipFile(scratch, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            if "://" in database and not database.startswith("sqlite:"):
                kept.without.append(
                    "labels are in PostgreSQL; back them up with: pg_dump --format=custom "
                    "--file labels.dump postgresql://…"
                )
            elif (path := _database_file(database)).is_file():
                kept.revision = _copied(path, folder / DATABASE)
                _add(archive, folder / DATABASE, DATABASE, kept)
            for name, place in places().items():
                for file, inside in _files(name, place):
                    # What a sweep has just removed is not kept any more.
                    with contextlib.suppress(FileNotFoundError):
                        _add(archive, file, inside, kept)
            archive.writestr(CONTENTS, kept.model_dump_json(indent=2))
    return kept


def restore(source: Path, database: str, *, replace: bool = False) -> Kept:
    """Bring back what a backup holds, each place whole or not at all; stop the studio before.

    :param replace: put aside what is there, under names that end in ``.before-restore``.
    :raises BadInput: it is no backup, damaged, or a newer studio's; or something is there.
    :raises OSError: it cannot be written; what was there is back then.
    """
    if not source.is_file():
        raise NotFound("there is no file {source}; check the path", source=source)
    try:
        with zipfile.ZipFile(source) as archive:
            kept = _contents(archive, source)
            _restore(archive, kept, database, source, replace)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise BadInput(
            "{source} is damaged or no backup of a studio; use another", source=source
        ) from error
    return kept


def _restore(
    archive: zipfile.ZipFile, kept: Kept, database: str, source: Path, replace: bool
) -> None:
    targets = _targets(kept, database)
    taken = [str(place) for place in targets.values() if _filled(place)]
    if taken and not replace:
        raise BadInput(
            "{taken} is there already; stop the studio, then restore with --replace, "
            "which puts it aside",
            taken=taken[0],
        )
    with contextlib.ExitStack() as stack:
        ready: dict[str, Path] = {}
        for name, place in targets.items():
            scratch = stack.enter_context(scratch_folder(place))
            ready[name] = scratch / place.name
            for inside, sha256 in kept.files.items():
                if inside.split("/")[0] == name:
                    _take(archive, inside, ready[name] / "/".join(inside.split("/")[1:]), sha256,
                          source)  # fmt: skip
        moved: list[tuple[Path, Path | None]] = []
        try:
            for name, place in targets.items():
                moved.append((place, _put_aside(place)))
                place.parent.mkdir(parents=True, exist_ok=True)
                ready[name].rename(place)
        except BaseException:
            for place, aside in reversed(moved):
                _remove(place)
                if aside is not None:
                    aside.rename(place)
            raise


def _contents(archive: zipfile.ZipFile, source: Path) -> Kept:
    try:
        kept = Kept.model_validate_json(archive.read(CONTENTS))
    except (KeyError, ValidationError) as error:
        raise BadInput(
            "{source} is no backup of a studio; use a file of: studio backup", source=source
        ) from error
    if kept.version > VERSION or (kept.revision and kept.revision not in revisions()):
        raise BadInput(
            "{source} is of a newer studio ({studio}); update this one, then restore",
            source=source,
            studio=kept.studio,
        )
    known = {DATABASE, *places()}
    for name in kept.files:
        parts = name.split("/")
        if parts[0] not in known or any(part in ("", ".", "..") for part in parts) or "\\" in name:
            raise BadInput(
                "{source} holds {name!r}, which no backup does; use another",
                source=source,
                name=name[:60],
            )
    return kept


def _targets(kept: Kept, database: str) -> dict[str, Path]:
    names = {name.split("/")[0] for name in kept.files}
    found = {name: place for name, place in places().items() if name in names}
    if DATABASE not in names:
        return found
    if "://" in database and not database.startswith("sqlite:"):
        raise BadInput(
            "this backup holds labels in a file, and STUDIO_DATABASE is a server; give --database "
            "a file"
        )
    return found | {DATABASE: _database_file(database)}


def _database_file(database: str) -> Path:
    return Path(database.removeprefix("sqlite:///")).expanduser().absolute()


def _copied(path: Path, to: Path) -> str:
    """Copy a database as it is at one moment, whoever writes meanwhile; the revision of its
    tables."""
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as source,
            contextlib.closing(sqlite3.connect(to)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            problem = copy.execute("PRAGMA quick_check").fetchone()[0]
            if problem != "ok":
                raise BadInput(
                    "the label store at {path} is damaged: {problem}", path=path, problem=problem
                )
            (revision,) = copy.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.Error, TypeError) as error:
        raise BadInput(
            "the label store at {path} cannot be read ({error}); check it, or give --database",
            path=path,
            error=error,
        ) from error
    return str(revision)


def _files(name: str, place: Path) -> Iterator[tuple[Path, str]]:
    """Every file, and its name in the archive; nothing that is half-written or a lock."""
    if place.is_file():
        yield place, name
    for folder, folders, files in os.walk(place):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for file in sorted(files):
            path = Path(folder) / file
            if name == "evaluations" and file.startswith(ANSWERS):
                continue  # what is finished can be computed again, and may be written just now
            if not file.startswith(".") and not file.endswith(".lock") and path.is_file():
                yield path, f"{name}/{path.relative_to(place).as_posix()}"


def _add(archive: zipfile.ZipFile, file: Path, inside: str, kept: Kept) -> None:
    digest = hashlib.sha256()
    with file.open("rb") as source, archive.open(inside, "w", force_zip64=True) as target:
        while block := source.read(BLOCK):
            digest.update(block)
            target.write(block)
    kept.files[inside] = digest.hexdigest()


def _take(archive: zipfile.ZipFile, inside: str, to: Path, sha256: str, source: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    try:
        with archive.open(inside) as file, to.open("xb") as target:
            while block := file.read(BLOCK):
                digest.update(block)
                target.write(block)
    except KeyError as error:
        raise BadInput(
            "{source} has lost {inside}; use another backup", source=source, inside=inside
        ) from error
    if digest.hexdigest() != sha256:
        raise BadInput(
            "{inside} in {source} is damaged; use another backup", inside=inside, source=source
        )
    if inside in (DATABASE, "users.json"):
        to.chmod(0o600)


def _filled(place: Path) -> bool:
    return place.is_file() or (place.is_dir() and any(place.iterdir()))


def _put_aside(place: Path) -> Path | None:
    """Rename what is there; where it is then."""
    if not _filled(place):
        _remove(place)
        return None
    aside = place.with_name(f"{place.name}.before-restore")
    number = 1
    while aside.exists():
        number += 1
        aside = place.with_name(f"{place.name}.before-restore-{number}")
    place.rename(aside)
    for ending in ("-wal", "-shm"):  # of a database that another one replaces
        log = place.with_name(place.name + ending)
        if log.exists():
            log.rename(aside.with_name(aside.name + ending))
    return aside


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def printed(kept: Kept) -> str:
    """What a backup holds, as JSON for a person: how many files of what."""
    counts: dict[str, int] = {}
    for name in kept.files:
        counts[name.split("/")[0]] = counts.get(name.split("/")[0], 0) + 1
    told = {"created": kept.created, "studio": kept.studio, "files": counts}
    return json.dumps(told | ({"without": kept.without} if kept.without else {}), indent=2)
