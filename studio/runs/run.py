"""A run: what was asked, what came of it, and who may watch or stop it."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from backends.core import Answer, Frame, Request
from studio.engines.core import Done, Engine, Event, Failed, Job, Queued, Stepped, Stopped, end_of

__all__ = ["Run", "Runs", "TooMany"]


class TooMany(Exception):
    """This person's earlier runs have not ended yet."""


@dataclass
class Run:
    """One question and its answer so far. Written by the engine's thread, read by anyone.

    ``state`` is waiting, running, done, stopped or failed; ``reason`` and ``failed`` say why,
    ``ahead`` how many of the owner's runs came first when it was queued; ``left`` tells that the
    owner is gone, so that nobody will look at it.
    """

    request: Request
    owner: str
    id: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    started: float = field(default_factory=time.time)
    state: str = "waiting"
    frames: list[Frame] = field(default_factory=list)
    answer: Answer | None = None
    reason: str | None = None
    failed: Failed | None = None
    ahead: int = 0
    job: Job | None = None
    left: bool = False
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


class Runs:
    """All runs of this process, newest last, with caps on how many one owner may have going and
    keeps.

    :param explain: makes the step generator of a request (``backends.service.explain``).
    :param judge: makes the answer of a stopped run from its last frame
        (``backends.service.stopped``).
    """

    def __init__(
        self,
        engine: Engine,
        explain: Callable[[Request], Iterator[Frame | Answer]],
        judge: Callable[[Request, Frame], Answer],
        *,
        going: int = 2,
        kept: int = 50,
    ) -> None:
        self.engine = engine
        self._on_forget: list[Callable[[Run], None]] = []
        self._explain, self._judge = explain, judge
        self._going, self._kept = going, kept
        self._runs: dict[str, Run] = {}

    def start(self, request: Request, owner: str, *, going: int | None = None) -> Run:
        """Queue a request.

        :param going: how many unfinished runs this owner may have, instead of the usual number.
        :raises TooMany: the owner has so many.
        """
        if sum(not run.ended for run in self.of(owner)) >= (going or self._going):
            raise TooMany
        run = Run(request, owner)
        self.keep(run)

        def on_event(event: Event) -> None:
            if isinstance(event, Stopped) and run.answer:
                run.on_event(Done())  # the stop came after the answer
            elif isinstance(event, Stopped) and run.frames and not run.left:
                self._keep_last_frame(run)
            else:
                run.on_event(event)
            self._drop_left(run)

        work = partial(self._explain, request)
        run.job = self.engine.submit(work, owner, on_event, portable=True)
        if run.left:  # just while it was queued
            run.stop()
        return run

    def on_forget(self, callback: Callable[[Run], None]) -> None:
        """Call ``callback`` with every run that is no longer kept, as to remove its files."""
        self._on_forget.append(callback)

    def keep(self, run: Run) -> None:
        """Hold a run among its owner's, of which the oldest ended ones go."""
        self._runs[run.id] = run
        for old in [r for r in self.of(run.owner) if r.ended][: -self._kept]:
            self._drop(old)

    def _keep_last_frame(self, run: Run) -> None:
        """A stopped run ends with an answer too: its last frame, measured and marked."""

        def judge() -> Iterator[Answer]:
            yield self._judge(run.request, run.frames[-1])

        def on_event(event: Event) -> None:
            run.on_event(Stopped() if isinstance(event, Done) else event)
            self._drop_left(run)

        self.engine.submit(judge, run.owner, on_event, "quick")

    def get(self, run_id: str) -> Run | None:
        """The run of that id, if it is still kept."""
        return self._runs.get(run_id)

    def of(self, owner: str) -> list[Run]:
        """An owner's runs, oldest first."""
        return [run for run in list(self._runs.values()) if run.owner == owner]

    def leave(self, owner: str) -> None:
        """Keep nothing of an owner whose page was closed: what goes on is stopped, and each run
        is forgotten as soon as it has ended."""
        for run in self.of(owner):
            self.forget(run)

    def forget(self, run: Run) -> None:
        """Keep nothing of a run; it is stopped if it still goes on."""
        run.left = True
        if not run.ended:
            run.stop()
        self._drop_left(run)

    def _drop_left(self, run: Run) -> None:
        if run.left and run.ended:
            self._drop(run)

    def _drop(self, run: Run) -> None:
        if self._runs.pop(run.id, None):
            for callback in self._on_forget:
                callback(run)
