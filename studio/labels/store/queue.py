"""Which picture a person gets next, and how far everyone is."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    func,
    nulls_first,
    select,
)  # fmt: skip

from studio.labels.store import projects, reservations
from studio.labels.store.database import Database
from studio.labels.store.records import (
    DISCARDED,
    DRAFT,
    SUBMITTED,
    Annotator,
    Item,
    LabelProgress,
    Project,
)
from studio.labels.store.responses import LABEL
from studio.labels.store.schema import Items, Reservations, Responses, Suggestions

__all__ = ["following", "progress"]

PACE = 600.0  # seconds over which the pace is counted


def following(
    database: Database, annotator: Annotator, count: int = 1, *, alike: bool = False
) -> list[Item]:
    """Reserve the next items for a person: first what they have before them already (or took
    back), then by the project's order. Nobody else gets them until they are answered or the
    reservation has run out, unless the project wants more labels of an item.

    :param alike: of those items put together what the newest suggestion takes for one class, the
        surest first; what no model has seen comes last.
    """
    now = time.time()
    with database.write() as connection:
        project = projects.locked(connection, annotator.project_id)
        rows = _kept(connection, project, annotator, now)[:count]
        if len(rows) < count:
            have = [row.id for row in rows]
            rows += _free(connection, project, annotator, now, count - len(rows), have)
        reservations.release(connection, annotator)
        reservations.hold(connection, annotator, [row.id for row in rows])
        if alike:
            rows = _by_suggestion(connection, project, rows)
        return [_shown(connection, project, annotator, row) for row in rows]


def _by_suggestion(connection: Connection, project: Project, rows: list[Any]) -> list[Any]:
    chosen = select(Items.id, Items.guess, Items.confidence).where(
        Items.id.in_([row.id for row in rows])
    )
    guesses = {number: (guess, sure) for number, guess, sure in connection.execute(chosen)}
    places = {name: place for place, name in enumerate(project.classes)}

    def place(row: Any) -> tuple[int, float]:
        guess, sure = guesses[row.id]
        return places.get(guess or "", len(places)), -(sure or 0.0)

    return sorted(rows, key=place)


def progress(database: Database, annotator: Annotator) -> LabelProgress:
    """How far a person and the project are."""
    mine = and_(
        Responses.annotator_id == annotator.id,
        Responses.superseded_by.is_(None),
        Responses.kind == LABEL,
    )
    with database.read() as connection:
        project = projects.of_id(connection, annotator.project_id)
        total, done = connection.execute(
            select(
                func.count(),
                func.count().filter(Items.votes >= project.setup.votes),
            ).where(Items.project_id == project.id)
        ).one()
        counted = connection.execute(
            select(Responses.state, Responses.value.is_(None), func.count())
            .where(mine)
            .group_by(Responses.state, Responses.value.is_(None))
        )
        counts = {(state, bool(empty)): number for state, empty, number in counted}
        since = time.time() - PACE
        recent, first = connection.execute(
            select(func.count(), func.min(Responses.created)).where(
                mine, Responses.state == SUBMITTED, Responses.created >= since
            )
        ).one()
    # Of somebody who began a minute ago, ten minutes would make a slow one.
    minutes = max(time.time() - first, 30.0) / 60 if recent else 1.0
    return LabelProgress(
        done=done,
        total=total,
        submitted=counts.get((SUBMITTED, False), 0),
        unsure=counts.get((SUBMITTED, True), 0),
        skipped=sum(number for (state, _), number in counts.items() if state == DISCARDED),
        pace=recent / minutes,
    )


COLUMNS = (Items.id, Items.picture, Items.name, Items.votes)


def _fresh(annotator: Annotator) -> ColumnElement[bool]:
    """Items that the person has not answered. A list that is made once, since a question for each
    item would take a second in a large project whose statistics the database has not seen yet."""
    answered = select(Responses.item_id).where(
        Responses.annotator_id == annotator.id,
        Responses.kind == LABEL,
        Responses.superseded_by.is_(None),
        Responses.state.in_([SUBMITTED, DISCARDED]),
    )
    return Items.id.not_in(answered)


def _kept(connection: Connection, project: Project, annotator: Annotator, now: float) -> list[Any]:
    """What the person took back, or was handed and has not answered, while others do not have it
    meanwhile."""
    drafts = (
        select(*COLUMNS)
        .join(Responses, Responses.item_id == Items.id)
        .where(
            Responses.annotator_id == annotator.id,
            Responses.kind == LABEL,
            Responses.superseded_by.is_(None),
            Responses.state == DRAFT,
        )
        .order_by(Responses.number.desc())
    )
    reserved = (
        select(*COLUMNS)
        .join(Reservations, Reservations.item_id == Items.id)
        .where(
            Reservations.annotator_id == annotator.id,
            _fresh(annotator),
        )
        .order_by(Reservations.until, Items.id)
    )
    rows = {
        row.id: row
        for chosen in (drafts, reserved)
        for row in connection.execute(_untaken(chosen, project, annotator, now))
    }
    return list(rows.values())


def _untaken(chosen: Any, project: Project, annotator: Annotator, now: float) -> Any:
    """Only items of which more labels are wanted than there are and than others are about to give.
    Few items are before somebody, so those are counted first."""
    held = (
        select(Reservations.item_id, func.count().label("number"))
        .where(
            Reservations.annotator_id != annotator.id,
            Reservations.until > now,
            # Or a clock that was set back would keep them from others for long.
            Reservations.until < now + 2 * reservations.LEASE,
        )
        .group_by(Reservations.item_id)
        .subquery()
    )
    return chosen.outerjoin(held, held.c.item_id == Items.id).where(
        Items.votes < project.setup.votes,
        Items.votes + func.coalesce(held.c.number, 0) < project.setup.votes,
    )


def _free(
    connection: Connection, project: Project, annotator: Annotator, now: float, count: int,
    without: Sequence[int],
) -> list[Any]:  # fmt: skip
    chosen = (
        select(*COLUMNS)
        .where(
            Items.project_id == project.id,
            Items.id.not_in(without),
            _fresh(annotator),
        )
        .limit(count)
    )
    untaken: Select[Any] = _untaken(chosen, project, annotator, now)
    match project.setup.order:
        case "confidence":  # what no model has seen is what least is known of
            untaken = untaken.order_by(nulls_first(Items.confidence), Items.shuffle)
        case "margin":
            untaken = untaken.order_by(nulls_first(Items.margin), Items.shuffle)
        case "disagreement":
            untaken = untaken.order_by(Items.disagreement.desc(), Items.shuffle)
        case "balanced":
            return _balanced(connection, project, untaken.order_by(Items.shuffle), count)
        case _:
            untaken = untaken.order_by(Items.shuffle)
    return list(connection.execute(untaken))


def _balanced(connection: Connection, project: Project, chosen: Any, count: int) -> list[Any]:
    """Pictures that a model takes for the class with the fewest labels so far; the rest after."""
    tally = dict.fromkeys(project.classes, 0)
    counted = (
        select(Responses.value, func.count())
        .where(
            Responses.project_id == project.id,
            Responses.kind == LABEL,
            Responses.state == SUBMITTED,
            Responses.superseded_by.is_(None),
        )
        .group_by(Responses.value)
    )
    labels: Iterable[Any] = connection.execute(counted)
    tally |= {value: number for value, number in labels if value is not None}
    rows: dict[int, Any] = {}
    for name in sorted(tally, key=tally.__getitem__):
        for row in connection.execute(chosen.where(Items.guess == name)):
            rows.setdefault(row.id, row)
        if len(rows) >= count:
            break
    else:
        rows |= {row.id: row for row in connection.execute(chosen.where(Items.guess.is_(None)))}
    return list(rows.values())[:count]


def _shown(connection: Connection, project: Project, annotator: Annotator, row: Any) -> Item:
    """An item with what its annotator may see of others' opinions."""
    before = connection.execute(
        select(Responses.value).where(
            Responses.item_id == row.id,
            Responses.annotator_id == annotator.id,
            Responses.kind == LABEL,
            Responses.superseded_by.is_(None),
        )
    ).first()
    hint, others = None, None
    if project.setup.hints:
        newest = connection.execute(
            select(Suggestions.value, Suggestions.score, Suggestions.agent)
            .where(Suggestions.item_id == row.id)
            .order_by(Suggestions.id.desc())
            .limit(1)
        ).first()
        hint = newest._asdict() if newest else None
    if not project.setup.blind:
        counted = connection.execute(
            select(Responses.value, func.count())
            .where(
                Responses.item_id == row.id,
                Responses.annotator_id != annotator.id,
                Responses.kind == LABEL,
                Responses.state == SUBMITTED,
                Responses.superseded_by.is_(None),
            )
            .group_by(Responses.value)
        )
        others = {value or "unsure": number for value, number in counted}
    return Item(
        row.id, row.picture, row.name, row.votes, before.value if before else None, hint, others
    )
