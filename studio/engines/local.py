"""One thread owns the device and advances whichever job is next by one step."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque

from studio.engines.core import Engine, Job, Queued, advance

__all__ = ["LocalEngine"]

PATIENCE = 5.0  # seconds that closing waits for the running step


class LocalEngine(Engine):
    """Quick jobs first; long ones a step each, owners in turn, an owner's own in order; idle ones
    at last."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._quick: deque[Job] = deque()
        self._owners: OrderedDict[str, deque[Job]] = OrderedDict()
        self._idle: deque[Job] = deque()
        self._closed = False
        self._thread = threading.Thread(target=self._loop, name="engine", daemon=True)
        self._thread.start()

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
            self._wake.notify()
        self._thread.join(PATIENCE)

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
            going = advance(job)
            with self._wake:
                if not going:
                    line.popleft()
                if job.turn == "fair":
                    self._owners.move_to_end(job.owner)
                    if not line:
                        del self._owners[job.owner]
