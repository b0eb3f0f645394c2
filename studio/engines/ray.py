"""On a Ray cluster, or on workers that Ray starts here: each worker is a process that holds
networks of its own and serves several people in turns.

Runs go there; what takes a moment (a prediction, a region) or reads and writes what is kept
(labels, training) is computed here. A worker that is lost is replaced, and what it had begun is
computed again from the start: the same seed gives the same steps, of which those that were told
already are left out.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import import_module
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from backends import service
from backends.compute import devices
from backends.errors import MissingPart, StudioError
from backends.sentences import Sentence
from backends.settings import PREFIX, settings
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

if TYPE_CHECKING:
    from backends.evaluation import Plan

__all__ = ["RayEngine", "evaluated"]

log = logging.getLogger(__name__)
AT_ONCE = 256  # jobs under way on all workers; others wait here
ATTEMPTS = 3  # at a job whose worker is lost
LOOK = 0.05  # seconds between two looks whether somebody stopped
REPLACED = 120.0  # seconds that a lost worker is waited for
CROWD = 64  # jobs of a worker
LOST = Sentence(
    "the worker that computed this was lost {attempts} times; try again, or look at Ray's log"
)
HINT = 'the engine ray needs a package; run: pip install "counterfactual-studio[ray]"'


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


class Workers:
    """The workers of a cluster: one for each accelerator, else one for each of its cores but at
    most ``STUDIO_WORKERS``.

    ``RAY_ADDRESS`` names the cluster (``auto``: the one that ``ray start`` began on this machine);
    else one is begun here, which ends with this process.

    :param kind: class of the workers, which are made with ``arguments``.
    :param at_once: calls that a worker answers at once.
    :param retries: how often a call is repeated whose worker was lost.
    :raises MissingPart: the package ``ray`` is not installed.
    """

    def __init__(
        self, kind: type = Worker, at_once: int = CROWD, retries: int = 0, **arguments: Any
    ) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            self.ray = import_module("ray")
        except ImportError as error:
            raise MissingPart(HINT) from error
        own = {key: value for key, value in os.environ.items() if key.startswith(PREFIX)}
        if not self.ray.is_initialized():
            self.ray.init(
                os.environ.get("RAY_ADDRESS") or "local", log_to_driver=False,
                include_dashboard=False, logging_level=logging.WARNING,
                runtime_env={"env_vars": own},
            )  # fmt: skip
        have = self.ray.cluster_resources()
        cards, cores = int(have.get("GPU", 0)), max(1, int(have.get("CPU", 1)))
        most = settings().workers or cores
        count = min(cards or cores, most)
        needs = {"num_gpus": 1} if cards else {"num_cpus": max(1, cores // count)}
        made = self.ray.remote(kind).options(
            max_restarts=-1, max_task_retries=retries, max_concurrency=at_once,
            scheduling_strategy="SPREAD", **needs,
        )  # fmt: skip
        self.actors = [made.remote(**arguments) for _ in range(count)]
        self._begun = time.monotonic()
        self._ready = [actor.__ray_ready__.remote() for actor in self.actors]

    def problem(self) -> str:
        """Whether no worker has started for too long; empty where one has."""
        waited = time.monotonic() - self._begun
        if waited < REPLACED or self.ray.wait(self._ready, timeout=0)[0]:
            return ""
        return f"no worker has started for {waited:.0f} seconds; look at: ray status"

    def close(self) -> None:
        """End the workers, and the cluster if it was begun here."""
        for actor in self.actors:
            self.ray.kill(actor)
        self.ray.shutdown()


def evaluated(plan: Plan, trusting: bool = False) -> Generator[tuple[int, int], None, Plan]:
    """Let the workers compute what is missing of an evaluation, into its store. Ray replaces a
    worker that is lost, and the piece that it had begun is computed again.

    :param plan: with a store.
    :param trusting: whether the plan may name code of the person who began it.
    :returns: yields how many pieces are finished, and of how many; then the plan whose rows the
        store has.
    :raises MissingPart: the package ``ray`` is not installed.
    :raises StudioError: the plan cannot be carried out.
    """
    from backends.evaluation import pieces

    away = replace(plan, answers=None)
    workers = Workers(pieces.PieceWorker, 1, ATTEMPTS - 1, plan=away, trusting=trusting)
    ray, free, going = workers.ray, list(workers.actors), dict[Any, Any]()
    try:
        plan = replace(plan, device=ray.get(free[0].device.remote()))
        waiting = pieces.missing(plan)
        total = len(waiting)
        while waiting or going:
            while waiting and free:
                actor = free.pop()
                going[actor.compute.remote(waiting.pop(0))] = actor
            ready, _ = ray.wait(list(going), timeout=1.0)
            for one in ready:
                free.append(going.pop(one))
                try:
                    pieces.store(plan, ray.get(one))
                except StudioError as error:  # its row says so again
                    log.info("a piece could not be computed: %s", error)
                yield total - len(waiting) - len(going), total
    except ray.exceptions.RayActorError as error:
        raise StudioError(LOST, attempts=ATTEMPTS) from error
    finally:
        workers.close()
    return plan


class RayEngine(Engine):
    """Portable jobs go to the worker with the fewest; the others take turns here.

    :param ahead: names of bundles that each worker loads at once.
    :raises MissingPart: the package ``ray`` is not installed.
    """

    def __init__(self, ahead: Sequence[str] = ()) -> None:
        self._workers = Workers()
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
