"""Where a run stands among all of a studio's: whose turns it shares, and when it may end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from backends.core import Answer, Frame
from studio.engines.owners import group_at
from studio.engines.shares import TURN
from studio.runs.durations import Durations
from studio.runs.run import Run

__all__ = ["QueuePlace", "part_of", "place_of", "seconds_of_another"]


@dataclass(frozen=True)
class QueuePlace:
    """What a waiting person is told.

    :ivar ahead: runs of the same person that come first.
    :ivar people: how many are served in turns, this one included.
    :ivar seconds: until the run may end; None where nothing like it has run yet.
    """

    ahead: int
    people: int
    seconds: float | None


@dataclass(frozen=True)
class Need:
    """Time that runs need until their end: ``seconds`` of computing, and the ``share`` seconds that
    their address is charged (:data:`TURN`)."""

    seconds: float
    share: float

    @classmethod
    def of(cls, whole: float, done: float = 0.0) -> Need:
        """Of a run that takes so many seconds, and of which a part is done."""
        return cls(whole * (1 - done), max(whole, TURN) * (1 - done))

    def __add__(self, other: Need) -> Need:
        return Need(self.seconds + other.seconds, self.share + other.share)

    def within(self, share: float) -> Need:
        """The part that is done when the address has been charged ``share`` seconds."""
        part = min(1.0, share / self.share) if self.share else 0.0
        return Need(self.seconds * part, self.share * part)


def place_of(run: Run, runs: Iterable[Run], durations: Durations) -> QueuePlace:
    """The place of a run that has not ended.

    Turns are even: until this one's end, each of the others takes as much of the engine's time as
    it does, as shares count it, or comes to their own end.

    :param runs: all of the studio's.
    """
    going = [one for one in runs if not one.ended and one is not run]
    mine = group_of_run(run)
    own = [one for one in going if group_of_run(one) == mine]
    before = [one for one in own if one.owner == run.owner and one.started <= run.started]
    groups = {group_of_run(one) for one in going} | {mine}
    left = _left(run, durations)
    if left is None:
        return QueuePlace(len(before), len(groups), None)
    beside = [one for one in own if one.owner != run.owner]
    ours = left + _sum(before, durations, left)
    ours += _sum(beside, durations, left).within(ours.share)
    others = [one for one in going if group_of_run(one) != mine]
    theirs = _meanwhile(others, durations, left, ours.share)
    return QueuePlace(len(before), len(groups), ours.seconds + theirs)


def seconds_of_another(
    bundle: str, method: str, runs: Iterable[Run], durations: Durations
) -> float | None:
    """Seconds until a run would end that somebody new asked for now; None where nothing like it
    has run yet."""
    whole = durations.of(bundle).get(method)
    if whole is None:
        return None
    new = Need.of(whole)
    going = [one for one in runs if not one.ended]
    return whole + _meanwhile(going, durations, new, new.share)


def part_of(item: Frame | Answer) -> float:
    """The part of a run that a frame shows to be done, in [0, 1]; an answer adds nothing, since the
    run's end, which comes next, must not wait for what it is charged."""
    return item.index / max(item.total, 1) if isinstance(item, Frame) else 0.0


def group_of_run(run: Run) -> str:
    """Whose share of the engine's time a run takes."""
    return group_at(run.owner, run.visitor)


def _meanwhile(runs: Iterable[Run], durations: Durations, unknown: Need, share: float) -> float:
    """Seconds that these runs compute until each of their groups has had ``share`` or ended."""
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        groups[group_of_run(run)].append(run)
    return sum(_sum(some, durations, unknown).within(share).seconds for some in groups.values())


def _sum(runs: Iterable[Run], durations: Durations, unknown: Need) -> Need:
    return sum((_left(run, durations) or unknown for run in runs), Need(0.0, 0.0))


def _left(run: Run, durations: Durations) -> Need | None:
    """What a run still needs; None where nothing tells."""
    whole = durations.of(run.request.bundle).get(run.request.method)
    done = part_of(run.frames[-1]) if run.frames else 0.0
    if whole is None and done:
        whole = (run.job.seconds if run.job else 0.0) / done
    return None if whole is None else Need.of(whole, done)
