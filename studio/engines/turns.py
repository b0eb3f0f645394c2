"""Whose job is next: the address that has used least time, then its owners in turn, each job in
order."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable

from studio.engines.core import Job
from studio.engines.owners import group_at
from studio.engines.shares import Shares

__all__ = ["Turns", "group_of"]


class Turns:
    """Jobs in lines. A caller names its own session, so that one address has one share, however
    many sessions it names; an owner of unknown address has a share of its own.

    :param shares: seconds of each address; the address with the least comes first.
    """

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._groups: OrderedDict[str, OrderedDict[str, deque[Job]]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._groups)

    def add(self, job: Job) -> int:
        """Let a job wait; returns how many of the same owner come first."""
        owners = self._groups.setdefault(group_of(job), OrderedDict())
        line = owners.setdefault(job.owner, deque())
        line.append(job)
        return len(line) - 1

    def first(self) -> Job:
        """The job that takes the next step."""
        owners = self._groups[min(self._groups, key=self._shares.__getitem__)]
        return next(iter(owners.values()))[0]

    def after(self, job: Job, going: bool) -> None:
        """Let the next address and the next owner come.

        :param job: which took the step.
        :param going: whether it takes further ones.
        """
        group = group_of(job)
        owners = self._groups[group]
        line = owners[job.owner]
        if not going:
            line.remove(job)
        if line:
            owners.move_to_end(job.owner)
        else:
            del owners[job.owner]
        if owners:
            self._groups.move_to_end(group)
        else:
            del self._groups[group]

    def remove(self, job: Job) -> bool:
        """Let a job wait no longer; False where it does not."""
        owners = self._groups.get(group_of(job), OrderedDict())
        line = owners.get(job.owner, deque())
        if job not in line:
            return False
        line.remove(job)
        if not line:
            del owners[job.owner]
        if not owners:
            del self._groups[group_of(job)]
        return True

    def jobs(self) -> list[Job]:
        """All of them."""
        return [job for owners in self._groups.values() for line in owners.values() for job in line]

    @property
    def groups(self) -> Iterable[str]:
        """The addresses that wait."""
        return self._groups.keys()


def group_of(job: Job) -> str:
    """Whose share a job's time is."""
    return group_at(job.owner)
