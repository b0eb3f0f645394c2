"""Confined processes that are ready: each request is answered by a fork of a process that has
imported what it needs, and knows nothing of the requests before."""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from backends import errors
from backends.confined.limits import Limits
from backends.confined.running import end, ending, limited, started, value
from backends.confined.worker import ALLOWED, allowed, dotted

__all__ = ["WarmProcesses"]

FORKS = hasattr(os, "fork")


@allowed
def nothing() -> None:
    """Do nothing, in a process that has imported all it needs then."""


class WarmProcesses:
    """As :func:`backends.confined.limited`, in a few milliseconds. Where the system cannot fork
    (Windows), a process is started for each call.

    :param before: called once in each process, to import what takes long; it is
        :func:`backends.confined.allowed`.
    :param count: how many there are at most, and so calls at a time.
    :param remedy: what a person shall do with a file that cannot be read.
    """

    def __init__(self, before: Callable[[], None], count: int = 2, remedy: str = "") -> None:
        self._before, self._remedy = dotted(before), remedy
        self._free = threading.BoundedSemaphore(count)
        self._idle: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()

    def start(self) -> None:
        """Have one ready before the first call."""
        if FORKS:
            self.call(nothing, "nothing", Limits())

    def call(
        self, function: Callable[..., Any], what: str, limits: Limits, **arguments: Any
    ) -> Any:
        """Call a function in such a process; the words are those of :func:`limited`."""
        if not FORKS:
            return limited(function, what, limits, **arguments)
        if ALLOWED.get(dotted(function)) is not function:
            raise ValueError(f"{dotted(function)} is not allowed to run confined")
        if not self._free.acquire(timeout=limits.patience):
            raise errors.BadInput("the studio reads other files just now; try again in a minute")
        try:
            with tempfile.TemporaryDirectory(prefix="confined-") as scratch:
                reply, told = Path(scratch) / "reply.json", Path(scratch) / "stderr"
                request = {
                    "function": dotted(function), "arguments": arguments, "reply": str(reply),
                    "limits": asdict(limits), "stderr": str(told), "before": self._before,
                }  # fmt: skip
                ended = self._ended(json.dumps(request).encode() + b"\n", limits.seconds, told)
                return value(reply, ended, what, limits, self._remedy)
        finally:
            self._free.release()

    def close(self) -> None:
        """End those that wait."""
        with self._lock:
            idle, self._idle = self._idle, []
        for process in idle:
            end(process)

    def _ended(self, request: bytes, seconds: float, told: Path) -> str:
        """Let a process answer; why it did not, which is empty where it did."""
        process = self._taken()
        try:
            code = _exchanged(process, request, seconds)
        except (OSError, ValueError) as error:  # it has died itself
            end(process)
            return f"its process ended ({error})"
        except TimeoutError:
            end(process)
            return f"it took more than {seconds:g} s"
        except BaseException:
            end(process)
            raise
        self._give_back(process)
        return ending(code, told)

    def _taken(self) -> subprocess.Popen[bytes]:
        with self._lock:
            while self._idle:
                process = self._idle.pop()
                if process.poll() is None:
                    return process
        return started(
            "serve", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=tempfile.gettempdir()
        )

    def _give_back(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._idle.append(process)


def _exchanged(process: subprocess.Popen[bytes], request: bytes, seconds: float) -> int:
    """Send a request; the exit status of the fork that answered it.

    :raises TimeoutError: it did not end in time.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(request)
    process.stdin.flush()
    line, until = b"", time.monotonic() + seconds
    while not line.endswith(b"\n"):
        left = until - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            raise TimeoutError
        more = os.read(process.stdout.fileno(), 64)
        if not more:
            raise OSError("no reply")
        line += more
    return int(line)
