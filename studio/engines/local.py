"""One thread owns the device and advances whichever job is next by one step."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from backends.sentences import Sentence
from studio.engines.budgets import Budgets
from studio.engines.core import Engine, Event, Failed, Job, Queued, Turn, advance
from studio.engines.owners import group_at
from studio.engines.shares import Shares
from studio.engines.turns import Turns, group_of

__all__ = ["LocalEngine"]

log = logging.getLogger(__name__)
PATIENCE = 5.0  # seconds that closing waits for the running step
QUICK = 0.25  # seconds of quick steps, or of an address's lead, after which a long step comes first
LOOKS = 1.0  # seconds between two looks of the watchdog


class LocalEngine(Engine):
    """One thread that computes all jobs, a step at a time.

    Quick jobs come before fair ones, and idle ones last. A fair job comes first when quick ones
    took :data:`QUICK` seconds since the last fair step, or when the quick job's address has used so
    much more time than the fair one's. Among jobs of one kind the address with the least time is
    next, then its owners take turns; an owner's jobs keep their order.

    A step that takes too long is given up: its job fails, and a new thread does the others.

    :param longest: seconds of a step.
    :param budgets: of the people whose jobs these are; what their steps take is noted there.
    """

    def __init__(self, longest: float = 900.0, budgets: Budgets | None = None) -> None:
        self.budgets = budgets or Budgets()
        self._longest = longest
        self._wake = threading.Condition()
        self._quick_seconds = 0.0  # seconds of quick steps since the last long one
        # Seconds of quick and fair steps, and the same with a whole run's turn. Idle steps are what
        # nobody waits for: with a share, a training would let newcomers begin far below those who
        # came before.
        self._seconds, self._shares = Shares(), Shares()
        self._turns = {
            "quick": Turns(self._seconds), "fair": Turns(self._shares), "idle": Turns(Shares()),
        }  # fmt: skip
        self._closed = False
        self._running: tuple[Job, float] | None = None  # and since when
        self._begin()
        threading.Thread(target=self._watch, name="engine-watchdog", daemon=True).start()

    def accept(self, job: Job) -> None:
        """Let the job wait for its turn."""
        with self._wake:
            if job.turn != "idle":
                self._come(job)
            job.sink(Queued(self._turns[job.turn].add(job)))
            self._wake.notify()

    def change_turn(self, job: Job, turn: Turn) -> None:
        """Let a job have other turns from its next step on."""
        with self._wake:
            if job.turn != turn and self._turns[job.turn].remove(job):
                self._come(job)
                self._turns[turn].add(job)
            job.turn = turn
            self._wake.notify()

    def raise_share(self, owner: str, used: float) -> None:
        """Count at least ``used`` seconds for an owner's address, which it had on all workers."""
        with self._wake:
            self._shares.raise_to(group_at(owner), used)

    def close(self) -> None:
        """End the thread after the running step, for which at most :data:`PATIENCE` seconds are
        waited; stop the jobs that wait."""
        with self._wake:
            self._closed = True
            for turns in self._turns.values():
                for job in turns.jobs():
                    job.stop()
            self._wake.notify_all()
            thread = self._thread
        thread.join(PATIENCE)

    def problem(self) -> str:
        """Whether its thread has ended, or is in a step for too long."""
        with self._wake:
            if self._closed:
                return "the engine is closed"
            if not self._thread.is_alive():
                return "the engine has ended; start the studio again"
            running = self._running
        seconds = time.monotonic() - running[1] if running else 0.0
        return f"a step takes {seconds:.0f} seconds" if seconds > self._longest else ""

    def _begin(self) -> None:
        self._thread = threading.Thread(target=self._loop, name="engine", daemon=True)
        self._thread.start()

    def _come(self, job: Job) -> None:
        self._seconds.come(group_of(job))
        self._shares.come(group_of(job))

    def _next(self) -> Job | None:
        """The job that takes the next step; None when nothing waits."""
        quick, fair, idle = (self._turns[turn] for turn in ("quick", "fair", "idle"))
        if quick and fair:
            short, long = quick.first(), fair.first()
            ahead = self._seconds[group_of(short)] - self._seconds[group_of(long)]
            return long if max(ahead, self._quick_seconds) > QUICK else short
        return next((turns.first() for turns in (quick, fair, idle) if turns), None)

    def _loop(self) -> None:
        while True:
            with self._wake:
                while (job := self._next()) is None and not self._closed:
                    self._wake.wait()
                if job is None:
                    return
                began = time.monotonic()
                self._running = job, began
            going = _advanced(job)
            with self._wake:
                if self._thread is not threading.current_thread():
                    return  # given up: another one goes on
                self._running = None
                self._after(job, going, time.monotonic() - began)

    def _after(self, job: Job, going: bool, seconds: float) -> None:
        """Note the time of a step, and let the next one come."""
        self._turns[job.turn].after(job, going)
        if job.turn == "idle":
            return
        group = group_of(job)
        self.budgets.spend(job.owner, "seconds", seconds)
        self._seconds.spend(group, seconds)
        self._shares.spend(group, job.due(not going))
        self._quick_seconds = self._quick_seconds + seconds if job.turn == "quick" else 0.0
        waiting = {*self._turns["quick"].groups, *self._turns["fair"].groups}
        if group not in waiting:
            self._seconds.forget(waiting)
            self._shares.forget(waiting)

    def _watch(self) -> None:
        """Give up a step that does not end, and a thread that has."""
        while not self._closed:
            time.sleep(min(LOOKS, self._longest))
            with self._wake:
                running = self._running
                stuck = running and time.monotonic() - running[1] > self._longest
                if self._closed or not (stuck or not self._thread.is_alive()):
                    continue
                log.error("the engine is stuck or has ended; it begins anew")
                self._running = None
                if running:
                    job, _ = running
                    told, job.sink = job.sink, _ignored
                    job.stop()
                    job.seconds += self._longest
                    self._after(job, False, self._longest)
                self._begin()
            if running:
                text = Sentence(
                    "a step took longer than {seconds:g} seconds and was given up",
                    seconds=self._longest,
                )
                _report(told, Failed(text))


def _ignored(event: Event) -> None:
    """Take the late events of a step that was given up."""


def _advanced(job: Job) -> bool:
    """As :func:`advance`; nothing that a job raises ends the thread."""
    try:
        return advance(job)
    except BaseException as error:
        log.exception("a job ended the wrong way")
        _report(
            job.sink, Failed(Sentence("the run failed inside ({name})", name=type(error).__name__))
        )
        return False


def _report(sink: Callable[[Event], None], end: Event) -> None:
    try:
        sink(end)
    except Exception:
        log.exception("a run's end could not be reported")
