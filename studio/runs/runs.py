"""The runs of this process: who may have how many, and what becomes of them when a page closes."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from backends.core import Answer, Frame, Request
from backends.errors import StudioError, TooMuch
from backends.files import unwritten
from backends.sentences import Sentence
from studio.engines.budgets import wait_text
from studio.engines.core import Done, Engine, Event, Stepped, Stopped
from studio.engines.owners import address_of, owner_at
from studio.runs.durations import Durations
from studio.runs.metrics import counted
from studio.runs.place import QueuePlace, group_of_run, part_of, place_of, seconds_of_another
from studio.runs.run import Run
from studio.runs.store import Store
from studio.web.log_lines import pseudonym

__all__ = ["Runs", "TooMany"]

log = logging.getLogger(__name__)
SOON = 5.0  # seconds to wait where nothing better is known
LOADED = 8  # kept runs that stay in memory after they were looked at


class TooMany(TooMuch):
    """This person's earlier runs have not ended yet."""

    def __init__(self, wait: float | None = None) -> None:
        wait = max(wait or SOON, 1.0)
        super().__init__(
            Sentence(
                "your earlier runs are still going; stop one, or wait about {wait}",
                wait=wait_text(wait),
            ),
            wait,
        )


class Runs:
    """All runs of this process, newest last, with caps on how many one owner may have going and
    keeps.

    An owner is an open page. A visitor is a browser, which has several pages one after another:
    its runs go on when their page is closed, and are stored when they end.

    :param explain: makes the step generator of a request (``backends.service.explain``).
    :param judge: makes the answer of a stopped run from its last frame
        (``backends.service.stopped``).
    :param store: keeps visitors' ended runs; None keeps none beyond their page.
    :param unwatched: how many runs of all closed pages may go on at a time.
    :param address_going: most unfinished runs of an address; 0 is no limit.
    :param most: ended runs that stay in memory, of all owners together.
    :ivar durations: how long runs took.
    """

    def __init__(
        self,
        engine: Engine,
        explain: Callable[[Request], Iterator[Frame | Answer]],
        judge: Callable[[Request, Frame], Answer],
        *,
        going: int = 2,
        kept: int = 50,
        store: Store | None = None,
        unwatched: int = 8,
        address_going: int = 0,
        most: int = 400,
    ) -> None:
        self.engine = engine
        self._on_forget: list[Callable[[Run], None]] = []
        self._explain, self._judge = explain, judge
        self._going, self._kept, self._unwatched = going, kept, unwatched
        self._address_going, self._most = address_going, most
        self._runs: dict[str, Run] = {}
        self.durations = Durations()
        self.store, self._visitors = store, dict[str, str]()
        self._loaded: OrderedDict[str, Run] = OrderedDict()
        self._loading = threading.Lock()
        # The engine's thread must not wait for the disk.
        self._writer = ThreadPoolExecutor(1, "keep-runs")

    def recognise(self, owner: str, visitor: str) -> None:
        """Note which visitor's page an owner is."""
        if self.store:
            self._visitors[owner] = visitor

    def visitor_of(self, owner: str) -> str:
        """Whose page that is; empty where it is not known."""
        return self._visitors.get(owner, "")

    def start(self, request: Request, owner: str, *, going: int | None = None) -> Run:
        """Queue a request.

        :param going: how many unfinished runs this owner may have, instead of the usual number.
        :raises TooMany: the owner, the visitor on all pages together, or all of the owner's address
            have so many.
        :raises TooMuch: the owner has had their share.
        """
        self.engine.budgets.require(owner, "seconds", "megabytes")
        visitor = self.visitor_of(owner)
        mine = [run for run in list(self._runs.values()) if _is_of(run, owner, visitor)]
        unfinished = [run for run in mine if not run.ended]
        if len(unfinished) >= (going or self._going):
            raise TooMany(self._soonest(unfinished))
        self._check_address(owner)
        run = Run(request, owner)
        self.keep(run)

        def on_event(event: Event) -> None:
            if isinstance(event, Stepped) and isinstance(event.item, Answer):
                self.durations.add(request, event.item, run.job.seconds if run.job else 0.0)
            if isinstance(event, Stopped) and run.answer:
                run.on_event(Done())  # the stop came after the answer
            elif isinstance(event, Stopped) and run.frames and (run.visitor or not run.left):
                self._keep_last_frame(run)
            else:
                run.on_event(event)
            self._settle(run)

        work = partial(self._explain, request)
        # Several pages of one visitor share one turn.
        whose = owner_at(visitor, address_of(owner)) if visitor else owner
        run.job = self.engine.submit(work, whose, on_event, portable=True, progress=part_of)
        if run.left and not visitor:  # just while it was queued
            run.stop()
        return run

    def on_forget(self, callback: Callable[[Run], None]) -> None:
        """Call ``callback`` with every run that is no longer in memory, as to remove its files."""
        self._on_forget.append(callback)

    def keep(self, run: Run) -> None:
        """Hold a run among its owner's, of which the oldest ended ones go; one that has ended
        already is stored."""
        run.visitor = self.visitor_of(run.owner)
        self._runs[run.id] = run
        for old in [r for r in self.of(run.owner) if r.ended][: -self._kept]:
            self._drop(old)
        # Not every caller ever says that it has left.
        ended = [r for r in list(self._runs.values()) if r.ended and r.saved.is_set()]
        for old in ended[: -self._most]:
            self._drop(old)
        self._settle(run)

    def _check_address(self, owner: str) -> None:
        """Refuse a run of an address with too many unfinished ones: a caller chooses the name of
        its session, but not its address."""
        address = address_of(owner)
        if not (address and self._address_going):
            return
        runs = [run for run in list(self._runs.values()) if not run.ended]
        theirs = [run for run in runs if address_of(run.owner) == address]
        if len(theirs) >= self._address_going:
            raise TooMany(self._soonest(theirs))

    def _soonest(self, runs: Iterable[Run]) -> float | None:
        """Seconds until the first of some runs may end, where that is known."""
        times = [self.place(run).seconds for run in runs]
        return min((time for time in times if time is not None), default=None)

    def _keep_last_frame(self, run: Run) -> None:
        """A stopped run ends with an answer too: its last frame, measured and marked."""

        def judge() -> Iterator[Answer]:
            yield self._judge(run.request, run.frames[-1])

        def on_event(event: Event) -> None:
            run.on_event(Stopped() if isinstance(event, Done) else event)
            self._settle(run)

        self.engine.submit(judge, run.visitor or run.owner, on_event, "quick")

    def get(self, run_id: str) -> Run | None:
        """The run of that id, if it is still kept, in memory or in the store."""
        if run := self._runs.get(run_id):
            return run
        with self._loading:
            run = self._loaded.get(run_id) or (self.store.load(run_id) if self.store else None)
            if run is None:
                return None
            self._loaded[run_id] = run
            self._loaded.move_to_end(run_id)
            old = self._loaded.popitem(last=False)[1] if len(self._loaded) > LOADED else None
        if old:
            self._forgotten(old)
        return run

    def of(self, owner: str) -> list[Run]:
        """An owner's runs, oldest first."""
        return [run for run in list(self._runs.values()) if run.owner == owner]

    def busy(self, owner: str) -> bool:
        """Whether anything of an owner goes on."""
        return any(not run.ended for run in self.of(owner))

    def going(self, visitor: str) -> list[Run]:
        """A visitor's runs that have not ended, oldest first."""
        mine = [run for run in list(self._runs.values()) if visitor and run.visitor == visitor]
        return [run for run in mine if not run.ended]

    def may_stop(self, run: Run, owner: str) -> bool:
        """Whether that page is of the person who started the run."""
        return _is_of(run, owner, self.visitor_of(owner))

    def adopt(self, run: Run, owner: str) -> None:
        """Make a visitor's other page the owner of a run that still goes on; nothing for others."""
        if run.visitor and run.visitor == self.visitor_of(owner) and not run.ended:
            run.owner, run.left = owner, False
            if run.job:
                self.engine.change_turn(run.job, "fair")

    def leave(self, owner: str) -> None:
        """A page was closed. A visitor's runs go on to their end while nobody else waits, up to a
        number of all visitors together, and are stored; nothing is kept of others."""
        for run in self.of(owner):
            others = sum(r.left and not r.ended for r in list(self._runs.values()))
            if run.visitor and not run.ended and others < self._unwatched:
                run.left = True
                if run.job:  # whoever is there comes first
                    self.engine.change_turn(run.job, "idle")
                self._drop_left(run)  # it may have ended meanwhile
            else:
                self.forget(run)
        self._visitors.pop(owner, None)

    def forget(self, run: Run) -> None:
        """Keep nothing of a run in memory; it is stopped if it still goes on."""
        run.left = True
        if not run.ended:
            run.stop()
        self._drop_left(run)

    def delete(self, run_id: str) -> None:
        """Hold a run no longer that was removed from the store."""
        with self._loading:
            loaded = self._loaded.pop(run_id, None)
        if loaded:
            self._forgotten(loaded)
        if run := self._runs.get(run_id):
            self._drop(run)

    def place(self, run: Run) -> QueuePlace:
        """Where a run that has not ended stands among all."""
        return place_of(run, list(self._runs.values()), self.durations)

    def expected(self, bundle: str, method: str) -> float | None:
        """Seconds until a run that somebody new asked for now may end; None where nothing like it
        has run yet."""
        return seconds_of_another(bundle, method, list(self._runs.values()), self.durations)

    @property
    def people(self) -> int:
        """How many are served in turns now."""
        return len({group_of_run(run) for run in list(self._runs.values()) if not run.ended})

    def counts(self) -> dict[str, int]:
        """How many runs of all wait, and how many are computed."""
        states = [run.state for run in list(self._runs.values())]
        return {state: states.count(state) for state in ("waiting", "running")}

    def _settle(self, run: Run) -> None:
        """After each event: count a run that has ended, and store a visitor's."""
        if run.ended and run.job and not run.counted:
            run.counted = True
            seconds = time.monotonic() - run.begun
            counted(run, seconds)
            log.info("run ended", extra={"fields": _told(run, seconds)})
        if run.ended and self.store and run.visitor and run.answer:
            self._writer.submit(self._save, run)
        elif run.ended:
            run.saved.set()
            self._drop_left(run)

    def _save(self, run: Run) -> None:
        assert self.store
        try:
            size = self.store.save(run, run.visitor)
            self.engine.budgets.spend(run.owner, "megabytes", size / 1e6)
        except OSError as error:  # the answer is shown all the same
            run.unkept = unwritten(Sentence("this answer"), error)
            log.warning("a run could not be kept: %s", error)
        except StudioError as error:
            run.unkept = error.args[0]
        except Exception:
            run.unkept = Sentence("this answer could not be kept; download it")
            log.exception("a run could not be kept")
        finally:
            run.saved.set()
            self._drop_left(run)

    def _drop_left(self, run: Run) -> None:
        if run.left and run.ended and (run.saved.is_set() or not run.visitor):
            self._drop(run)

    def _drop(self, run: Run) -> None:
        if self._runs.pop(run.id, None):
            self._forgotten(run)

    def _forgotten(self, run: Run) -> None:
        for callback in self._on_forget:
            callback(run)


def _told(run: Run, seconds: float) -> dict[str, Any]:
    """What the log says of a run. Of the id only the beginning: whoever has all of it may see the
    run."""
    asked = run.request
    return {
        "run": run.id[:8], "owner": pseudonym(run.visitor or run.owner), "bundle": asked.bundle,
        "model": asked.model, "method": asked.method, "end": run.state,
        "seconds": round(seconds, 3), "steps": len(run.frames),
    } | ({"reason": run.reason} if run.reason else {})  # fmt: skip


def _is_of(run: Run, owner: str, visitor: str) -> bool:
    return run.owner == owner or bool(visitor and run.visitor == visitor)
