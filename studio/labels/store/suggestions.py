"""What models say about a project's pictures. It stands beside people's responses, never over
them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from studio.labels.store import projects
from studio.labels.store.database import Database
from studio.labels.store.records import Item, Project, Suggestion, checked
from studio.labels.store.schema import Items, Suggestions

__all__ = ["add", "add_within", "lacking", "marks", "newest"]


def add(database: Database, project: Project, suggestions: Sequence[Suggestion]) -> None:
    """Store suggestions; the items' order follows them from now on."""
    with database.write() as connection:
        add_within(connection, project, suggestions)


def add_within(connection: Connection, project: Project, suggestions: Sequence[Suggestion]) -> None:
    """As :func:`add`, within a transaction.

    :raises BadInput: a text or a number that the store does not take, or a class that is not the
        project's.
    """
    if not suggestions:
        return
    suggestions = [checked(one) for one in suggestions]
    for one in suggestions:
        projects.require_class(project, one.value)
    now = time.time()
    rows = [
        {
            "project_id": project.id, "item_id": one.item_id, "agent": one.agent,
            "model_hash": one.model_hash, "value": one.value, "score": one.score,
            "probabilities": one.probabilities, "created": one.created or now,
        }
        for one in suggestions
    ]  # fmt: skip
    sums = [
        {"id": one.item_id, "guess": one.value, "confidence": one.score, "margin": one.margin}
        for one in suggestions
    ]
    connection.execute(insert(Suggestions), rows)
    for values in sums:
        number = values.pop("id")
        connection.execute(
            update(Items).where(Items.id == number, Items.project_id == project.id).values(values)
        )


def marks(connection: Connection, project: Project) -> set[tuple[int, str, str, str, float]]:
    """Item, agent, model hash, value and score of everything suggested, within a transaction."""
    chosen = select(
        Suggestions.item_id, Suggestions.agent, Suggestions.model_hash, Suggestions.value,
        Suggestions.score,
    ).where(Suggestions.project_id == project.id)  # fmt: skip
    rows: Iterable[Any] = connection.execute(chosen)
    return {(item, agent, model, value, score) for item, agent, model, value, score in rows}


def newest(database: Database, project: Project, agent: str | None = None) -> list[Suggestion]:
    """Of each agent, or of one, the newest suggestion about each item."""
    last = (
        select(func.max(Suggestions.id))
        .where(Suggestions.project_id == project.id)
        .group_by(Suggestions.item_id, Suggestions.agent)
    )
    chosen = select(Suggestions.__table__).where(Suggestions.id.in_(last)).order_by(Suggestions.id)
    if agent is not None:
        chosen = chosen.where(Suggestions.agent == agent)
    with database.read() as connection:
        return [
            Suggestion(
                row.item_id, row.agent, row.model_hash, row.value, row.score, row.probabilities,
                row.created,
            )
            for row in connection.execute(chosen)
        ]  # fmt: skip


def lacking(database: Database, project: Project, agent: str, model_hash: str) -> list[Item]:
    """The items that a model in that state has not answered yet."""
    answered = (
        select(Suggestions.id)
        .where(
            Suggestions.item_id == Items.id,
            Suggestions.agent == agent,
            Suggestions.model_hash == model_hash,
        )
        .exists()
    )
    chosen = (
        select(Items.id, Items.picture, Items.name, Items.votes)
        .where(Items.project_id == project.id, ~answered)
        .order_by(Items.id)
    )
    with database.read() as connection:
        return [Item(*row) for row in connection.execute(chosen)]
