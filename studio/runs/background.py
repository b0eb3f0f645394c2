"""Long work for a project (a model labels its pictures, a model learns from its labels): on the
engine, in turns with everybody's runs, and watched by any page; closing a page does not end it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from studio.engines.core import Done, Engine, Event, Failed, Job, Queued, Stepped, Stopped

__all__ = ["Chore", "Chores"]

LOOK = 0.2  # seconds between two looks of a watcher; nobody reads faster


@dataclass
class Chore:
    """One piece of work. ``state`` is going, done, stopped or failed, ``reason`` says why it
    failed, ``news`` is the newest of what the work yields."""

    name: str
    state: str = "going"
    reason: str = ""
    news: Any = None
    job: Job | None = None

    def stop(self) -> None:
        """Ask for the end; it comes after the step under way."""
        if self.job:
            self.job.stop()

    def hear(self, event: Event) -> None:
        """Take in an engine's event."""
        match event:
            case Stepped(item=item):
                self.news = item
            case Done():
                self.state = "done"
            case Stopped():
                self.state = "stopped"
            case Failed(reason=reason):
                self.state, self.reason = "failed", reason
            case Queued():
                pass

    async def watch(self) -> AsyncIterator[None]:
        """Comes back a few times a second until the end."""
        while self.state == "going":
            yield None
            await asyncio.sleep(LOOK)


class Chores:
    """The chores of this process, one going at a time by each name; the last one is kept."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._chores: dict[str, Chore] = {}
        self._lock = threading.Lock()

    def start(self, name: str, work: Callable[[], Iterator[Any]]) -> Chore:
        """The chore of that name that goes on already, or a new one."""
        with self._lock:
            chore = self._chores.get(name)
            if chore is None or chore.state != "going":
                chore = self._chores[name] = Chore(name)
                chore.job = self._engine.submit(work, name, chore.hear)
        return chore

    def going(self, name: str) -> bool:
        """Whether a chore of that name goes on."""
        chore = self._chores.get(name)
        return chore is not None and chore.state == "going"

    def stop(self, name: str) -> None:
        """Ask for the end of the chore of that name, if there is one."""
        if chore := self._chores.get(name):
            chore.stop()
