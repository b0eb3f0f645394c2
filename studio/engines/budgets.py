"""What each person may take of a studio that many use: the device's seconds, decoded megapixels and
stored megabytes within a window of time."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Literal

from backends.errors import TooMuch
from backends.sentences import Sentence
from studio.engines.owners import address_of

__all__ = ["Budgets", "Kind", "wait_text"]

Kind = Literal["seconds", "megapixels", "megabytes"]
PARTS = 60  # of a window: what was taken is forgotten in so many portions
PEOPLE = 10_000  # of whom something is remembered
SENTENCES: Mapping[Kind, str] = {
    "seconds": Sentence("you have used the device for {taken:.0f} seconds within {window}"),
    "megapixels": Sentence("you have sent {taken:.0f} megapixels of pictures within {window}"),
    "megabytes": Sentence(
        "your answers have filled {taken:.0f} megabytes of the disk within {window}"
    ),
}


class Budgets:
    """Limits for each login or address; safe to use from several threads. Who has neither, as the
    studio's own work, has no limits.

    :param limits: most of each kind within a window; 0, or no number, is no limit.
    :param window: seconds.
    :param clock: seconds that never go back.
    """

    def __init__(
        self, limits: Mapping[Kind, float] | None = None, window: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._limits = {kind: most for kind, most in (limits or {}).items() if most}
        self._window, self._clock = window, clock
        self._taken: OrderedDict[tuple[str, Kind], dict[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def spend(self, owner: str, kind: Kind, amount: float) -> None:
        """Note that an owner has taken something."""
        who = address_of(owner)
        if not who or kind not in self._limits:
            return
        with self._lock:
            portions = self._recent(who, kind)
            now = self._portion()
            portions[now] = portions.get(now, 0.0) + amount
            self._taken[who, kind] = portions
            self._taken.move_to_end((who, kind))
            while len(self._taken) > PEOPLE:
                self._taken.popitem(last=False)

    def require(self, owner: str, *kinds: Kind) -> None:
        """Check that an owner has something left of some kinds, or of all.

        :raises TooMuch: they have not; it says until when.
        """
        who = address_of(owner)
        for kind in (kinds or tuple(self._limits)) if who else ():
            most = self._limits.get(kind, math.inf)
            with self._lock:
                portions = self._recent(who, kind)
            taken = sum(portions.values())
            if taken >= most:
                told = Sentence(SENTENCES[kind], taken=taken, window=wait_text(self._window))
                wait = self._wait(portions, taken - most)
                raise TooMuch(
                    Sentence("{told}; in {wait} you can go on", told=told, wait=wait_text(wait)),
                    wait,
                )

    def _recent(self, who: str, kind: Kind) -> dict[int, float]:
        oldest = self._portion() - PARTS
        return {at: n for at, n in self._taken.get((who, kind), {}).items() if at > oldest}

    def _portion(self) -> int:
        return int(self._clock() / self._window * PARTS)

    def _wait(self, portions: Mapping[int, float], over: float) -> float:
        """Seconds until the oldest portions that are too much are forgotten."""
        for at, amount in sorted(portions.items()):
            over -= amount
            if over < 0 or at == max(portions):
                forgotten = (at + PARTS) * self._window / PARTS
                return max(forgotten - self._clock(), 1.0)
        return 1.0


def wait_text(seconds: float) -> str:
    """A time as a sentence says it."""
    if seconds < 100:
        return Sentence("{seconds} seconds", seconds=max(round(seconds), 1))
    return Sentence("{minutes} minutes", minutes=round(seconds / 60))
