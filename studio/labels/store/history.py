"""Many responses at once, as an import adds them; the latest answer counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from studio.labels.store import projects
from studio.labels.store.records import SUBMITTED, Project, Submission, checked
from studio.labels.store.responses import LABEL, disagreement
from studio.labels.store.schema import Annotators, Items, Projects, Responses

__all__ = ["append", "everything", "requests"]

ANSWERED = ("item_id", "value", "request", "state", "note", "seconds", "via")


def everything(connection: Connection, project: Project) -> list[Any]:
    """All responses of a project ever: rows with item_id, annotator, kind, state, value, note and
    created."""
    chosen = (
        select(
            Responses.item_id, Annotators.name.label("annotator"), Responses.kind,
            Responses.state, Responses.value, Responses.note, Responses.created,
        )
        .join(Annotators, Annotators.id == Responses.annotator_id)
        .where(Responses.project_id == project.id)
    )  # fmt: skip
    return list(connection.execute(chosen))


def requests(connection: Connection, project: Project) -> set[str]:
    """The names that all responses' messages had."""
    return set(
        connection.scalars(select(Responses.request).where(Responses.project_id == project.id))
    )


def append(connection: Connection, project: Project, rows: Sequence[dict[str, Any]]) -> int:
    """Append responses, in order, within a transaction that holds the project; the label set's
    version afterwards.

    Of one person's answers of one kind about an item the last row stands, unless what stood before
    was ``created`` later: then all of the new ones are superseded from the start, and no version
    shows them.

    :param rows: a response's columns but project_id, number and superseded_by.
    :raises BadInput: a text or a number that the store does not take, or a class that is not the
        project's.
    """
    if not rows:
        return project.version
    for row in rows:
        given = checked(Submission(*(row[name] for name in ANSWERED)))
        if given.value is not None:
            projects.require_class(project, given.value)
    chosen = select(
        Responses.item_id, Responses.annotator_id, Responses.kind, Responses.number,
        Responses.created,
    ).where(Responses.project_id == project.id, Responses.superseded_by.is_(None))  # fmt: skip
    standing = {
        (row.item_id, row.annotator_id, row.kind): (row.number, row.created)
        for row in connection.execute(chosen)
    }
    chains: dict[tuple[int, int, str], list[dict[str, Any]]] = defaultdict(list)
    numbered = []
    for number, row in enumerate(rows, project.version + 1):
        full = {**row, "project_id": project.id, "number": number, "superseded_by": None}
        numbered.append(full)
        chains[row["item_id"], row["annotator_id"], row["kind"]].append(full)
    replaced = []
    for key, chain in chains.items():
        for earlier, later in pairwise(chain):
            earlier["superseded_by"] = later["number"]
        if key in standing:
            before, created = standing[key]
            if created > chain[-1]["created"]:
                chain[-1]["superseded_by"] = before
            else:
                replaced.append({"replaced": before, "by": chain[0]["number"]})
    version: int = numbered[-1]["number"]
    connection.execute(update(Projects).where(Projects.id == project.id).values(revision=version))
    if replaced:
        old = cast(Table, Responses.__table__)
        connection.execute(
            update(old)
            .where(old.c.project_id == project.id, old.c.number == bindparam("replaced"))
            .values(superseded_by=bindparam("by")),
            replaced,
        )
    connection.execute(insert(cast(Table, Responses.__table__)), numbered)
    _count(connection, project, {row["item_id"] for row in rows})
    return version


def _count(connection: Connection, project: Project, touched: set[int]) -> None:
    """Write the items' sums anew."""
    chosen = select(Responses.item_id, Responses.value).where(
        Responses.project_id == project.id,
        Responses.kind == LABEL,
        Responses.state == SUBMITTED,
        Responses.superseded_by.is_(None),
    )
    values = defaultdict(list)
    for row in connection.execute(chosen):
        values[row.item_id].append(row.value)
    items, classes = cast(Table, Items.__table__), len(project.classes)
    sums = [
        {
            "item": item, "count": len(values[item]),
            "differ": disagreement([v for v in values[item] if v is not None], classes),
        }
        for item in touched
    ]  # fmt: skip
    connection.execute(
        update(items)
        .where(items.c.id == bindparam("item"))
        .values(votes=bindparam("count"), disagreement=bindparam("differ")),
        sums,
    )
