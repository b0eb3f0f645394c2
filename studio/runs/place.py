"""Where a run stands among all of a studio's: whose turns it shares, and when it may end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from studio.engines.owners import group_at
from studio.runs.durations import Durations
from studio.runs.run import Run

__all__ = ["QueuePlace", "place_of", "seconds_of_another"]


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


def place_of(run: Run, runs: Iterable[Run], durations: Durations) -> QueuePlace:
    """The place of a run that has not ended.

    Turns are even: until this one's end, each of the others computes as long as it does, or to
    their own end.

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
    ours += min(ours, _sum(beside, durations, left))
    others: dict[str, list[Run]] = defaultdict(list)
    for one in going:
        if group_of_run(one) != mine:
            others[group_of_run(one)].append(one)
    theirs = sum(min(ours, _sum(some, durations, left)) for some in others.values())
    return QueuePlace(len(before), len(groups), ours + theirs)


def seconds_of_another(
    bundle: str, method: str, runs: Iterable[Run], durations: Durations
) -> float | None:
    """Seconds until a run would end that somebody new asked for now; None where nothing like it
    has run yet."""
    whole = durations.of(bundle).get(method)
    if whole is None:
        return None
    others: dict[str, list[Run]] = defaultdict(list)
    for one in runs:
        if not one.ended:
            others[group_of_run(one)].append(one)
    return whole + sum(min(whole, _sum(some, durations, whole)) for some in others.values())


def group_of_run(run: Run) -> str:
    """Whose share of the engine's time a run takes."""
    return group_at(run.owner, run.visitor)


def _sum(runs: Iterable[Run], durations: Durations, unknown: float) -> float:
    found = (_left(run, durations) for run in runs)
    return sum(unknown if left is None else left for left in found)


def _left(run: Run, durations: Durations) -> float | None:
    """Seconds of computing that a run still needs."""
    whole = durations.of(run.request.bundle).get(run.request.method)
    if not run.frames:
        return whole
    last, used = run.frames[-1], run.job.seconds if run.job else 0.0
    share = last.index / max(last.total, 1)
    if whole is None and share:
        whole = used / share
    return None if whole is None else whole * (1 - share)
