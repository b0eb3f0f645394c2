"""The person's cache: converted parts, each with a record of what it is and where it came from.

It lies where the system keeps such things, or where ``STUDIO_CACHE`` says. A part's file name
carries its source's identity, so that another version of a bundle never takes an older file.
"""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from backends.fetching.source import Source
from backends.files import atomic_write
from backends.settings import settings

__all__ = [
    "Record",
    "archives",
    "checksum",
    "damage",
    "digest",
    "parts",
    "place",
    "record",
    "remember",
]

SETTLED = 2_000_000_000  # nanoseconds; the coarsest file systems count time in steps of two seconds


class Record(BaseModel):
    """Beside each converted file: its sha256, and what a person agreed to by fetching it."""

    sha256: str
    source: Source
    fetched_from: str
    fetched_at: str


def root() -> Path:
    """The cache's folder; it need not exist."""
    return settings().cache


def parts() -> Path:
    """Converted parts and their records."""
    return root() / "parts"


def archives() -> Path:
    """Downloads on their way, and the locks of those who work on them."""
    return root() / "archives"


def place(file: str, source: Source) -> Path:
    """Where the converted form of a part's ``file`` belongs."""
    return parts() / f"{Path(file).stem}-{source.identity}.safetensors"


def record(path: Path) -> Record | None:
    """What is known of a converted file; None when nothing readable is."""
    try:
        return Record.model_validate_json(path.with_suffix(".json").read_bytes())
    except (OSError, ValidationError):
        return None


def remember(path: Path, sha256: str, source: Source, origin: str) -> None:
    """Write a converted file's record, in one move."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    content = Record(sha256=sha256, source=source, fetched_from=origin, fetched_at=now)
    with atomic_write(path.with_suffix(".json")) as scratch:
        scratch.write_text(content.model_dump_json(indent=2) + "\n")


def damage(path: Path) -> str | None:
    """``missing`` or ``damaged``; None for a converted file that is what its record says."""
    if not path.is_file():
        return "missing"
    known = record(path)
    return None if known and known.sha256 == checksum(path) else "damaged"


def digest(path: Path) -> str:
    """sha256 of a file, in hexadecimal."""
    state = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            state.update(block)
    return state.hexdigest()


def checksum(path: Path) -> str:
    """Return the same, but read the file only once, also in later runs of the program, until its
    times, size or place on the disk change. One that changed within the last two seconds is read
    again by later runs: a change within one tick of the file system's clock would not show."""
    found = path.stat()
    state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return _checksum(path.resolve(), *state)


@lru_cache(maxsize=256)
def _checksum(path: Path, *state: int) -> str:
    place = root() / "checksums.json"
    known = _checksums(place)
    if known.get(str(path), {}).get("state") == list(state):
        return str(known[str(path)]["sha256"])
    value = digest(path)
    if time.time_ns() - max(state[-2:]) > SETTLED:
        _remember_checksum(place, path, state, value)
    return value


def _checksums(place: Path) -> dict[str, Any]:
    """Read the checksums of earlier runs; none where they cannot be read."""
    try:
        known = json.loads(place.read_bytes())
        return {path: dict(entry) for path, entry in known.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _remember_checksum(place: Path, path: Path, state: tuple[int, ...], value: str) -> None:
    """Add a checksum in one move; where the folder cannot be written, it is computed again."""
    with suppress(OSError):
        known = {name: entry for name, entry in _checksums(place).items() if Path(name).is_file()}
        known[str(path)] = {"state": list(state), "sha256": value}
        with atomic_write(place) as scratch:
            scratch.write_text(json.dumps(known), encoding="utf-8")
