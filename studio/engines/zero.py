"""On a Space with ZeroGPU a card is lent for seconds, to a process that computes one run.

Runs go there; what takes a moment (a prediction, a region) or reads and writes what is kept
(labels, training) is computed by the processor here, since a card must be waited for. This process
never touches CUDA, but where ``spaces`` itself imitates it so that networks are placed ahead.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from importlib import import_module

from backends import service
from backends.compute import devices
from backends.core import Request
from backends.errors import MissingPart, StudioError
from backends.settings import settings
from studio.engines.budgets import Budgets
from studio.engines.core import Done, Engine, Event, Job, Queued, Stepped, Work, advance
from studio.engines.local import LocalEngine

__all__ = ["ZeroEngine", "is_zero", "on_card"]

AT_ONCE = 8  # runs that wait for cards, or have one
SPARE = 10  # seconds on top of what a run took before: a new process has to load its networks


def is_zero() -> bool:
    """Whether this is a Space with ZeroGPU."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def on_card(work: Work) -> Iterator[Event]:
    """Yield a portable job's events; for the process that was lent the card."""
    devices.use("auto")
    events: list[Event] = []
    job = Job(work, "", events.append)
    try:
        going = True
        while going:
            going = advance(job)
            yield events.pop()
    finally:
        if job.steps:  # closed between two steps
            job.stop()
            advance(job)


class ZeroEngine(Engine):
    """Each portable job has a card while it goes on; the others take turns on the processor.

    :param ahead: names of bundles whose networks are placed before the first visitor comes.
    :param budgets: of the people whose jobs these are; their time with a card is noted there.
    :raises MissingPart: the package ``spaces`` is not installed.
    """

    def __init__(self, ahead: Sequence[str] = (), budgets: Budgets | None = None) -> None:
        try:
            spaces = import_module("spaces")  # before torch is imported, which it changes
        except ImportError as error:
            raise MissingPart("the engine zero needs a package; run: pip install spaces") from error
        self._lent = spaces.GPU(duration=self._seconds)(on_card)
        self._took: dict[str, float] = {}
        _place(ahead)
        devices.use("cpu")
        self.budgets = budgets or Budgets()
        self._here = LocalEngine(budgets=self.budgets)
        self._threads = ThreadPoolExecutor(AT_ONCE, "run")
        self._waiting: list[Job] = []

    def accept(self, job: Job) -> None:
        """Let the job wait for a card or, unless it is portable, for the processor. Nothing is
        computed ahead: the process that would profit is not there yet."""
        if job.turn == "idle":
            job.sink(Done())
        elif not job.portable:
            self._here.accept(job)
        else:
            job.sink(Queued(sum(other.owner == job.owner for other in self._waiting)))
            self._waiting.append(job)
            # With what gradio knows of the visitor, whose quota the card is charged to.
            self._threads.submit(copy_context().run, self._follow, job)

    def problem(self) -> str:
        """What is wrong with the thread of what needs no card."""
        return self._here.problem()

    def close(self) -> None:
        """Stop everything and give the cards back."""
        for job in list(self._waiting):
            job.stop()
        self._here.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _follow(self, job: Job) -> None:
        """Pass on what the process with the card reports."""
        begun: list[float] = []

        def sink(event: Event) -> None:
            if not isinstance(event, Stepped):
                if not isinstance(event, Done):  # its own end came as the last step
                    job.sink(event)
                return
            begun.append(time.monotonic())
            seconds = begun[-1] - begun[0]
            self.budgets.spend(job.owner, "seconds", seconds - job.seconds)
            job.seconds = seconds
            job.sink(event.item)

        steps = Job(partial(self._steps, job.work), job.owner, sink)
        try:
            going = True
            while going:
                if job.stopping:
                    steps.stop()
                going = advance(steps)
        finally:
            self._waiting.remove(job)
        if begun:
            key = _kind(job.work)
            self._took[key] = max(job.seconds, self._took.get(key, 0.0))

    def _steps(self, work: Work) -> Iterator[Event]:
        try:
            yield from self._lent(work)
        except Exception as error:  # gradio's, with a sentence of ZeroGPU's in it
            said = re.sub(r"<[^>]*>", "", str(error.args[0]) if error.args else "")
            raise StudioError(
                "the accelerator gave no answer ({value}); try again later",
                value=said or type(error).__name__,
            ) from error

    def _seconds(self, work: Work) -> int:
        """Seconds to borrow a card for: what such a run took at most so far."""
        longest = settings().zero_seconds
        took = self._took.get(_kind(work))
        return longest if took is None else min(longest, SPARE + round(1.5 * took))


def _kind(work: Work) -> str:
    """Runs of one bundle and method take alike long."""
    asked = work.args[0] if isinstance(work, partial) and work.args else None
    return f"{asked.bundle} {asked.method}" if isinstance(asked, Request) else ""


def _place(names: Sequence[str]) -> None:
    """Load the networks onto the CUDA that ``spaces`` imitates here, which gives them to each
    process that it lends a card."""
    try:
        imitated = import_module("spaces.config").Config.zero_gpu
    except ImportError:
        imitated = False
    if imitated:
        devices.use("cuda")
        for name in names:
            for _ in service.load(name):
                pass
