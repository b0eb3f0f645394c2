"""The time of day for what is deleted by its age: a clock that jumps must not delete anything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["SteadyClock", "steady_time"]

JUMP = 300.0  # seconds that a clock is set by at once, from which on it is a jump
BELIEVED = 86_400.0  # seconds after which a jump is taken for the truth


class SteadyClock:
    """Seconds since the epoch. When the system's clock jumps, this one goes on as before for a
    day, in which a wrong time is mostly mended; then it follows.

    :param wall: the system's clock.
    :param steady: seconds that no setting of a clock changes.
    """

    def __init__(
        self, wall: Callable[[], float] = lambda: time.time(),
        steady: Callable[[], float] = lambda: time.monotonic(),
    ) -> None:  # fmt: skip
        self._wall, self._steady = wall, steady
        self._lock = threading.Lock()
        self._offset = wall() - steady()
        self._jumped: tuple[float, float] | None = None  # to which offset, and since when

    def __call__(self) -> float:
        """Return the time now."""
        with self._lock:
            now = self._steady()
            offset = self._wall() - now
            if abs(offset - self._offset) < JUMP:
                self._offset, self._jumped = offset, None
            elif self._jumped is None or abs(offset - self._jumped[0]) >= JUMP:
                self._jumped = offset, now
            elif now - self._jumped[1] > BELIEVED:
                self._offset, self._jumped = offset, None
            return now + self._offset


#: This process's.
steady_time = SteadyClock()
