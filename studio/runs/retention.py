"""What is deleted by its age: a thread that looks now and then, and never at once what is new."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from studio.runs.steady_clock import steady_time

__all__ = ["DAY", "Sweeper", "remove_older"]

log = logging.getLogger(__name__)
DAY = 86_400
PAUSE = 3600.0  # seconds between two looks


def remove_older(folder: Path, days: float, clock: Callable[[], float] = steady_time) -> int:
    """Remove the files below a folder that were written more than so many days ago, and the
    folders that are empty then; how many files.

    :param days: 0 removes nothing.
    """
    if days <= 0 or not folder.is_dir():
        return 0
    oldest, removed = clock() - days * DAY, 0
    for path in sorted(folder.rglob("*"), reverse=True):  # what is in a folder before it
        with suppress(OSError):  # another thread may be writing or removing it
            if path.is_symlink() or path.is_file():
                if path.lstat().st_mtime < oldest:
                    path.unlink()
                    removed += 1
            elif path.stat().st_mtime < oldest and not any(path.iterdir()):
                path.rmdir()
    return removed


class Sweeper:
    """Calls what deletes old things, one after another, now and then.

    :param sweeps: by name, for the log; one that fails does not keep the others from theirs.
    :param pause: seconds between two rounds; the first comes after the first pause.
    """

    def __init__(self, sweeps: Mapping[str, Callable[[], object]], pause: float = PAUSE) -> None:
        self._sweeps, self._pause = dict(sweeps), pause
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End before the next round."""
        self._ended.set()

    def sweep(self) -> None:
        """Do one round."""
        for name, sweep in self._sweeps.items():
            try:
                done = sweep()
                if done:
                    log.info("old %s deleted: %s", name, done)
            except Exception:
                log.exception("old %s could not be deleted", name)

    def _run(self) -> None:
        while not self._ended.wait(self._pause):
            self.sweep()
