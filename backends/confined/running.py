"""Run a function in a confined process, and tell in a sentence how that went wrong."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from backends import errors
from backends.confined.limits import Limits
from backends.confined.worker import ALLOWED, dotted

__all__ = ["AT_ONCE", "end", "ending", "limited", "started", "value"]

AT_ONCE = 2  # confined processes of one studio
SHOWN = 4000  # bytes of what a process complained about that the log gets
LONGEST = 2000  # characters of a message; one may repeat a cell of the file
# Isolated, so that neither the working folder nor the environment adds modules; the path is ours.
START = "import sys; sys.path[:] = sys.argv[1:]; from backends.confined.worker import {0}; {0}()"
# What a process needs to start; secrets such as tokens and the store's address stay out.
KEPT = (
    "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "USERPROFILE", "LOCALAPPDATA",
    "APPDATA",
)  # fmt: skip
# Each thread of a pool, and each arena of its allocator, would reserve addresses of its own.
FEW_THREADS = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    "ARROW_IO_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2",
}  # fmt: skip

log = logging.getLogger(__name__)
_running = threading.BoundedSemaphore(AT_ONCE)


def limited(
    function: Callable[..., Any], what: str, limits: Limits | None = None, **arguments: Any
) -> Any:
    """Call a function in a process of its own.

    :param function: marked with :func:`allowed`; a module's own, whose import is quick.
    :param what: the name of what is read, for the message.
    :param arguments: JSON values.
    :raises StudioError: as the function raises it.
    :raises BadInput: the function failed, its process died or took too long or too much, or too
        many others run.
    """
    limits = limits or Limits()
    name = dotted(function)
    if ALLOWED.get(name) is not function:
        raise ValueError(f"{name} is not allowed to run confined")
    with _turn(limits.patience), tempfile.TemporaryDirectory(prefix="confined-") as scratch:
        reply = Path(scratch) / "reply.json"
        request = {
            "function": name, "arguments": arguments, "limits": asdict(limits),
            "reply": str(reply),
        }  # fmt: skip
        ended = _run(json.dumps(request).encode(), Path(scratch), limits.seconds)
        return value(reply, ended, what, limits)


@contextlib.contextmanager
def _turn(patience: float) -> Iterator[None]:
    if not _running.acquire(timeout=patience):
        raise errors.BadInput(
            "the studio reads {at_once} other files just now; try again in a minute",
            at_once=AT_ONCE,
        )
    try:
        yield
    finally:
        _running.release()


def _run(request: bytes, scratch: Path, seconds: float) -> str:
    """Run the process to its end; why it ended, which is empty where it ended well."""
    complaints = scratch / "stderr"
    with complaints.open("wb") as told:
        process = started("main", stdout=subprocess.DEVNULL, stderr=told, cwd=scratch)
        try:
            process.communicate(request, timeout=seconds)
        except subprocess.TimeoutExpired:
            return f"it took more than {seconds:g} s"
        finally:
            end(process)
    return ending(process.returncode, complaints)


def started(entry: str, **streams: Any) -> subprocess.Popen[bytes]:
    """Start a Python that runs a function of :mod:`backends.confined.worker`.

    :param streams: of :class:`subprocess.Popen`, and its working folder.
    """
    environment = {key: os.environ[key] for key in KEPT if key in os.environ} | FEW_THREADS
    environment["PYDANTIC_DISABLE_PLUGINS"] = "1"  # looking for some takes as long as all the rest
    paths = [os.path.abspath(path) for path in sys.path]  # "" is the working folder
    return subprocess.Popen(  # nosec B603 # our own Python, no shell, and no word of a visitor
        [sys.executable, "-I", "-S", "-X", "utf8", "-c", START.format(entry), *paths],
        stdin=subprocess.PIPE, env=environment,
        start_new_session=True,  # a person's Ctrl-C is for us, and we end it
        **streams,
    )  # fmt: skip


def ending(code: int, complaints: Path) -> str:
    """Why a process ended, with the last of its complaints; empty where it ended well."""
    if not code:
        return ""
    shown = ""
    with contextlib.suppress(OSError), complaints.open("rb") as file:
        file.seek(max(0, complaints.stat().st_size - SHOWN))
        shown = file.read().decode(errors="replace").strip()
    return f"its process ended with {code}: {shown}"


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and whatever it started, if they have not ended."""
    if process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


SMALLER = "export it again, or in smaller parts"


def value(reply: Path, ended: str, what: str, limits: Limits, remedy: str = SMALLER) -> Any:
    """What the process answered, which is as little to be trusted as what it read."""
    found: Any = None
    if not ended:
        with contextlib.suppress(OSError, ValueError, RecursionError):
            if reply.stat().st_size <= limits.reply:
                found = json.loads(reply.read_bytes())
    found = found if isinstance(found, dict) else {}
    if "value" in found:
        return found["value"]
    if isinstance(found.get("says"), str):
        raise _error(found.get("error"))(found["says"][:LONGEST])
    log.warning("%s could not be read: %s", what, ended or found.get("failed") or "no reply")
    raise errors.BadInput(
        "{what} cannot be read: it is damaged, or needs more memory or time than the studio "
        "allows; {remedy}",
        what=what,
        remedy=remedy,
    )


def _error(name: Any) -> type[errors.StudioError]:
    kind = getattr(errors, name, None) if name in errors.__all__ else None
    return kind if isinstance(kind, type) else errors.StudioError
