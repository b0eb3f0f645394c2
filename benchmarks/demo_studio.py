"""A studio in demo mode, in a process of its own, for benchmarks that visit it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from studio.ui.serving import free_port

__all__ = ["DemoStudio", "demo_studio"]

ROOT = Path(__file__).parent.parent
WARM = 10.0  # seconds in which the bundle's networks are loaded


@dataclass(frozen=True)
class DemoStudio:
    """A running studio.

    :ivar home: folder of all that it keeps, scratch files included.
    """

    address: str
    process: subprocess.Popen[bytes]
    home: Path

    @property
    def log(self) -> Path:
        """The file of what it says."""
        return self.home / "log.txt"

    @property
    def memory(self) -> float:
        """Megabytes that its processes have in memory; what several share counts once (Linux)."""
        found = 0
        own = psutil.Process(self.process.pid)
        for process in [own, *own.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                found += process.memory_full_info().pss
        return found / 2**20

    @property
    def disk(self) -> float:
        """Megabytes of its files."""
        found = 0
        for path in self.home.rglob("*"):
            try:
                found += path.stat().st_size if path.is_file() else 0
            except OSError:  # removed meanwhile
                continue
        return found / 1e6

    def going(self) -> int:
        """How many runs wait or are computed."""
        text = requests.get(f"{self.address}/metrics", timeout=30).text
        lines = [line for line in text.splitlines() if line.startswith("studio_runs_going{")]
        return int(sum(float(line.split()[-1]) for line in lines))


@contextmanager
def demo_studio(warm: float = WARM, /, **environment: str) -> Iterator[DemoStudio]:
    """A studio that is ready, with such further settings; ended afterwards.

    :param warm: seconds to wait for its networks.
    """
    port = free_port("127.0.0.1")
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "scratch").mkdir()
        settings = {
            "STUDIO_PORT": str(port), "STUDIO_MODE": "demo", "STUDIO_HOME": str(home),
            "TMPDIR": str(home / "scratch"),
        }  # fmt: skip
        with (home / "log.txt").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "app.py"], cwd=ROOT, env=os.environ | settings | environment,
                stdout=log, stderr=log,
            )  # fmt: skip
        try:
            _wait_for(address, process, home / "log.txt")
            time.sleep(warm)
            yield DemoStudio(address, process, home)
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    while True:
        if process.poll() is not None:
            raise SystemExit(f"the studio ended by itself: {log.read_text()[-2000:]}")
        try:
            if requests.get(f"{address}/healthz", timeout=5).ok:
                break
        except requests.RequestException:
            time.sleep(0.5)
