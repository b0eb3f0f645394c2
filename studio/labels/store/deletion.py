"""Delete a project for good, with all that hangs on it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from studio.labels.store import pictures
from studio.labels.store.database import Database
from studio.labels.store.records import Project
from studio.labels.store.schema import Base, Items, Projects, Responses

__all__ = ["Contents", "contents", "delete_project", "idle"]


@dataclass(frozen=True)
class Contents:
    """What goes with a project: its pictures, people's answers, and people."""

    pictures: int
    answers: int
    people: int


def contents(database: Database, project: Project) -> Contents:
    """Count what would go."""
    tables = Base.metadata.tables
    with database.read() as connection:
        counts = (
            connection.scalar(
                select(func.count())
                .select_from(tables[name])
                .where(tables[name].c.project_id == project.id)
            )
            for name in ("items", "responses", "annotators")
        )
        return Contents(*(int(count or 0) for count in counts))


def delete_project(database: Database, project: Project) -> Contents:
    """Delete a project: labels, people, invitations, and the pictures that no other project has;
    all of it or nothing.

    :raises StoreProblem: the store cannot be written; the project is whole then.
    """
    gone = contents(database, project)
    with database.write() as connection:
        mine = select(Items.id).where(Items.project_id == project.id)
        held = set(
            connection.scalars(select(Items.picture).where(Items.project_id == project.id))
        ) | _shown(connection, project)
        for table in reversed(Base.metadata.sorted_tables):
            if "project_id" in table.c:
                connection.execute(delete(table).where(table.c.project_id == project.id))
            elif "item_id" in table.c:
                connection.execute(delete(table).where(table.c.item_id.in_(mine)))
        connection.execute(delete(Projects).where(Projects.id == project.id))
        pictures.drop_unused(connection, sorted(held))
    return gone


def idle(database: Database, since: float) -> list[str]:
    """Names of the projects that were made, and last answered in, before a time."""
    latest = func.coalesce(func.max(Responses.created), 0.0)
    chosen = (
        select(Projects.name)
        .outerjoin(Responses, Responses.project_id == Projects.id)
        .group_by(Projects.id, Projects.name, Projects.created)
        .having(latest < since)
        .where(Projects.created < since)
    )
    with database.read() as connection:
        return list(connection.scalars(chosen))


def _shown(connection: Connection, project: Project) -> set[str]:
    """Pictures that belong to a project otherwise than as its items."""
    return {
        sha256
        for column in pictures.referring()
        if "project_id" in column.table.c
        for sha256 in connection.scalars(
            select(column).where(column.table.c.project_id == project.id)
        )
    }
