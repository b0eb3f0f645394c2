"""One thread owns the device and advances whichever job is next by one step."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from studio.engines.core import Engine, Event, Failed, Job, Queued, advance

__all__ = ["LocalEngine"]

log = logging.getLogger(__name__)
PATIENCE = 5.0  # seconds that closing waits for the running step
LOOKS = 1.0  # seconds between two looks of the watchdog


class LocalEngine(Engine):
    """Quick jobs first; long ones a step each, owners in turn, an owner's own in order; idle ones
    at last. A step that does not end is left to itself: its job fails, and another thread goes on
    with the others.

    :param longest: seconds of a step.
    """

    def __init__(self, longest: float = 900.0) -> None:
        self._longest = longest
        self._wake = threading.Condition()
        self._quick: deque[Job] = deque()
        self._owners: OrderedDict[str, deque[Job]] = OrderedDict()
        self._idle: deque[Job] = deque()
        self._closed = False
        self._running: tuple[Job, deque[Job], float] | None = None  # and since when
        self._begin()
        threading.Thread(target=self._watch, name="engine-watchdog", daemon=True).start()

    def accept(self, job: Job) -> None:
        """Let the job wait for its turn."""
        with self._wake:
            line = self._line(job)
            job.sink(Queued(len(line)))
            line.append(job)
            self._wake.notify()

    def close(self) -> None:
        """End the thread after the running step, for which at most :data:`PATIENCE` seconds are
        waited; stop the jobs that wait."""
        with self._wake:
            self._closed = True
            for line in (self._quick, *self._owners.values(), self._idle):
                for job in line:
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
        seconds = time.monotonic() - running[2] if running else 0.0
        return f"a step takes {seconds:.0f} seconds" if seconds > self._longest else ""

    def _begin(self) -> None:
        self._thread = threading.Thread(target=self._loop, name="engine", daemon=True)
        self._thread.start()

    def _line(self, job: Job) -> deque[Job]:
        own = {"quick": self._quick, "idle": self._idle}.get(job.turn)
        return self._owners.setdefault(job.owner, deque()) if own is None else own

    def _next(self) -> deque[Job]:
        """The line whose first job takes the next step; empty when nothing waits."""
        return self._quick or next(iter(self._owners.values()), self._idle)

    def _loop(self) -> None:
        while True:
            with self._wake:
                while not (self._next() or self._closed):
                    self._wake.wait()
                line = self._next()
                if not line:
                    return
                job = line[0]
                self._running = job, line, time.monotonic()
            going = _advanced(job)
            with self._wake:
                if self._thread is not threading.current_thread():
                    return  # given up: another one goes on
                self._running = None
                self._after(job, line, going)

    def _after(self, job: Job, line: deque[Job], going: bool) -> None:
        """Let the next owner come."""
        if not going:
            line.popleft()
        if job.turn == "fair":
            self._owners.move_to_end(job.owner)
            if not line:
                del self._owners[job.owner]

    def _watch(self) -> None:
        """Give up a step that does not end, and a thread that has."""
        while not self._closed:
            time.sleep(min(LOOKS, self._longest))
            with self._wake:
                running = self._running
                stuck = running and time.monotonic() - running[2] > self._longest
                if self._closed or not (stuck or not self._thread.is_alive()):
                    continue
                log.error("the engine is stuck or has ended; it begins anew")
                self._running = None
                if running:
                    job, line, _ = running
                    told, job.sink = job.sink, _nobody
                    job.stop()
                    self._after(job, line, False)
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
