"""A background task of a project, which its administrators start, watch and stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from studio.runs.background_tasks import BackgroundTask
from studio.ui.shared.label_controller import Assignment, Codes, LabelController
from studio.ui.shared.requests import show_errors

__all__ = ["ProjectTask"]


class ProjectTask:
    """The background tasks of one kind, by project.

    :param kind: such as ``annotate``; begins each task's name.
    """

    def __init__(self, labels: LabelController, kind: str) -> None:
        self._labels, self._kind = labels, kind

    def start(self, assignment: Assignment, work: Callable[[], Iterator[Any]]) -> BackgroundTask:
        """The project's task that goes on already, or a new one."""
        return self._labels.tasks.start(self._name(assignment), work)

    def going(self, assignment: Assignment | None) -> bool:
        """Whether the project's task goes on; no project has none."""
        return assignment is not None and self._labels.tasks.going(self._name(assignment))

    def stop(self, name: str | None, held: Codes | None) -> None:
        """Ask for the end of a project's task, if the person administers the project."""
        with show_errors():
            assignment = self._labels.require_administrator(name, held)
            self._labels.tasks.stop(self._name(assignment))

    def _name(self, assignment: Assignment) -> str:
        return f"{self._kind} {assignment.project.name}"
