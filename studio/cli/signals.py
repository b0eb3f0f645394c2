"""End a program by SIGINT or SIGTERM: clean up, then exit with 128 and the signal's number."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn, TypeVar

__all__ = ["Interrupted", "interruptible"]

AGAIN = 0.05  # seconds until a signal that was lost is sent again
PAUSE = 5.0  # seconds to clean up before the next signal counts
T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(SystemExit):
    """A signal asked for the end. Not a KeyboardInterrupt, which typer and gradio catch."""


def interruptible(command: Callable[[], T]) -> T:
    """Run a command, in which a signal raises :class:`Interrupted`, so that its ``with`` and
    ``finally`` blocks remove what is unfinished; then end the process.

    Python's own way to exit would run while the engine's thread is inside torch, whose C++ ends
    the process with SIGABRT when such a thread is cut off.

    :param command: what the program does; call this on the main thread.
    :returns: what the command returns.
    """
    try:
        with _raising():
            return command()
    except Interrupted as end:
        _exit(int(end.code or 0))


@contextmanager
def _raising() -> Iterator[None]:
    """Let signals raise inside; outside what they did before."""
    latest = -PAUSE

    def on_signal(number: int, _: FrameType | None) -> None:
        nonlocal latest
        now = time.monotonic()
        # Ctrl-C reaches a process twice under some shells and make; the clean-up must go on.
        if now - latest >= PAUSE:
            latest = now
            raise Interrupted(128 + number)

    def on_unraisable(found: sys.UnraisableHookArgs) -> None:
        """Send the signal again that came while an object was destroyed, where nothing can be
        raised."""
        nonlocal latest
        if not isinstance(found.exc_value, Interrupted):
            hook(found)
            return
        latest = -PAUSE
        number = int(found.exc_value.code or 0) - 128
        threading.Timer(AGAIN, os.kill, (os.getpid(), number)).start()

    earlier = {number: signal.signal(number, on_signal) for number in SIGNALS}
    hook, sys.unraisablehook = sys.unraisablehook, on_unraisable
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _exit(code: int) -> NoReturn:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a closed pipe
            stream.flush()
    os._exit(code)
