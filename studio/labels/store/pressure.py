"""How many may wait for a store that does not answer: each waits in a thread, of which a studio has
few, and other people's predictions need them."""

from __future__ import annotations

import threading
import time
from types import TracebackType

__all__ = ["Pressure", "Stuck"]

AT_ONCE = 4  # writers of one process
STUCK = 2.0  # seconds without an end of a write, after which nobody else waits


class Stuck(Exception):
    """The store has ended no write for long, and enough others wait for it."""


class Pressure:
    """Let some in; others wait their turn for as long as those get on.

    :raises Stuck: they do not.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._latest = 0.0  # when one ended, or the first came in

    def __enter__(self) -> None:
        with self._changed:
            if not self._inside:
                self._latest = time.monotonic()
            while self._inside >= AT_ONCE:
                left = self._latest + STUCK - time.monotonic()
                if left <= 0:
                    raise Stuck
                self._changed.wait(left)
            self._inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        with self._changed:
            self._inside -= 1
            self._latest = time.monotonic()
            self._changed.notify_all()
