"""A project goes, with the models that were trained on its labels."""

from __future__ import annotations

from studio.labels.store import deletion, projects
from studio.labels.store.database import Database
from studio.labels.store.deletion import Contents
from studio.labels.store.records import Project
from studio.labels.tasks import retrain
from studio.runs.retention import DAY
from studio.runs.steady_clock import steady_time

__all__ = ["delete_idle", "delete_project", "models_of"]


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


def delete_idle(database: Database, days: int) -> list[str]:
    """Delete the projects that nobody has answered in for so many days; their names.

    :param days: 0 deletes none.
    """
    names = deletion.idle(database, steady_time() - days * DAY) if days else []
    for name in names:
        delete_project(database, projects.find(database, name))
    return names
