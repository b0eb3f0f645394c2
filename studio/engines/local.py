"""One thread owns the device and advances whichever job is next by one step."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from studio.engines.core import Engine, Event, Failed, Job, Queued, advance
from studio.engines.turns import Turns

__all__ = ["LocalEngine"]

log = logging.getLogger(__name__)
PATIENCE = 5.0  # seconds that closing waits for the running step
HURRY = 0.25  # seconds of quick steps after which a fair one comes
LOOKS = 1.0  # seconds between two looks of the watchdog


class LocalEngine(Engine):
    """Quick jobs first, but not for longer than a moment while long ones wait; of both kinds
    addresses and owners in turn, a step each, an owner's own in order; idle ones at last. A step
    that does not end is left to itself: its job fails, and another thread goes on with the others.

    :param longest: seconds of a step.
    """

    def __init__(self, longest: float = 900.0) -> None:
        self._longest = longest
        self._wake = threading.Condition()
        self._turns = {"quick": Turns(), "fair": Turns(), "idle": Turns()}
        self._hurried = 0.0  # seconds of quick steps since the last fair one
        self._closed = False
        self._running: tuple[Job, float] | None = None  # and since when
        self._begin()
        threading.Thread(target=self._watch, name="engine-watchdog", daemon=True).start()

    def accept(self, job: Job) -> None:
        """Let the job wait for its turn."""
        with self._wake:
            job.sink(Queued(self._turns[job.turn].add(job)))
            self._wake.notify()

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

    def _next(self) -> Job | None:
        """The job that takes the next step; None when nothing waits."""
        quick, fair, idle = (self._turns[turn] for turn in ("quick", "fair", "idle"))
        if fair and (not quick or self._hurried > HURRY):
            return fair.first()
        return quick.first() if quick else idle.first() if idle else None

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
                seconds = time.monotonic() - began
                self._hurried = self._hurried + seconds if job.turn == "quick" else 0.0
                self._turns[job.turn].after(job, going)

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
                    told, job.sink = job.sink, _nobody
                    job.stop()
                    self._turns[job.turn].after(job, False)
                self._begin()
            if running:
                text = f"a step took longer than {self._longest:g} seconds and was given up"
                _report(told, Failed(text))


def _nobody(event: Event) -> None:
    """Hear what comes of a step that was given up."""


def _advanced(job: Job) -> bool:
    """As :func:`advance`; nothing that a job raises ends the thread."""
    try:
        return advance(job)
    except BaseException as error:
        log.exception("a job ended the wrong way")
        _report(job.sink, Failed(f"the run failed inside ({type(error).__name__})"))
        return False


def _report(sink: Callable[[Event], None], end: Event) -> None:
    try:
        sink(end)
    except Exception:
        log.exception("a run's end could not be reported")
