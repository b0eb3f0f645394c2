"""Fetching a bundle's parts while the page goes on: a thread for each pull, which any open page may
watch or stop. It waits for a network, so it keeps away from the engine's device."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from backends.errors import StudioError
from backends.sentences import Sentence
from studio.runs.background_tasks import Watched

__all__ = ["Pull", "Pulls"]

log = logging.getLogger(__name__)


@dataclass
class Pull(Watched):
    """One pull of one or several bundles, written by its thread and read by anyone.

    :ivar progress: the newest of :func:`backends.service.pull`.
    """

    names: tuple[str, ...]
    progress: dict[str, Any] | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Ask for the end; what has arrived is kept for the next pull."""
        self._stop.set()

    def carry_out(self, fetch: Callable[[str], Generator[dict[str, Any], None, None]]) -> None:
        """Run to an end; raises nothing."""
        try:
            for name in self.names:
                with closing(fetch(name)) as steps:
                    for self.progress in steps:
                        if self._stop.is_set():
                            self.state = "stopped"
                            return
            self.state = "done"
        except StudioError as error:
            self.state, self.reason = "failed", str(error)
        except Exception as error:  # nobody waits for the thread: log it here
            log.exception("a pull failed")
            reason = Sentence("the pull failed inside ({error}); try again", error=error)
            self.state, self.reason = "failed", reason


class Pulls:
    """The pulls of this process.

    :param fetch: ``backends.service.pull``.
    """

    def __init__(self, fetch: Callable[[str], Generator[dict[str, Any], None, None]]) -> None:
        self._fetch = fetch
        self._going: dict[tuple[str, ...], Pull] = {}
        self._lock = threading.Lock()

    def start(self, names: Sequence[str]) -> Pull:
        """The pull of these bundles that goes on already, or a new one."""
        key = tuple(names)
        with self._lock:
            pull = self._going.get(key)
            if pull is None or pull.state != "going":
                pull = self._going[key] = Pull(key)
                threading.Thread(
                    target=pull.carry_out, args=[self._fetch], name="pull", daemon=True
                ).start()
        return pull

    def stop(self, names: Sequence[str]) -> None:
        """Stop what is fetched for any of these bundles."""
        with self._lock:
            for pull in self._going.values():
                if set(pull.names) & set(names):
                    pull.stop()
