"""On a Ray cluster, or on workers that Ray starts here: each worker is a process that holds
networks of its own and serves several people in turns.

Runs go there; what takes a moment (a prediction, a region) or reads and writes what is kept
(labels, training) is computed here. A worker that is lost is replaced, and what it had begun is
computed again from the start: the same seed gives the same steps, of which those that were told
already are left out.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from backends import service
from backends.compute import devices
from backends.sentences import Sentence
from backends.settings import settings
from studio.engines.core import (
    Engine,
    Event,
    Failed,
    Job,
    Queued,
    Stepped,
    Stopped,
    Turn,
    Work,
    end_of,
)
from studio.engines.local import LocalEngine
from studio.engines.workers import ATTEMPTS, LOST, REPLACED, Workers

__all__ = ["RayEngine"]

log = logging.getLogger(__name__)
AT_ONCE = 256  # jobs under way on all workers; others wait here
LOOK = 0.05  # seconds between two looks whether somebody stopped
CROWD = 64  # jobs of a worker


class Worker:
    """Takes jobs from elsewhere; its methods are called by several threads at once."""

    def __init__(self) -> None:
        devices.use("auto")
        self._engine = LocalEngine(settings().step_seconds)
        self._jobs: dict[int, Job] = {}

    def load(self, bundle: str) -> None:
        """Load a bundle's networks before anybody asks."""
        for _ in service.load(bundle):
            pass

    def run(self, number: int, work: Work, owner: str, turn: Turn, told: int) -> Iterator[Event]:
        """Yield a job's events.

        :param told: how many of its steps the asker knows already.
        """
        events: SimpleQueue[Event] = SimpleQueue()
        job = self._jobs[number] = self._engine.submit(work, owner, events.put, turn)
        try:
            ended = False
            while not ended:
                event = events.get()
                ended = end_of(event) is not None
                if isinstance(event, Stepped) and told:
                    told -= 1
                elif not isinstance(event, Queued):
                    yield event
        finally:
            job.stop()
            del self._jobs[number]

    def stop(self, number: int) -> None:
        """End a job within a step."""
        job = self._jobs.get(number)
        if job:
            job.stop()


class RayEngine(Engine):
    """Portable jobs go to the worker with the fewest; the others take turns here.

    :param ahead: names of bundles that each worker loads at once.
    :raises MissingPart: the package ``ray`` is not installed.
    """

    def __init__(self, ahead: Sequence[str] = ()) -> None:
        self._workers = Workers(Worker, CROWD)
        self._lost = self._workers.ray.exceptions.RayActorError
        self._here = LocalEngine(settings().step_seconds)
        self._threads = ThreadPoolExecutor(AT_ONCE, "ray")
        self._lock = threading.Lock()
        self._going: dict[Job, int] = {}  # and which worker has it
        for actor in self._workers.actors:
            for name in ahead:
                actor.load.remote(name)

    def accept(self, job: Job) -> None:
        """Let a worker take the job or, unless it is portable, let it wait here."""
        if not job.portable:
            self._here.accept(job)
            return
        with self._lock:
            mine = sum(other.owner == job.owner for other in self._going)
            loads = [*self._going.values()]
            self._going[job] = min(range(len(self._workers.actors)), key=loads.count)
        job.sink(Queued(mine))
        self._threads.submit(self._follow, job)

    def problem(self) -> str:
        """What is wrong with the workers, or with the thread of what is computed here."""
        return self._workers.problem() or self._here.problem()

    def close(self) -> None:
        """Stop everything and end the workers."""
        for job in list(self._going):
            job.stop()
        self._here.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._workers.close()

    def _follow(self, job: Job) -> None:
        """Pass on what the worker reports, until the job's end."""
        told = 0
        try:
            for _ in range(ATTEMPTS):
                try:
                    for event in self._events(job, told):
                        told += isinstance(event, Stepped)
                        job.sink(event)
                        if end_of(event):
                            return
                except self._lost:
                    log.warning("a worker was lost; job %d begins again", job.number)
                    self._await_worker(job)
            job.sink(Failed(Sentence(LOST, attempts=ATTEMPTS)))
        except Exception as error:
            log.exception("a job on Ray failed")
            job.sink(
                Failed(
                    Sentence(
                        "Ray gave no answer ({name}); the log has the details",
                        name=type(error).__name__,
                    )
                )
            )
        finally:
            with self._lock:
                del self._going[job]

    def _await_worker(self, job: Job) -> None:
        """Wait until Ray has replaced the job's worker, or somebody stops."""
        actor, until = self._workers.actors[self._going[job]], time.monotonic() + REPLACED
        while not job.stopping and time.monotonic() < until:
            try:
                self._workers.ray.get(actor.__ray_ready__.remote(), timeout=REPLACED)
                return
            except (self._lost, TimeoutError):
                time.sleep(LOOK)

    def _events(self, job: Job, told: int) -> Iterator[Event]:
        """What the job's worker reports; a stop is passed on meanwhile.

        :raises RayActorError: the worker was lost.
        """
        ray, actor = self._workers.ray, self._workers.actors[self._going[job]]
        if job.stopping:
            yield Stopped()
            return
        events = actor.run.options(num_returns="streaming").remote(
            job.number, job.work, job.owner, job.turn, told
        )
        asked = False
        while True:
            if job.stopping and not asked:
                actor.stop.remote(job.number)
                asked = True
            ready, _ = ray.wait([events], timeout=LOOK)
            if ready:
                try:
                    yield ray.get(next(events))
                except StopIteration:
                    return
