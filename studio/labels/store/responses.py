"""What people say: answers, undo, adjudication. Rows are added, never changed."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from backends.errors import BadInput, NotFound
from studio.labels.store import projects, reservations
from studio.labels.store.database import Database
from studio.labels.store.records import (
    ADJUDICATION,
    DISCARDED,
    DRAFT,
    LABEL,
    SUBMITTED,
    Annotator,
    Kind,
    Project,
    Response,
    Submission,
    checked,
)
from studio.labels.store.schema import Annotators, Items, Projects, Responses
from studio.labels.store.texts import LONGEST_NOTE

__all__ = [
    "ADJUDICATION",
    "LABEL",
    "Submission",
    "adjudicate",
    "answer",
    "answer_many",
    "answer_together",
    "disagreement",
    "standing",
    "undo",
]

LONGEST = LONGEST_NOTE
TOGETHER = ":together:"  # between the name of a message about several items, and an item


def answer(database: Database, annotator: Annotator, given: Submission) -> Response:
    """Store an answer; when this returns, it is on the disk.

    A second answer about the same item is a correction. The same ``request`` again gives the
    response that it gave before.

    :raises BadInput: the class is not the project's, or ``request`` was something else before.
    :raises NotFound: the project has no such item.
    """
    return answer_many(database, annotator, [given])[0]


def answer_many(
    database: Database, annotator: Annotator, answers: Sequence[Submission], kind: Kind = "label"
) -> list[Response]:
    """As :func:`answer`, all of them or none."""
    for _ in range(2):
        try:
            with database.write() as connection:
                return [_stored(connection, annotator, given, kind) for given in answers]
        except IntegrityError:  # the same request at the same time; the other one's row is there
            continue
    raise BadInput("these answers collide with others; load the page again")


def answer_together(
    database: Database, annotator: Annotator, items: Sequence[int], given: Submission
) -> list[Response]:
    """The same answer about several items, all of them or none; :func:`undo` takes them back as
    one.

    :param given: ``seconds`` is what each took; ``item_id`` is not read.
    :raises BadInput: as :func:`answer`, or ``items`` names one twice.
    """
    if len(set(items)) < len(items):
        raise BadInput("an item is named twice; name each once")
    together = [
        replace(given, item_id=item, request=f"{given.request}{TOGETHER}{item}") for item in items
    ]
    return answer_many(database, annotator, together)


def undo(database: Database, annotator: Annotator, request: str) -> Response | None:
    """Take a person's newest answer back, with those that were given together with it: the pictures
    return to them, with the value remembered. None where there is nothing to undo.

    :raises BadInput: ``request`` cannot name a message.
    """
    checked(Submission(1, None, request))
    with database.write() as connection:
        projects.locked(connection, annotator.project_id)
        repeated = _repeated(connection, annotator, request)
        if repeated is not None:
            return repeated
        last, *others = _newest(connection, annotator) or [None]
        if last is None:
            return None
        # Those given together first, so that the newest is still the newest.
        for row in others:
            _take_back(connection, annotator, row, f"{request}{TOGETHER}{row.item_id}")
        return _take_back(connection, annotator, last, request)


def _newest(connection: Connection, annotator: Annotator) -> list[Any]:
    """A person's newest answer that is not taken back, then those that were given with it."""
    mine = (
        select(Responses.__table__)
        .where(
            Responses.annotator_id == annotator.id,
            Responses.state.in_([SUBMITTED, DISCARDED]),
            Responses.superseded_by.is_(None),
            Responses.kind == LABEL,
        )
        .order_by(Responses.number.desc())
    )
    last = connection.execute(mine.limit(1)).first()
    if last is None:
        return []
    together, mark, _ = last.request.rpartition(TOGETHER)
    if not mark:
        return [last]
    return list(
        connection.execute(
            mine.where(Responses.request.startswith(together + TOGETHER, autoescape=True))
        )
    )


def _take_back(connection: Connection, annotator: Annotator, row: Any, request: str) -> Response:
    back = Submission(row.item_id, row.value, request, DRAFT, row.note, 0.0, "undo")
    stored = _stored(connection, annotator, back, LABEL)
    # At once, or somebody else would be handed it before its owner asks what comes next.
    reservations.hold(connection, annotator, [row.item_id])
    return stored


def adjudicate(database: Database, administrator: Annotator, given: Submission) -> Response:
    """What counts for an item from now on, whatever the others say.

    :raises BadInput: the person does not administer the project.
    """
    if not administrator.administers:
        raise BadInput("only the project's administrator adjudicates")
    return answer_many(database, administrator, [given], ADJUDICATION)[0]


def standing(
    database: Database, project: Project, version: int | None = None, *, history: bool = False
) -> list[Response]:
    """The responses that stood in a version of the label set, in the order they came.

    :param version: the newest unless given.
    :param history: the superseded ones too.
    :raises NotFound: there is no such version yet.
    """
    with database.read() as connection:
        chosen_project = select(Projects.revision).where(Projects.id == project.id)
        newest = connection.scalar(chosen_project) or 0
        version = newest if version is None else version
        if not 0 <= version <= newest:
            raise NotFound(
                "{name!r} has label sets 0 to {newest}, not {version}",
                name=project.name,
                newest=newest,
                version=version,
            )
        chosen = (
            select(*COLUMNS)
            .join(Annotators, Annotators.id == Responses.annotator_id)
            .where(Responses.project_id == project.id, Responses.number <= version)
            .order_by(Responses.number)
        )
        if not history:
            chosen = chosen.where(
                or_(Responses.superseded_by.is_(None), Responses.superseded_by > version)
            )
        rows: Iterable[Any] = connection.execute(chosen)
        return [Response(*row) for row in rows]


# As a Response has them: of a hundred thousand rows, looking each up by name takes a second.
COLUMNS = (
    Responses.number, Responses.item_id, Annotators.name, Responses.kind, Responses.state,
    Responses.value, Responses.note, Responses.seconds, Responses.via, Responses.created,
    Responses.superseded_by,
)  # fmt: skip


def disagreement(values: Sequence[str], classes: int) -> float:
    """How much answers differ: the entropy of their shares, 0 (all alike) to 1 (evenly over all
    classes)."""
    if len(values) < 2:
        return 0.0
    shares = [count / len(values) for count in Counter(values).values()]
    return -sum(share * math.log(share) for share in shares) / math.log(max(classes, 2)) + 0.0


def _stored(
    connection: Connection, annotator: Annotator, given: Submission, kind: Kind
) -> Response:
    given = checked(given)
    project = projects.locked(connection, annotator.project_id)
    repeated = _repeated(connection, annotator, given.request)
    if repeated is not None:
        meant = (given.item_id, given.value, given.state, kind)
        if meant != (repeated.item_id, repeated.value, repeated.state, repeated.kind):
            raise BadInput(
                "request {request!r} was something else before; give each answer its own",
                request=given.request,
            )
        return repeated
    _check(connection, project, given)
    number = project.version + 1
    connection.execute(update(Projects).where(Projects.id == project.id).values(revision=number))
    connection.execute(
        update(Responses)
        .where(
            Responses.item_id == given.item_id,
            Responses.annotator_id == annotator.id,
            Responses.kind == kind,
            Responses.superseded_by.is_(None),
        )
        .values(superseded_by=number)
    )
    response = Response(
        number=number, item_id=given.item_id, annotator=annotator.name, kind=kind,
        state=given.state, value=given.value, note=given.note, seconds=given.seconds, via=given.via,
        created=time.time(),
    )  # fmt: skip
    row = {name: value for name, value in asdict(response).items() if name != "annotator"}
    row |= {"project_id": project.id, "annotator_id": annotator.id, "request": given.request}
    connection.execute(insert(Responses).values(row))
    if kind == LABEL:
        reservations.release(connection, annotator, [given.item_id])
        _count(connection, project, given.item_id)
    return response


def _check(connection: Connection, project: Project, given: Submission) -> None:
    if given.value is not None:
        projects.require_class(project, given.value)
    found = connection.scalar(
        select(Items.id).where(Items.id == given.item_id, Items.project_id == project.id)
    )
    if found is None:
        raise NotFound("{name!r} has no item {item_id}", name=project.name, item_id=given.item_id)


def _repeated(connection: Connection, annotator: Annotator, request: str) -> Response | None:
    chosen = select(Responses.__table__).where(
        Responses.annotator_id == annotator.id, Responses.request == request
    )
    row = connection.execute(chosen).first()
    return None if row is None else _response(row, annotator.name)


def _count(connection: Connection, project: Project, item_id: int) -> None:
    """Write an item's sums anew."""
    chosen = select(Responses.value).where(
        and_(
            Responses.item_id == item_id,
            Responses.kind == LABEL,
            Responses.state == SUBMITTED,
            Responses.superseded_by.is_(None),
        )
    )
    values = list(connection.scalars(chosen))
    given = [value for value in values if value is not None]
    connection.execute(
        update(Items)
        .where(Items.id == item_id)
        .values(votes=len(values), disagreement=disagreement(given, len(project.classes)))
    )


def _response(row: Any, annotator: str) -> Response:
    return Response(
        row.number, row.item_id, annotator, row.kind, row.state, row.value,
        row.note, row.seconds, row.via, row.created, row.superseded_by,
    )  # fmt: skip
