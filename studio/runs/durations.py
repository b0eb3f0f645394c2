"""How long runs take on this machine, learnt from those that ended."""

from __future__ import annotations

from collections import defaultdict, deque
from statistics import median

from backends.core import Answer, Request

__all__ = ["Durations"]

KEPT = 9  # runs of a method, the latest


class Durations:
    """Seconds of the latest finished runs, by bundle and method; of this process alone."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, str], deque[float]] = defaultdict(lambda: deque(maxlen=KEPT))

    def add(self, request: Request, answer: Answer, seconds: float = 0.0) -> None:
        """Take in a run that ended by itself; a stopped one says nothing.

        :param seconds: of its own steps; the answer's own number counts others' turns, too.
        """
        if answer.record["status"] != "cancelled":
            key = request.bundle, request.method
            self._seconds[key].append(seconds or float(answer.record["seconds"]))

    def of(self, bundle: str) -> dict[str, float]:
        """The median seconds of each method that has run on a bundle."""
        known = list(self._seconds.items())
        return {method: median(taken) for (owner, method), taken in known if owner == bundle}
