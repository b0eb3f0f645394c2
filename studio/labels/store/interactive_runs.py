"""Runs in which a person is the model: what was asked, what the person answered, how to go on."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, delete, func, insert, select, update

from backends.core import Request
from backends.errors import BadInput, NotFound
from studio.labels.store import pictures
from studio.labels.store.database import Database
from studio.labels.store.records import PathAnswer, checked
from studio.labels.store.schema import LeapAnswers, Paths
from studio.labels.store.texts import line_of

__all__ = [
    "MOST",
    "InteractiveRun",
    "WaitingRun",
    "answers",
    "begin",
    "delete_idle",
    "end",
    "find",
    "record_answer",
    "unfinished",
    "withdraw",
]

OPEN, ENDED = "open", "ended"
WITHDRAWN = ""
MOST = 20  # unfinished runs of one person: more than a list of them is good for


@dataclass(frozen=True)
class InteractiveRun:
    """An interactive run from a factual towards a target, and who answers on the way."""

    id: str
    request: Request
    annotator: str
    state: str
    created: float


@dataclass(frozen=True)
class WaitingRun:
    """An unfinished run as the page lists it."""

    id: str
    target: str
    created: float


def begin(database: Database, request: Request, annotator: str) -> InteractiveRun:
    """Store an interactive run before its first question.

    A person has at most :data:`MOST` unfinished runs; the oldest are deleted. The page has no
    button that deletes one, so a refusal could not be resolved there.

    :raises BadInput: the request, or who asks, is not what a store can hold.
    """
    annotator = line_of(annotator, "the name of who answers")
    arrays = [request.picture] + ([] if request.mask is None else [request.mask[..., None]])
    picture, *mask = pictures.keep(database, arrays)
    record = {
        key: value
        for key, value in vars(request).items()
        if key not in ("picture", "mask", "placement", "original")
    } | {"mask": mask[0] if mask else None}
    _check(record)
    row: dict[str, Any] = {
        "id": secrets.token_urlsafe(9), "bundle": request.bundle, "model": request.model,
        "annotator": annotator, "target": request.target, "picture": picture, "request": record,
        "state": OPEN, "created": time.time(),
    }  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(Paths).values(row))
        too_many = (
            select(Paths.id)
            .where(Paths.annotator == annotator, Paths.state == OPEN, Paths.id != row["id"])
            .order_by(Paths.created.desc())
            .offset(MOST - 1)
        )
        _delete(connection, list(connection.scalars(too_many)))
    return InteractiveRun(row["id"], request, annotator, OPEN, row["created"])


def find(database: Database, number: str) -> InteractiveRun:
    """The interactive run of that id.

    :raises NotFound: there is none.
    :raises BadInput: it is no id.
    """
    number = line_of(number, "the run's id")
    with database.read() as connection:
        row = connection.execute(select(Paths.__table__).where(Paths.id == number)).first()
    if row is None:
        raise NotFound("that run is not in the label store; begin another")
    return _run(database, row)


def unfinished(database: Database, bundle: str, annotator: str) -> list[WaitingRun]:
    """A person's interactive runs through a bundle that have not ended, the newest first, without
    their pictures.

    :raises BadInput: a name is none.
    """
    bundle, annotator = line_of(bundle, "the bundle"), line_of(annotator, "the person")
    chosen = (
        select(Paths.id, Paths.target, Paths.created)
        .where(Paths.bundle == bundle, Paths.annotator == annotator, Paths.state == OPEN)
        .order_by(Paths.created.desc())
    )
    with database.read() as connection:
        return [WaitingRun(*row) for row in connection.execute(chosen)]


def answers(database: Database, run: InteractiveRun) -> list[str]:
    """What stands, in the order of the questions."""
    chosen = (
        select(LeapAnswers.value)
        .where(LeapAnswers.path_id == run.id, LeapAnswers.superseded_by.is_(None))
        .order_by(LeapAnswers.question)
    )
    with database.read() as connection:
        values = list(connection.scalars(chosen))
    return values[: values.index(WITHDRAWN)] if WITHDRAWN in values else values


def record_answer(
    database: Database,
    run: InteractiveRun,
    question: int,
    leap: int,
    picture: np.ndarray,
    value: str,
    seconds: float = 0.0,
) -> None:
    """Store an answer to a question about a picture uint8 [H, W, C]; an earlier one stays, marked
    as superseded.

    :raises BadInput: a number or the value cannot be as it is.
    """
    given = checked(PathAnswer(question, leap, value, seconds))
    (sha256,) = pictures.keep(database, [picture])
    with database.write() as connection:
        _added(connection, run, given, sha256)


def withdraw(database: Database, run: InteractiveRun) -> bool:
    """Take the last standing answer back; False where there is none."""
    chosen = (
        select(LeapAnswers.question, LeapAnswers.leap, LeapAnswers.picture)
        .where(
            LeapAnswers.path_id == run.id,
            LeapAnswers.superseded_by.is_(None),
            LeapAnswers.value != WITHDRAWN,
        )
        .order_by(LeapAnswers.question.desc())
        .limit(1)
    )
    with database.write() as connection:
        last = connection.execute(chosen).first()
        if last is not None:
            given = PathAnswer(last.question, last.leap, WITHDRAWN, 0.0)
            _added(connection, run, given, last.picture)
        connection.execute(update(Paths).where(Paths.id == run.id).values(state=OPEN))
    return last is not None


def end(database: Database, run: InteractiveRun) -> None:
    """Nothing more will be asked."""
    with database.write() as connection:
        connection.execute(update(Paths).where(Paths.id == run.id).values(state=ENDED))


def delete_idle(database: Database, since: float) -> int:
    """Delete unfinished runs that were begun and last answered before ``since``, in seconds since
    1970; return how many."""
    latest = func.coalesce(func.max(LeapAnswers.created), 0.0)
    chosen = (
        select(Paths.id)
        .outerjoin(LeapAnswers, LeapAnswers.path_id == Paths.id)
        .where(Paths.state == OPEN, Paths.created < since)
        .group_by(Paths.id)
        .having(latest < since)
    )
    with database.write() as connection:
        old = list(connection.scalars(chosen))
        _delete(connection, old)
    return len(old)


def _delete(connection: Connection, runs: Sequence[str]) -> None:
    """Delete runs with their answers, and the pictures that nothing refers to any more."""
    for start in range(0, len(runs), pictures.MANY):
        some = runs[start : start + pictures.MANY]
        masks = Paths.request["mask"].as_string()
        held: set[str] = set()
        for name in (Paths.picture, masks):
            held |= set(connection.scalars(select(name).where(Paths.id.in_(some))))
        of_answers = LeapAnswers.path_id.in_(some)
        held |= set(connection.scalars(select(LeapAnswers.picture).where(of_answers)))
        connection.execute(delete(LeapAnswers).where(of_answers))
        connection.execute(delete(Paths).where(Paths.id.in_(some)))
        pictures.drop_unused(connection, sorted(filter(None, held)))


def _check(record: Mapping[str, Any]) -> None:
    """Refuse what SQLite's JSON would take, and PostgreSQL's not.

    :raises BadInput: a text or a number cannot be stored.
    """
    try:
        json.dumps(record, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise BadInput("a setting is no number, or no text; set it again") from error
    for name in ("bundle", "model", "target", "method"):
        line_of(record[name], f"the {name}")


def _added(
    connection: Connection, run: InteractiveRun, given: PathAnswer, sha256: str
) -> None:  # fmt: skip
    number = secrets.token_urlsafe(12)
    connection.execute(
        update(LeapAnswers)
        .where(
            LeapAnswers.path_id == run.id,
            LeapAnswers.question == given.question,
            LeapAnswers.superseded_by.is_(None),
        )
        .values(superseded_by=number)
    )
    row: dict[str, Any] = {
        "id": number, "path_id": run.id, "picture": sha256, "created": time.time(),
        **asdict(given),
    }  # fmt: skip
    connection.execute(insert(LeapAnswers).values(row))


def _run(database: Database, row: Any) -> InteractiveRun:
    record = dict(row.request)
    mask = record.pop("mask")
    names = [row.picture] + ([mask] if mask else [])
    content = pictures.content(database, names)
    array = None if mask is None else pictures.array_of(content[mask])[..., 0]
    picture = pictures.array_of(content[row.picture])
    return InteractiveRun(
        row.id, Request(**record, picture=picture, mask=array), row.annotator, row.state,
        row.created,
    )  # fmt: skip
