"""Strangers attack a demo while an honest visitor uses it: how long that one waits, before and
during, and how much memory the studio takes. Ends with 1 where a figure is missed.

    make attack        # or: python -m benchmarks.attack --seconds 60
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

import requests
from PIL import Image

from backends import bundles
from benchmarks.demo_studio import DemoStudio, demo_studio

ELSEWHERE = 10  # niceness of the strangers' own work, which would be on other machines
HONEST, STRANGER = "7.7.7.7", "6.6.6.6"  # addresses, as a proxy names them
PREDICT, SLOWER, GROWN = 2.0, 3.0, 1.5  # asked: seconds; times the undisturbed; times the memory


@dataclass
class Attack:
    """What a stranger sends over and over; ``told`` counts the replies by their status."""

    name: str
    send: Callable[[], int]
    at_once: int = 4
    told: Counter[int] = field(default_factory=Counter)

    def go_on(self, until: float) -> None:
        """Send until a time."""
        while time.monotonic() < until:
            try:
                self.told[self.send()] += 1
            except requests.RequestException:
                self.told[0] += 1


def attacks(address: str, digit: bytes) -> list[Attack]:
    """The attacks of this suite."""
    config = requests.get(f"{address}/config", timeout=30).json()
    events = [one["id"] for one in config["dependencies"] if one["backend_fn"]]
    large = io.BytesIO()
    Image.new("L", (7000, 7000), 255).save(large, "PNG")
    blank = large.getvalue()
    counter = iter(range(10**9))

    def post(path: str, **content: Any) -> int:
        headers = {"X-Forwarded-For": STRANGER} | content.pop("headers", {})
        reply = requests.post(f"{address}{path}", headers=headers, timeout=60, **content)
        return reply.status_code

    def flood() -> int:
        number = next(counter)
        event = events[number % len(events)]
        message = {"fn_index": event, "data": [None] * 200, "session_hash": f"s{number}"}
        return post("/gradio_api/queue/join", json=message)

    def run_directly() -> int:
        number = next(counter)
        message = {"fn_index": events[number % len(events)], "data": ["x"] * 3,
                   "session_hash": f"d{number}"}  # fmt: skip
        return post("/gradio_api/run/predict", json=message)

    def explain() -> int:
        given = {"target": "7", "method": "rcsb", "settings": json.dumps({"steps": 100})}
        return post("/api/explain", data=given, files={"image": digit})

    def look() -> int:
        return post("/api/predict", files={"image": blank})

    def label() -> int:
        number = next(counter)
        body = {"project": {"name": f"p{number}", "bundle": "digits"}, "administrator": "\0"}
        paths = ["/labels/manage/projects", "/labels/join", "/labels/answers", "/labels/together"]
        return post(paths[number % 4], json=body | {"items": [number], "state": "banana"},
                    headers={"Authorization": "Bearer guess"})  # fmt: skip

    def other_site() -> int:
        return post("/gradio_api/queue/join", json={}, headers={"Origin": "https://evil.example"})

    whole = {"segmentation": {"size": [7000, 7000], "counts": [49_000_000]}}
    masks = json.dumps([whole] * 200).encode()

    def mask() -> int:
        given = {"target": "7", "method": "leapfactual"}
        return post("/api/explain", data=given, files={"image": digit, "mask": masks})

    def other_host() -> int:
        address_of_it = f"{address}/gradio_api/file=https://evil.example/x.png"
        headers = {"X-Forwarded-For": STRANGER}
        return requests.get(address_of_it, headers=headers, timeout=60).status_code

    return [
        Attack("events of ever new sessions", flood),
        Attack("events beside the queue", run_directly),
        Attack("long runs by the API", explain, 12),
        Attack("49-megapixel pictures", look),
        Attack("projects and answers of nobody", label),
        Attack("masks of gigabytes", mask),
        Attack("from another site", other_site, 1),
        Attack("for another host's answer", other_host, 1),
    ]  # fmt: skip


def _attack(address: str, digit: bytes, seconds: float) -> dict[str, Counter[int]]:
    """Let all strangers attack for so long; the replies by their status, by attack."""
    strangers, until = attacks(address, digit), time.monotonic() + seconds
    threads = [
        threading.Thread(target=one.go_on, args=(until,))
        for one in strangers for _ in range(one.at_once)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {one.name: one.told for one in strangers}


@dataclass
class Visitor:
    """Somebody honest: asks what the model says every half second, and explains in between."""

    address: str
    digit: bytes
    predictions: list[float] = field(default_factory=list)
    runs: list[float] = field(default_factory=list)

    def use(self, until: float) -> None:
        """Use the studio until a time; what is refused counts as a minute."""
        while time.monotonic() < until:
            self.predictions.append(self._timed("/api/predict", {}))
            asked = {"target": "9", "method": "leapfactual"}
            self.runs.append(self._timed("/api/explain", asked))
            time.sleep(0.5)

    def _timed(self, path: str, asked: dict[str, str]) -> float:
        start = time.perf_counter()
        try:
            reply = requests.post(
                f"{self.address}{path}", data=asked, files={"image": self.digit}, timeout=60,
                headers={"X-Forwarded-For": HONEST},
            )  # fmt: skip
        except requests.RequestException:
            return 60.0
        return time.perf_counter() - start if reply.status_code == 200 else 60.0


def main() -> None:
    """Print what the honest visitor saw, and what the strangers were told."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    bundle = bundles.get("digits")
    digit = (bundle.folder / bundle.own.examples[8].file).read_bytes()
    with demo_studio() as studio:
        missed = _compare(studio, digit, options.seconds)
    sys.exit(1 if missed else 0)


def _compare(studio: DemoStudio, digit: bytes, seconds: float) -> bool:
    address = studio.address
    before, during = Visitor(address, digit), Visitor(address, digit)
    before.use(time.monotonic() + min(seconds / 3, 20))
    quiet = studio.memory
    with ProcessPoolExecutor(1, get_context("spawn"), os.nice, (ELSEWHERE,)) as others:
        strangers = others.submit(_attack, address, digit, seconds)
        during.use(time.monotonic() + seconds)
        told = strangers.result()
    grown = studio.memory / quiet
    slower = statistics.median(during.runs) / statistics.median(before.runs)
    rows: list[dict[str, object]] = [
        {"what": "predict, slowest (s)", "undisturbed": max(before.predictions),
         "attacked": max(during.predictions), "asked": f"≤ {PREDICT:g}"},
        {"what": "a run, median (s)", "undisturbed": statistics.median(before.runs),
         "attacked": statistics.median(during.runs), "asked": f"≤ {SLOWER:g} times"},
        {"what": "memory (MB)", "undisturbed": quiet, "attacked": quiet * grown,
         "asked": f"≤ {GROWN:g} times"},
    ]  # fmt: skip
    for row in rows:
        print(", ".join(f"{name}: {value}" for name, value in row.items()))
    for name, counted in told.items():
        print(f"{name}: {dict(sorted(counted.items()))}")
    alive = studio.process.poll() is None
    return not alive or max(during.predictions) > PREDICT or slower > SLOWER or grown > GROWN


if __name__ == "__main__":
    main()
