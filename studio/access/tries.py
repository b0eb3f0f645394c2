"""How often somebody may be wrong within a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from backends.errors import TooMuch
from backends.sentences import Sentence

__all__ = ["Tries"]


class Tries:
    """Wrong codes and passwords by address; safe to use from several threads.

    :param most: wrong ones within the window.
    :param window: seconds.
    :param clock: seconds that never go back.
    """

    def __init__(
        self, most: int = 20, window: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._window, self._clock = most, window, clock
        self._wrong: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    def require(self, address: str, what: str) -> None:
        """Check that an address may try once more.

        :param what: of which there were too many.
        :raises TooMuch: it may not.
        """
        times = self._lately(address)
        if len(times) >= self._most:
            wait = max(times[-self._most] + self._window - self._clock(), 1.0)
            raise TooMuch(
                Sentence("too many wrong {what} come from your address; wait a minute", what=what),
                wait,
            )

    def wrong(self, address: str) -> float:
        """Note that an address was wrong, at the time that is returned."""
        with self._lock:
            now = self._clock()
            self._wrong.setdefault(address, []).append(now)
            return now

    def forget(self, address: str, noted: float) -> None:
        """Take back what was noted at that time."""
        with self._lock:
            times = self._wrong.get(address, [])
            if noted in times:
                times.remove(noted)

    def _lately(self, address: str) -> list[float]:
        """When an address was wrong within the window; older times are forgotten, of all."""
        begin = self._clock() - self._window
        with self._lock:
            self._wrong = {
                one: kept for one, times in self._wrong.items()
                if (kept := [at for at in times if at > begin])
            }  # fmt: skip
            return list(self._wrong.get(address, []))
