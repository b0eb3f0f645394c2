"""The ended runs of the page's visitors, on the disk, for a set time.

Of each visitor a folder, named by a digest of the token that the browser keeps; in it a folder for
each run, named by the run's id, which nobody can guess: whoever has it may see the run.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from backends import service
from backends.errors import StudioError, TooMuch
from backends.files import atomic_folder
from backends.sentences import Sentence
from backends.settings import settings
from studio.runs import run_files
from studio.runs.run import Run
from studio.runs.steady_clock import steady_time
from studio.runs.store import KeptRun

__all__ = ["KeptRuns", "usual_store"]

log = logging.getLogger(__name__)
ID = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)
MEGABYTE, DAY = 1_000_000, 86_400
SWEEP = 600  # seconds between two looks at everybody's
SUMMARY = "summary.json"
DAMAGED = (
    EOFError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    zipfile.BadZipFile,
    zlib.error,
)


class KeptRuns:
    """A folder of kept runs; safe to use from several threads.

    :param folder: made when the first run is kept.
    :param days: how long a run is kept; 0 keeps none.
    :param visitor_bytes: most that one visitor's runs may take; the oldest go first.
    :param all_bytes: most that all may take together; the oldest go first.
    :param clock: seconds since the epoch.
    """

    def __init__(
        self, folder: Path, *, days: int = 30, visitor_bytes: int = 300 * MEGABYTE,
        all_bytes: int = 5000 * MEGABYTE, clock: Callable[[], float] = steady_time,
    ) -> None:  # fmt: skip
        self.folder, self.days, self._clock = folder, days, clock
        self._visitor_bytes, self._all_bytes = visitor_bytes, all_bytes
        self._writing = threading.Lock()
        self._swept = float("-inf")

    def save(self, run: Run, visitor: str) -> int:
        """Keep an answered run; what is too old or too much goes. Returns its bytes.

        :raises TooMuch: it alone is more than a visitor may keep; nothing goes then.
        :raises OSError: it cannot be written.
        """
        if not self.days or run.answer is None:
            return 0
        mine = self._of(visitor)
        with self._writing:
            if not (mine / run.id).exists():
                with atomic_folder(mine / run.id) as scratch:
                    run_files.write(scratch, run)
                    (scratch / SUMMARY).write_text(json.dumps(self._summary(scratch, run)))
                    self._require_small(_size(scratch))
            self._trim(self.of(visitor), self._visitor_bytes, keep=run.id)
            self._sweep(run.id)
        return _size(mine / run.id)

    def of(self, visitor: str) -> list[KeptRun]:
        """A visitor's runs, the newest first."""
        return self._listed(self._of(visitor)) if visitor else []

    def load(self, run_id: str) -> Run | None:
        """The run of that id, whoever's it is; None where there is none, or it is damaged."""
        place = self._place(run_id)
        if place is None or self._old(place):
            return None
        try:
            return run_files.read(place)
        except DAMAGED:
            log.warning("the kept run %s is damaged and cannot be shown", place)
            return None

    def sweep(self) -> None:
        """Remove what is too old or too much, also where nobody keeps anything new."""
        with self._writing:
            self._swept = float("-inf")
            if self.folder.is_dir():
                self._sweep("")

    def delete(self, run_id: str, visitor: str) -> bool:
        """Remove a visitor's run; False where it is not theirs, or not there."""
        place = self._place(run_id)
        if not visitor or place is None or place.parent != self._of(visitor):
            return False
        with self._writing:
            _remove(place)
        return True

    def _require_small(self, size: int) -> None:
        most = min(self._visitor_bytes, self._all_bytes)
        if size > most:
            raise TooMuch(
                Sentence(
                    "this answer takes {size:.1f} MB, and at most {most:.1f} MB of each visitor "
                    "are kept; download it",
                    size=size / MEGABYTE,
                    most=most / MEGABYTE,
                )
            )

    def _of(self, visitor: str) -> Path:
        """A visitor's folder. The token itself is not on the disk: it opens the list."""
        return self.folder / hashlib.sha256(visitor.encode()).hexdigest()[:32]

    def _place(self, run_id: str) -> Path | None:
        if not ID.fullmatch(run_id) or not self.folder.is_dir():
            return None
        places = (owner / run_id for owner in self.folder.iterdir())
        return next((place for place in places if place.is_dir()), None)

    def _summary(self, folder: Path, run: Run) -> dict[str, Any]:
        assert run.answer is not None
        record, request = run.answer.record, run.request
        return {
            "id": run.id, "ended": self._clock(), "bundle": request.bundle,
            "method": request.method, "source": record["factual"]["label"],
            "target": record["target"], "region": request.region, "status": record["status"],
            "brought": run.brought, "size": _size(folder), "model": request.model,
            "changed": _changed(run),
        }  # fmt: skip

    def _listed(self, mine: Path) -> list[KeptRun]:
        found = list(self._read_summaries(mine))
        return sorted(found, key=lambda kept: kept.ended, reverse=True)

    def _read_summaries(self, mine: Path) -> Iterator[KeptRun]:
        """Those that can be read and are not too old."""
        for place in mine.iterdir() if mine.is_dir() else ():
            try:
                said = json.loads((place / SUMMARY).read_text())
                kept = KeptRun(**said, thumbnail=place / run_files.THUMBNAIL)
                if place.name == kept.id and kept.ended > self._oldest():
                    yield kept
            except DAMAGED:
                continue

    def _oldest(self) -> float:
        return self._clock() - self.days * DAY

    def _old(self, place: Path) -> bool:
        try:
            return bool(json.loads((place / SUMMARY).read_text())["ended"] <= self._oldest())
        except DAMAGED:
            return True

    def _trim(self, newest_first: list[KeptRun], most: int, keep: str) -> None:
        """Remove the oldest beyond so many bytes; never the one that was just written."""
        total = 0
        for kept in newest_first:
            total += kept.size
            if total > most and kept.id != keep:
                _remove(kept.thumbnail.parent)
                total -= kept.size

    def _sweep(self, keep: str) -> None:
        """Now and then look at everybody's: what is too old, damaged or too much goes."""
        if self._clock() - self._swept < SWEEP:
            return
        self._swept = self._clock()
        for mine in list(self.folder.iterdir()):
            for place in list(mine.iterdir()) if mine.is_dir() else ():
                # Another studio of the same folder may be writing one just now.
                if self._old(place) and place.stat().st_mtime < self._clock() - SWEEP:
                    _remove(place)
            if mine.is_dir() and not any(mine.iterdir()):
                _remove(mine)
        everybody = [kept for mine in self.folder.iterdir() for kept in self._listed(mine)]
        everybody.sort(key=lambda kept: kept.ended, reverse=True)
        self._trim(everybody, self._all_bytes, keep)


def usual_store() -> KeptRuns:
    """Where the settings say.

    :raises BadInput: a setting cannot be what it is.
    """
    found = settings()
    return KeptRuns(
        found.runs, days=found.keep_days, visitor_bytes=found.visitor_megabytes * MEGABYTE,
        all_bytes=found.runs_megabytes * MEGABYTE,
    )  # fmt: skip


def _changed(run: Run) -> dict[str, str]:
    """Return the settings that differ from the bundle's own; none where the bundle is not here."""
    assert run.answer is not None
    used = run.answer.record["settings"]
    try:
        found = service.changed_settings(run.request.bundle, run.request.method, used)
    except StudioError:
        return {}
    return {key: str(value) for key, value in found.items()}


def _size(folder: Path) -> int:
    """Bytes of a run's files."""
    return sum(path.stat().st_size for path in folder.iterdir())


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)
