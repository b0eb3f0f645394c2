"""A label set from a file into the store: checked whole, then stored in one transaction."""

from __future__ import annotations

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from backends import imaging
from backends.errors import BadInput, NotFound, StudioError
from studio.labels.exchange.rows import BATCH, Guess, LabelSet, Piece, Row, iso, moment
from studio.labels.store import history, pictures, projects, suggestions
from studio.labels.store.database import Database
from studio.labels.store.records import Access, Project, Setup, Suggestion
from studio.labels.store.schema import Pictures

__all__ = ["Brought", "bring"]

Prepare = Callable[[Image.Image], np.ndarray]


@dataclass(frozen=True)
class Brought:
    """What an import added. ``access`` is the administrator's where the project is new;
    ``repeated`` responses and suggestions were there already."""

    project: str
    version: int
    items: int
    responses: int
    suggestions: int
    repeated: int
    people: list[str]
    access: Access | None = None


def bring(
    database: Database,
    setup: Setup,
    labels: LabelSet,
    prepare: Prepare,
    beside: Path | None = None,
    administrator: str = "administrator",
) -> Brought:
    """Take a label set into the project of ``setup``'s name, which is made if there is none.

    People are found by name, or become annotators. Of one person's answers about a picture the
    latest counts, whether it comes from the file or was here. What was here already, from the same
    file or from the project that it was exported of, is not added again.

    :param prepare: a picture as the bundle's models see it; of pictures whose sha256 the file does
        not tell.
    :param beside: a folder with pictures named by their sha256.
    :raises BadInput: a class is unknown, or a picture missing or another than it should be; then
        nothing is taken.
    """
    try:
        project: Project | None = projects.find(database, setup.name)
    except NotFound:
        project = None
    classes = setup.classes if project is None else project.classes
    _check_classes(labels, classes, setup.name)
    entered = _pictures(database, project, labels, prepare, beside)
    try:
        with database.write() as connection:
            access = None
            if project is None:
                access = projects.founded(connection, setup, administrator)
            number = access.annotator.project_id if access else project.id
            return _taken(connection, number, labels, entered, access)
    except IntegrityError as error:
        raise BadInput(
            f"somebody else changed {setup.name!r} meanwhile; import the file again"
        ) from error


def _check_classes(labels: LabelSet, classes: list[str], name: str) -> None:
    for row in (*labels.said, *labels.guesses):
        if row.value is not None and row.value not in classes:
            raise BadInput(
                f"{row.where}: {row.value!r} is no class of {name!r} ({', '.join(classes)}); add "
                "it to the project's classes, or mend the file; nothing was taken"
            )


def _pictures(
    database: Database, project: Project | None, labels: LabelSet, prepare: Prepare,
    beside: Path | None,
) -> dict[str, tuple[str, str]]:  # fmt: skip
    """sha256 and item's name, by the key that rows have; the pictures are in the store then.

    They may be there before anything else is: no item shows them until then.
    """
    wanted = dict(_wanted(labels))
    here = _here(database, [key for key in wanted if wanted[key].picture])
    named = defaultdict(list)
    for item in pictures.items(database, project) if project else []:
        named[item.name].append(item.picture)
    for piece in labels.items:
        if piece.picture and piece.picture not in named[piece.item]:
            named[piece.item].append(piece.picture)
    entered: dict[str, tuple[str, str]] = {}
    waiting: list[np.ndarray] = []
    for key, piece in wanted.items():
        if piece.picture in here:
            sha256 = piece.picture
        else:
            content = piece.content or _beside(beside, piece.picture)
            if content is not None:
                pixels = _pixels(content, piece, prepare)
                sha256 = pictures.digest(pixels)
                waiting.append(pixels)
            else:
                sha256 = _by_name(named, piece)
        entered[key] = (sha256, piece.item or f"{sha256[:12]}.png")
        if len(waiting) >= BATCH:
            pictures.keep(database, waiting)
            waiting.clear()
    if waiting:
        pictures.keep(database, waiting)
    return entered


def _wanted(labels: LabelSet) -> Iterator[tuple[str, Piece]]:
    """A piece for each key; what an item's own row says, comes last and counts."""
    rows: Iterable[Row] = (*labels.said, *labels.guesses)
    for row in rows:
        yield row.key, Piece(item=row.item, picture=row.picture, where=row.where)
    for piece in labels.items:
        yield piece.key, piece


def _here(database: Database, sha256s: list[str]) -> set[str]:
    found: set[str] = set()
    with database.read() as connection:
        for start in range(0, len(sha256s), pictures.MANY):
            some = sha256s[start : start + pictures.MANY]
            chosen = select(Pictures.sha256).where(Pictures.sha256.in_(some))
            found |= set(connection.scalars(chosen))
    return found


def _beside(folder: Path | None, sha256: str) -> Path | None:
    path = folder / f"{sha256}.png" if folder and sha256 else None
    return path if path and path.is_file() else None


def _pixels(content: bytes | Path, piece: Piece, prepare: Prepare) -> np.ndarray:
    try:
        picture = imaging.read_picture(content)
        if not piece.picture:
            return prepare(picture)
    except StudioError as error:
        raise BadInput(f"{piece.where}: {error}; nothing was taken") from error
    pixels = np.asarray(picture)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pictures.digest(pixels) != piece.picture:
        raise BadInput(
            f"{piece.where}: the picture is not the one that was labelled (its sha256 differs); "
            "export again; nothing was taken"
        )
    return pixels


def _by_name(named: dict[str, list[str]], piece: Piece) -> str:
    found = [] if piece.picture else named[piece.item]
    if len(found) == 1:
        return found[0]
    what = f"item {piece.item!r}" if piece.item else f"picture {piece.picture[:12]}"
    why = "is there more than once" if found else "is not here"
    raise BadInput(
        f"{piece.where}: {what} {why}; add its picture first with: python -m studio labels add, "
        "or export into a folder, which holds the pictures too; nothing was taken"
    )


def _taken(
    connection: Connection, number: int, labels: LabelSet, entered: dict[str, tuple[str, str]],
    access: Access | None,
) -> Brought:  # fmt: skip
    project = projects.locked(connection, number)
    items, new_items = pictures.entered(connection, project, dict(entered.values()))
    ids = {key: items[sha256] for key, (sha256, _) in entered.items()}
    people = {who.name: who.id for who in projects.members(connection, project)}
    new_people = [
        name for name in dict.fromkeys(s.annotator.strip() for s in labels.said)
        if name not in people
    ]  # fmt: skip
    for name in new_people:
        people[name] = projects.added(connection, number, name).annotator.id
    known = {
        _mark(r.item_id, r.annotator, r.kind, r.state, r.value, r.note, iso(moment(r.created)))
        for r in history.everything(connection, project)
    } | history.requests(connection, project)
    rows: list[dict[str, Any]] = []
    for said in sorted(labels.said, key=lambda s: s.number or 0):
        name, item = said.annotator.strip(), ids[said.key]
        created = iso(said.created)
        mark = _mark(item, name, said.kind, said.state, said.value, said.note, created)
        if mark in known:
            continue
        known.add(mark)
        rows.append({
            "item_id": item, "annotator_id": people[name], "kind": said.kind,
            "state": said.state, "value": said.value, "note": said.note,
            "seconds": said.seconds, "via": "import", "request": mark,
            "created": time.time() if said.created is None else said.created.timestamp(),
        })  # fmt: skip
    version = history.appended(connection, project, rows)
    guesses = _new_guesses(connection, project, labels.guesses, ids)
    suggestions.added(connection, project, guesses)
    there = len(labels.said) + len(labels.guesses) - len(rows) - len(guesses)
    return Brought(
        project.name, version, new_items, len(rows), len(guesses), there, new_people, access
    )


def _mark(item: int, *said: str | None) -> str:
    """What tells a response from others, and its ``request``: so that it is stored once."""
    text = json.dumps([item, *said])
    return f"import:{hashlib.sha256(text.encode()).hexdigest()}"


def _new_guesses(
    connection: Connection, project: Project, guesses: list[Guess], ids: dict[str, int]
) -> list[Suggestion]:
    known = suggestions.marks(connection, project)
    new = []
    for guess in sorted(guesses, key=lambda g: iso(g.created) or ""):
        mark = (ids[guess.key], guess.agent, guess.model_hash, guess.value, guess.score)
        if mark not in known:
            known.add(mark)
            probabilities = guess.probabilities or {guess.value: guess.score}
            created = guess.created.timestamp() if guess.created else 0.0
            new.append(Suggestion(*mark, probabilities, created))
    return new
