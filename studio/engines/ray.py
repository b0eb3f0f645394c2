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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import inf
from queue import SimpleQueue
from statistics import mean
from typing import Any

from backends import service
from backends.compute import devices
from backends.sentences import Sentence
from backends.settings import settings
from studio.engines.budgets import Budgets
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
from studio.engines.shares import Shares
from studio.engines.turns import group_of
from studio.engines.workers import ATTEMPTS, LOST, REPLACED, Workers

__all__ = ["RayEngine"]

log = logging.getLogger(__name__)
AT_ONCE = 256  # jobs under way on all workers; others wait here
LOOK = 0.1  # seconds between two looks whether somebody stopped, or a worker is there again
CROWD = 64  # jobs of a worker
CROWDED = 1.5  # a worker with more than so many times the jobs of another one gets no more


@dataclass(frozen=True)
class PortableJob:
    """What a worker needs of a job; the names are those of :class:`Job`."""

    work: Work
    owner: str
    turn: Turn = "fair"
    progress: Callable[[Any], float] | None = None


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

    def run(
        self, number: int, asked: PortableJob, told: int, used: float
    ) -> Iterator[tuple[Event, float]]:
        """Yield a job's events, each with the seconds that the job has taken by then.

        :param told: how many of its steps the asker knows already.
        :param used: seconds that the owner's address has had of all workers.
        """
        self._engine.raise_share(asked.owner, used)
        events: SimpleQueue[Event] = SimpleQueue()
        job = self._jobs[number] = self._engine.submit(
            asked.work, asked.owner, events.put, asked.turn, progress=asked.progress
        )
        try:
            ended = False
            while not ended:
                event = events.get()
                ended = end_of(event) is not None
                if isinstance(event, Stepped) and told:
                    told -= 1
                elif not isinstance(event, Queued):
                    yield event, job.seconds
        finally:
            job.stop()
            del self._jobs[number]

    def stop(self, number: int) -> None:
        """End a job within a step."""
        job = self._jobs.get(number)
        if job:
            job.stop()


def worker_for(had: Sequence[Sequence[float]]) -> int:
    """Choose the worker of a new job: among those with few jobs, the one whose owners have had
    most time. Owners on a slow worker have had less, so that it gets fewer jobs.

    :param had: for each worker, the seconds that the owners of its jobs have had.
    """
    few = CROWDED * min(len(some) for some in had)
    free = [number for number, some in enumerate(had) if len(some) <= few]
    return max(free, key=lambda n: (mean(had[n]) if had[n] else inf, -len(had[n])))


class RayEngine(Engine):
    """Portable jobs go to a worker with few; the others take turns here.

    The workers' time is shared by address over all of them, as on one device.

    :param ahead: names of bundles that each worker loads at once.
    :param budgets: of the people whose jobs these are; what their steps take is noted there.
    :raises MissingPart: the package ``ray`` is not installed.
    """

    def __init__(self, ahead: Sequence[str] = (), budgets: Budgets | None = None) -> None:
        self.budgets = budgets or Budgets()
        self._workers = Workers(Worker, CROWD)
        self._lost = self._workers.ray.exceptions.RayActorError
        self._here = LocalEngine(settings().step_seconds, self.budgets)
        self._threads = ThreadPoolExecutor(AT_ONCE, "ray")
        self._lock = threading.Lock()
        self._going: dict[Job, int] = {}  # and which worker has it
        self._shares = Shares()
        self._closed = False
        threading.Thread(target=self._pass_on_stops, name="ray-stops", daemon=True).start()
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
            self._shares.come(group_of(job))
            had: list[list[float]] = [[] for _ in self._workers.actors]
            for other, worker in self._going.items():
                had[worker].append(self._shares[group_of(other)])
            self._going[job] = worker_for(had)
        job.sink(Queued(mine))
        self._threads.submit(self._follow, job)

    def problem(self) -> str:
        """What is wrong with the workers, or with the thread of what is computed here."""
        return self._workers.problem() or self._here.problem()

    def close(self) -> None:
        """Stop everything and end the workers."""
        self._closed = True
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
                    before = 0.0
                    for event, seconds in self._events(job, told):
                        self._spend(job, event, seconds - before)
                        before = seconds
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
                self._shares.forget({group_of(other) for other in self._going})

    def _spend(self, job: Job, event: Event, seconds: float) -> None:
        """Note what a job has taken since its last event."""
        job.seconds += seconds
        job.note(event)
        self.budgets.spend(job.owner, "seconds", seconds)
        with self._lock:
            self._shares.spend(group_of(job), job.due(end_of(event) is not None))

    def _await_worker(self, job: Job) -> None:
        """Wait until Ray has replaced the job's worker, or somebody stops."""
        actor, until = self._workers.actors[self._going[job]], time.monotonic() + REPLACED
        while not job.stopping and time.monotonic() < until:
            try:
                self._workers.ray.get(actor.__ray_ready__.remote(), timeout=REPLACED)
                return
            except (self._lost, TimeoutError):
                time.sleep(LOOK)

    def _events(self, job: Job, told: int) -> Iterator[tuple[Event, float]]:
        """What the job's worker reports, with the seconds taken.

        :raises RayActorError: the worker was lost.
        """
        ray, actor = self._workers.ray, self._workers.actors[self._going[job]]
        if job.stopping:
            yield Stopped(), 0.0
            return
        events = actor.run.options(num_returns="streaming").remote(
            job.number,
            PortableJob(job.work, job.owner, job.turn, job.progress),
            told,
            self._shares[group_of(job)],
        )
        for event in events:
            yield ray.get(event)

    def _pass_on_stops(self) -> None:
        """Tell the workers whose jobs somebody stopped, until those end; a worker may not have
        begun a job yet. Each job's own thread waits for its events."""
        while not self._closed:
            time.sleep(LOOK)
            with self._lock:
                stopped = [(job, worker) for job, worker in self._going.items() if job.stopping]
            for job, worker in stopped:
                self._workers.actors[worker].stop.remote(job.number)
