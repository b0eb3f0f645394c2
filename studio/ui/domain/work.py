"""The making and the training of bundles beside the page: one of both at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from backends.errors import BadInput
from studio.runs.background_tasks import BackgroundTask, BackgroundTasks
from studio.templates import Markup
from studio.ui.domain import markup
from studio.ui.shared import markup as shared

__all__ = ["MAKING", "TRAINING", "DomainWork"]

MAKING, TRAINING = "make a bundle", "train a bundle"


class DomainWork:
    """Which of both goes on; closing a page ends neither."""

    def __init__(self, tasks: BackgroundTasks) -> None:
        self._tasks = tasks

    def start(self, name: str, work: Callable[[], Iterator[Any]]) -> BackgroundTask:
        """Begin one of both.

        :raises BadInput: one goes on already.
        """
        if any(self._tasks.going(other) for other in (MAKING, TRAINING)):
            raise BadInput("a bundle is being made or trained already; stop that first, or wait")
        return self._tasks.start(name, work)

    def last(self, name: str) -> BackgroundTask | None:
        """The task of that name that was begun last, here or on another page; it may go on."""
        return self._tasks.newest(name)

    def newest(self) -> str:
        """The bundle that was trained, or else made, last; empty where none was."""
        for name in (TRAINING, MAKING):
            task = self._tasks.newest(name)
            if task is not None and task.news is not None:
                return str(task.news.bundle)
        return ""

    def stop(self, name: str) -> str:
        """Ask for the end of one of both, which comes after its step."""
        self._tasks.stop(name)
        return shared.stopping()

    async def follow(self, task: BackgroundTask) -> AsyncIterator[Markup]:
        """What to show of a task while it goes on, whenever that is something new."""
        shown: object = None
        async for _ in task.watch():
            if task.news is not shown:
                shown = task.news
                yield markup.state(task)
