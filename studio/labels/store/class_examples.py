"""Pictures that show people what a class means, beside a project's guidelines.

None of them is a picture that the project asks about: whoever labels must not find the answer in
the guidelines. :func:`studio.labels.store.pictures.add_items` keeps that so when pictures come.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sqlalchemy import delete, insert, select

from backends.errors import BadInput
from studio.labels.store import pictures, projects
from studio.labels.store.database import Database
from studio.labels.store.records import Project
from studio.labels.store.schema import ClassExamples, Items

__all__ = ["MOST", "add", "listed", "remove"]

MOST = 8  # of a class


def add(database: Database, project: Project, value: str, shown: Sequence[np.ndarray]) -> int:
    """Show pictures uint8 [H, W, C] as examples of a class; how many are examples of it then.

    :raises BadInput: it is no class, they are too many, or people are asked about one of them.
    """
    projects.require_class(project, value)
    sha256s = list(dict.fromkeys(pictures.keep(database, shown)))
    own = ClassExamples.project_id == project.id
    with database.write() as connection:
        asked = select(Items.id).where(Items.project_id == project.id, Items.picture.in_(sha256s))
        if connection.execute(asked).first() is not None:
            raise BadInput(
                "people are asked about one of these pictures, so it cannot be shown with its "
                "class; choose others that this project does not hold"
            )
        connection.execute(delete(ClassExamples).where(own, ClassExamples.picture.in_(sha256s)))
        there = select(ClassExamples.picture).where(own, ClassExamples.value == value)
        count = len(connection.scalars(there).all()) + len(sha256s)
        if count > MOST:
            raise BadInput("a class has at most {most} examples; remove some first", most=MOST)
        rows = [{"project_id": project.id, "picture": p, "value": value} for p in sha256s]
        if rows:
            connection.execute(insert(ClassExamples), rows)
    return count


def listed(database: Database, project: Project) -> dict[str, list[str]]:
    """By class, in the project's order: the digests of its examples."""
    chosen = select(ClassExamples.value, ClassExamples.picture).where(
        ClassExamples.project_id == project.id
    )
    found: dict[str, list[str]] = {name: [] for name in project.classes}
    with database.read() as connection:
        for value, picture in connection.execute(chosen):
            found[value].append(picture)
    return {name: sorted(some) for name, some in found.items() if some}


def remove(database: Database, project: Project, value: str) -> None:
    """Show no examples of a class any more.

    :raises BadInput: it is no class.
    """
    projects.require_class(project, value)
    with database.write() as connection:
        connection.execute(
            delete(ClassExamples).where(
                ClassExamples.project_id == project.id, ClassExamples.value == value
            )
        )
