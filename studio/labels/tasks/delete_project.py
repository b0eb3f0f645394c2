"""A project goes, with the models that were trained on its labels."""

from __future__ import annotations

from studio.labels.store import deletion
from studio.labels.store.database import Database
from studio.labels.store.deletion import Contents
from studio.labels.store.records import Project
from studio.labels.tasks import retrain

__all__ = ["delete_project", "models_of"]


def models_of(database: Database, project: Project) -> list[str]:
    """The models that go with a project; none where its bundle is not here any more."""
    from backends import bundles
    from backends.errors import NotFound

    try:
        bundles.get(project.setup.bundle)
    except NotFound:
        return []
    return retrain.models(database, project)


def delete_project(database: Database, project: Project) -> Contents:
    """Delete a project and its models. The models go first: without their project nobody would
    know whose they are.

    :raises StoreProblem: the store cannot be written; the project stays, without its models.
    """
    for name in models_of(database, project):
        retrain.delete(database, project, name)
    return deletion.delete_project(database, project)
