"""Send every door of the studio inputs that nobody should send. Ends with 1 where one of them gave
a traceback, took over 20 seconds, ended the process, or left a file outside its folder.

    python -m benchmarks.fuzz                         # 50 000 inputs
    python -m benchmarks.fuzz --inputs 1 --from 4711 --door masks     # one of them again
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.fuzz.doors import DOORS

ROOT = Path(__file__).parent.parent.parent
HANG = 20.0  # seconds for an input
START = 120.0  # seconds until a door is open and its first input, which loads networks, is tried
LOOK = 0.2  # seconds between two looks at a worker
HOMES = ("STUDIO_HOME", "STUDIO_MODELS", "STUDIO_PARTS", "STUDIO_BUNDLES", "STUDIO_RUNS")


@dataclass
class Door:
    """What the inputs of one door came to."""

    name: str
    inputs: int = 0
    faults: list[dict[str, Any]] = field(default_factory=list)
    taken: int = 0
    refused: int = 0
    slowest: float = 0.0
    seconds: float = 0.0

    def row(self) -> str:
        """A line of the printed table."""
        kinds = [one["kind"] for one in self.faults]
        counted = ", ".join(
            f"{kinds.count(kind)} {kind}" for kind in ("traceback", "hang", "death", "file outside")
        )
        return (
            f"{self.name}: {self.inputs} inputs, {self.taken} taken, {self.refused} refused in a "
            f"sentence; {counted}; slowest {self.slowest:.1f} s; {self.seconds:.0f} s in all"
        )


def tried(name: str, seed: int, first: int, inputs: int) -> Door:
    """Try a door's inputs in a folder of its own."""
    door, begun, last = Door(name, inputs), time.monotonic(), first + inputs
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        work, notes, home = (Path(folder, part) for part in ("work", "notes", "home"))
        for made in (work, notes, home, home / "tmp"):
            made.mkdir()
        before = _files(Path(folder), work, home, notes), _files(ROOT)
        at = first
        while at < last:
            ended = _worker(name, seed, at, last, work, notes, home)
            number = int((notes / "at").read_text() or at) if (notes / "at").exists() else at
            if ended is None:
                break
            door.faults.append({"number": number, "kind": ended})
            at = number + 1
        after = _files(Path(folder), work, home, notes), _files(ROOT)
        for was, now in zip(before, after, strict=True):
            door.faults += [{"kind": "file outside", "said": str(p)} for p in sorted(now - was)]
        door.faults += _lines(notes / "faults.jsonl")
        for told in _lines(notes / "told.jsonl"):
            door.taken += told["taken"]
            door.refused += told["refused"]
            door.slowest = max(door.slowest, told["slowest"])
    door.seconds = time.monotonic() - begun
    return door


def _worker(
    name: str, seed: int, first: int, last: int, work: Path, notes: Path, home: Path
) -> str | None:
    """Run a worker to its end; says "hang" or "death" where it has another than its own."""
    (notes / "at").unlink(missing_ok=True)  # of the one before
    places = {key: str(home / key.lower()) for key in HOMES}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.fuzz.worker", name, str(seed), str(first), str(last),
         str(notes)],
        cwd=work, start_new_session=True,
        env=os.environ | places | {
            "PYTHONPATH": str(ROOT), "TMPDIR": str(home / "tmp"), "HOME": str(home),
            "STUDIO_DATABASE": str(home / "labels.db"),
        },
    )  # fmt: skip
    # Counted in looks, not by the clock: while the machine is suspended, the worker is, too.
    seen, waited, begun = "", 0.0, f"{first:9d}"
    while process.poll() is None:
        time.sleep(LOOK)
        waited += LOOK
        at = (notes / "at").read_text() if (notes / "at").exists() else ""
        if at != seen:
            seen, waited = at, 0.0
        elif waited > (START if seen in ("", begun) else HANG):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return "hang"
    return "death" if process.returncode else None


def _files(folder: Path, *without: Path) -> set[Path]:
    kept = {".git", ".venv", "__pycache__", ".ruff_cache", ".mypy_cache", ".pytest_cache"}
    found = set()
    for path, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if f not in kept and Path(path, f) not in without]
        found |= {Path(path, name) for name in names}
    return found


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def main() -> None:
    """Print a line for each door, and what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=50_000, help="in all")
    parser.add_argument("--door", choices=DOORS, help="all of them at this one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--from", type=int, default=0, dest="first", help="number of the first")
    options = parser.parse_args()
    shares = {options.door: 1.0} if options.door else {name: d[0] for name, d in DOORS.items()}
    whole, wrong = sum(shares.values()), 0
    for name, share in shares.items():
        door = tried(name, options.seed, options.first, round(options.inputs * share / whole))
        print(door.row(), flush=True)
        for fault in door.faults:
            print(json.dumps(fault), flush=True)
        wrong += len(door.faults)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
