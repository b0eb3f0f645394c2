"""A run: what was asked, what came of it, and who may watch or stop it."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from backends.core import Answer, Frame, Request
from studio.engines.core import Event, Failed, Job, Queued, Stepped, end_of

__all__ = ["Run"]


@dataclass
class Run:
    """One question and its answer so far. Written by the engine's thread, read by anyone.

    ``state`` is waiting, running, done, stopped or failed; ``reason`` and ``failed`` say why,
    ``ahead`` how many of the owner's runs came first when it was queued; ``left`` tells that the
    owner's page is closed. A ``visitor`` can come back to a run on another page; nobody else's is
    looked at again. ``saved`` is set when the store has it, or when nothing is to be stored. The
    ``id`` cannot be guessed: whoever has it may see the run. ``brought`` tells that its files were
    dropped on the page: nothing here computed it; ``counted``, that the figures have it;
    ``unkept`` why it could not be stored. ``started`` is the hour, which a clock that is set may
    move; ``begun`` only tells how long ago that was.
    """

    request: Request
    owner: str
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    started: float = field(default_factory=time.time)
    begun: float = field(default_factory=time.monotonic)
    state: str = "waiting"
    frames: list[Frame] = field(default_factory=list)
    answer: Answer | None = None
    reason: str | None = None
    failed: Failed | None = None
    ahead: int = 0
    job: Job | None = None
    left: bool = False
    visitor: str = ""
    brought: bool = False
    counted: bool = False
    unkept: str = ""
    saved: threading.Event = field(default_factory=threading.Event)
    _watchers: list[Callable[[], None]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ("done", "stopped", "failed")

    def stop(self) -> None:
        """Ask for a stop; takes effect after the step under way."""
        if self.job:
            self.job.stop()

    def on_event(self, event: Event) -> None:
        """Take in an engine's event and wake whoever watches."""
        match event:
            case Stepped(item=Frame() as frame):
                self.state = "running"
                # A search that ends early shows its last step again, with the true total.
                if self.frames and self.frames[-1].index == frame.index:
                    self.frames.pop()
                self.frames.append(frame)
            case Stepped(item=Answer() as answer):
                self.answer = answer
            case Queued(ahead=ahead):
                self.ahead = ahead
            case _:
                if isinstance(event, Failed):
                    self.failed = event
                if end := end_of(event):
                    self.state, self.reason = end[0], end[1] or None
        with self._lock:
            for wake in self._watchers:
                wake()

    async def watch(
        self, heartbeat: float = 1.0, first: float | None = None
    ) -> AsyncIterator[Frame | None]:
        """The newest frame whenever there is one, None each ``heartbeat`` seconds without (at
        first after ``first`` seconds, when given).

        Frames that come faster than they are taken are skipped; the end is never: the iterator
        stops when the run has ended, and ``answer`` and ``frames`` hold the rest.
        """
        loop, news, seen = asyncio.get_running_loop(), asyncio.Event(), 0
        patience = first or heartbeat

        def wake() -> None:
            loop.call_soon_threadsafe(news.set)

        with self._lock:
            self._watchers.append(wake)
        try:
            while not self.ended:
                if len(self.frames) > seen:
                    seen = len(self.frames)
                    yield self.frames[seen - 1]
                    continue
                try:
                    await asyncio.wait_for(news.wait(), patience)
                except asyncio.TimeoutError:
                    patience = heartbeat
                    yield None
                news.clear()
        finally:
            with self._lock:
                self._watchers.remove(wake)
