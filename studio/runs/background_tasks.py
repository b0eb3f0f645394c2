"""Long work for a project (a model labels its pictures, a model learns from its labels): on the
engine, in turns with everybody's runs, and watched by any page; closing a page does not end it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from studio.engines.core import Engine, Event, Job, Stepped, end_of

__all__ = ["BackgroundTask", "BackgroundTasks", "Watched"]

LOOK = 0.2  # seconds between two looks of a watcher; nobody reads faster


@dataclass
class Watched:
    """Work that any number of pages may watch: written by one thread, read by anyone.

    :ivar state: going, done, stopped or failed.
    :ivar reason: why it failed.
    """

    state: str = field(default="going", kw_only=True)
    reason: str = field(default="", kw_only=True)

    async def watch(self) -> AsyncIterator[None]:
        """Yield a few times a second until the end."""
        while self.state == "going":
            yield None
            await asyncio.sleep(LOOK)


@dataclass
class BackgroundTask(Watched):
    """One piece of work on the engine; ``news`` is the newest of what it yields."""

    name: str
    news: Any = None
    job: Job | None = None

    def stop(self) -> None:
        """Ask for the end; it comes after the step under way."""
        if self.job:
            self.job.stop()

    def on_event(self, event: Event) -> None:
        """Take in an engine's event."""
        if isinstance(event, Stepped):
            self.news = event.item
        elif end := end_of(event):
            self.state, self.reason = end


class BackgroundTasks:
    """The background tasks of this process: one at a time of each name; the last one stays."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tasks: dict[str, BackgroundTask] = {}
        self._lock = threading.Lock()

    def start(self, name: str, work: Callable[[], Iterator[Any]]) -> BackgroundTask:
        """The background task of that name that goes on already, or a new one."""
        with self._lock:
            task = self._tasks.get(name)
            if task is None or task.state != "going":
                task = self._tasks[name] = BackgroundTask(name)
                task.job = self._engine.submit(work, name, task.on_event)
        return task

    def newest(self, name: str) -> BackgroundTask | None:
        """The last background task of that name, if there was one."""
        return self._tasks.get(name)

    def going(self, name: str) -> bool:
        """Whether a background task of that name goes on."""
        task = self._tasks.get(name)
        return task is not None and task.state == "going"

    def stop(self, name: str) -> None:
        """Ask for the end of the background task of that name, if there is one."""
        if task := self._tasks.get(name):
            task.stop()
