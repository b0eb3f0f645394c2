"""The engine's contract: submit a step generator, receive its events, stop it within a step."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from backends import errors
from backends.errors import OutOfMemory, StudioError
from backends.files import FULL, unwritten
from backends.sentences import Sentence
from studio.engines.budgets import Budgets
from studio.engines.shares import TURN

__all__ = [
    "Done",
    "Engine",
    "Event",
    "Failed",
    "Job",
    "Queued",
    "Stepped",
    "Stopped",
    "Turn",
    "Work",
    "advance",
    "end_of",
]

log = logging.getLogger(__name__)
NO_MEMORY = Sentence(
    "not enough memory for this run; close other programs, or start with --device cpu"
)


@dataclass(frozen=True)
class Queued:
    """Accepted; ``ahead`` jobs of the same owner come first."""

    ahead: int


@dataclass(frozen=True)
class Stepped:
    """One item of the job's generator."""

    item: Any


@dataclass(frozen=True)
class Done:
    """The generator ended."""


@dataclass(frozen=True)
class Stopped:
    """Somebody asked for it; the generator is closed."""


@dataclass(frozen=True)
class Failed:
    """``reason`` is a sentence for the person, ``fault`` the name of the class of
    :mod:`backends.errors` that said so; empty where the program itself is at fault."""

    reason: str
    fault: str = ""

    @property
    def error(self) -> StudioError:
        """The same as an exception."""
        kind = getattr(errors, self.fault, StudioError) if self.fault else StudioError
        error: StudioError = kind(self.reason)
        return error


Turn = Literal["quick", "fair", "idle"]
Work = Callable[[], Iterator[Any]]
Event = Queued | Stepped | Done | Stopped | Failed


def end_of(event: Event) -> tuple[str, str] | None:
    """How a job ended (``done``, ``stopped``, ``failed``) and why it failed; None before that."""
    match event:
        case Done():
            return "done", ""
        case Stopped():
            return "stopped", ""
        case Failed(reason=reason):
            return "failed", reason
        case _:
            return None


_numbers = itertools.count(1)


@dataclass(eq=False)
class Job:
    """One submitted generator. ``stop`` only sets a flag and may be called from anywhere.

    :ivar progress: gives the part of the job that is done when an item comes, in [0, 1]; None
        where that is not known, and only the seconds are charged.
    :ivar seconds: those of its own steps so far.
    :ivar charged: seconds that its address has been charged so far.
    """

    work: Work
    owner: str
    sink: Callable[[Event], None]
    turn: Turn = "fair"
    portable: bool = False
    progress: Callable[[Any], float] | None = None
    number: int = field(default_factory=lambda: next(_numbers))
    steps: Iterator[Any] | None = None
    seconds: float = 0.0
    charged: float = 0.0
    _part: float = 0.0
    _spared: float | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Ask for the end; the engine closes the generator before its next step."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether somebody asked for the end."""
        return self._stop.is_set()

    def note(self, event: Event) -> None:
        """Note the progress that an event shows."""
        if isinstance(event, Stepped) and self.progress:
            if self._spared is None:
                self._spared = max(0.0, self.seconds - TURN)
            self._part = max(self._part, min(self.progress(event.item), 1.0))

    def due(self, ended: bool) -> float:
        """Return the seconds to charge since the last call: what the steps took. A job with a
        known progress is charged at least its part of :data:`TURN`; its first step, which may load
        networks for everybody, is charged at most :data:`TURN`."""
        part = 1.0 if ended and self.progress else self._part
        took = self.seconds - (self._spared or 0.0)
        before, self.charged = self.charged, max(self.charged, took, TURN * part)
        return self.charged - before


class Engine(ABC):
    """Advances jobs: quick ones first, then owners in turn, a step each, then idle ones.

    :ivar budgets: of the people whose jobs these are. Whoever submits one for a person asks first
        whether they have something left; the engine notes what the steps took.
    """

    budgets: Budgets = Budgets()

    def submit(
        self,
        work: Work,
        owner: str,
        sink: Callable[[Event], None],
        turn: Turn = "fair",
        portable: bool = False,
        progress: Callable[[Any], float] | None = None,
    ) -> Job:
        """Accept a generator.

        :param work: called once, on the engine's thread, to make the generator.
        :param owner: whose job it is; owners take turns.
        :param sink: receives ``Queued`` at once, every other event on the engine's thread; must
            not wait for anything.
        :param turn: ``quick`` goes before all others, ``idle`` only while nothing else waits.
        :param portable: whether another process could do the work: it is a ``partial`` of a
            module's function and plain values, and so is what it yields.
        :param progress: as in :class:`Job`; a module's function.
        """
        job = Job(work, owner, sink, turn, portable, progress)
        self.accept(job)
        return job

    def change_turn(self, job: Job, turn: Turn) -> None:
        """Let a job have other turns from now on; an engine that has no turns does nothing."""
        job.turn = turn

    @abstractmethod
    def accept(self, job: Job) -> None:
        """Carry the job out, now or later."""

    @abstractmethod
    def close(self) -> None:
        """Stop everything and give the device back."""

    def problem(self) -> str:
        """What is wrong with it, as a sentence; empty where it takes steps."""
        return ""


def advance(job: Job) -> bool:
    """One step of a job; False when it has ended. Every end closes the generator."""
    end: Event
    try:
        if job.stopping:
            end = Stopped()
        else:
            stepped = Stepped(_timed_step(job))
            job.note(stepped)
            job.sink(stepped)  # whose sink may be another one by now
            return True
    except StopIteration:
        end = Done()
    except StudioError as error:
        end = Failed(str(error), _fault(error))
    except MemoryError:
        end = Failed(NO_MEMORY, OutOfMemory.__name__)
    except (KeyboardInterrupt, SystemExit):  # the program ends
        _close(job)
        raise
    except BaseException as error:  # a run's fault, a panic of Rust's too, ends the run alone
        end = _failed(error)
    _close(job)
    # An error in a generator's clean-up or in a listener must not end the engine.
    try:
        job.sink(end)
    except Exception:
        log.exception("a run's end could not be reported")
    return False


def _timed_step(job: Job) -> Any:
    began = time.monotonic()
    try:
        job.steps = job.steps or job.work()
        return next(job.steps)
    finally:
        job.seconds += time.monotonic() - began


def _fault(error: StudioError) -> str:
    """The nearest class of :mod:`backends.errors`."""
    return next(kind.__name__ for kind in type(error).__mro__ if hasattr(errors, kind.__name__))


def _close(job: Job) -> None:
    try:
        close = getattr(job.steps, "close", None)
        if close is not None:
            close()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        log.exception("a run's clean-up failed")
    job.steps = None


def _failed(error: BaseException) -> Failed:
    if type(error).__name__ == "OutOfMemoryError":  # torch's own; the studio knows no torch
        return Failed(NO_MEMORY, OutOfMemory.__name__)
    if isinstance(error, OSError) and error.errno in FULL:
        log.error("a run failed: %s", error)
        return Failed(unwritten(Sentence("what this run keeps"), error))
    log.error("a run failed", exc_info=error)
    return Failed(
        Sentence(
            "the run failed inside ({name}: {error}); the log has the details",
            name=type(error).__name__,
            error=error,
        )
    )
