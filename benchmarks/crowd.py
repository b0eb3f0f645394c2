"""Eight people label at once over HTTP while the studio is killed again and again: nothing that was
acknowledged may be missing, nothing may be there twice.

Each person confuses digits in a way of their own, skips some and takes some answers back. A message
without a reply is sent again, as the page does.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from backends import bundles
from benchmarks.digits import pictures as test_pictures
from benchmarks.digits import table
from studio.labels.store import pictures, projects, responses
from studio.labels.store.database import Database
from studio.labels.store.records import DISCARDED, DRAFT, SUBMITTED, Setup
from studio.ui.serving import free_port
from tests.postgres import server

ROOT = Path(__file__).parent.parent
CLASSES = [str(digit) for digit in range(10)]
PATIENCE = 120.0  # seconds without a reply after which a person gives up


@dataclass
class Studio:
    """A running studio that can be killed and started again on the same port."""

    place: str
    port: int = field(default_factory=lambda: free_port("127.0.0.1"))
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        settings = {"STUDIO_PORT": str(self.port), "STUDIO_DATABASE": self.place}
        log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long as the studio
        self.process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=os.environ | settings, stdout=log, stderr=log
        )
        while True:
            with contextlib.suppress(OSError):
                requests.get(f"{self.address}/labels/projects", timeout=5)
                return
            if self.process.poll() is not None:
                log.seek(0)
                raise SystemExit(f"the studio ended by itself: {log.read()[-2000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        """As the power would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@dataclass
class Person:
    """One of the crowd: what they would say, and what was acknowledged to them, by request."""

    name: str
    address: str
    truth: dict[str, int]
    draws: random.Random
    code: str = ""
    acknowledged: dict[str, tuple[int, str | None, str]] = field(default_factory=dict)
    resent: int = 0
    slowest: float = 0.0

    def call(self, path: str, **body: Any) -> dict[str, Any]:
        """A message, until it is answered."""
        begun = time.monotonic()
        while True:
            sent = time.monotonic()
            try:
                reply = requests.post(
                    f"{self.address}/labels/{path}", json=body, timeout=10,
                    headers={"Authorization": f"Bearer {self.code}"},
                )  # fmt: skip
                if reply.status_code < 500:
                    reply.raise_for_status()
                    self.slowest = max(self.slowest, time.monotonic() - sent)
                    return reply.json()
            except (requests.ConnectionError, requests.Timeout):
                pass
            if time.monotonic() - begun > PATIENCE:
                raise SystemExit(f"{self.name} got no reply in {PATIENCE:.0f} s")
            self.resent += 1
            time.sleep(0.05)

    def say(self, digit: int) -> tuple[str | None, str]:
        """Value and state: this person takes one digit for another in a third of the cases."""
        confused = int(self.name[1:])
        luck = self.draws.random()
        if luck < 0.02:
            return None, DISCARDED
        if luck < 0.04:
            return None, SUBMITTED
        wrong = digit == confused and luck < 0.36
        return CLASSES[(digit + 1) % 10 if wrong else digit], SUBMITTED

    def work(self) -> None:
        """Label until nothing is left."""
        held = self.call("next", ahead=2)["items"]
        while held:
            item = held[0]
            request = f"{self.draws.getrandbits(96):x}"
            value, state = self.say(self.truth[item["picture"]])
            reply = self.call(
                "answers", item=item["id"], value=value, state=state, request=request, ahead=2
            )
            self.acknowledged[request] = (item["id"], value, state)
            if self.draws.random() < 0.02:
                request = f"{self.draws.getrandbits(96):x}"
                reply = self.call("undo", request=request, ahead=2)
                self.acknowledged[request] = (reply["item"], value, DRAFT)
            held = reply["items"]


def main() -> None:
    """Print what was acknowledged, stored, lost and doubled, on both databases."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", help="folder with MNIST's idx files; else the bundle's own")
    parser.add_argument("--count", type=int, default=2000, help="test pictures")
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--database", action="append", help="file or address; else one of each")
    options = parser.parse_args()
    test = test_pictures(bundles.find("digits"), options.data, options.count)
    rows = []
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        places = options.database or [f"{folder}/labels.db", stack.enter_context(server())]
        for place in places:
            rows.append(crowd(place, test, options.count, options.people, options.kills))
            print(rows[-1], file=sys.stderr)
    table("crowd", rows)


def crowd(place: str, test: Any, count: int, people: int, kills: int) -> dict[str, object]:
    """Let a crowd label; one line of the table."""
    database = Database(place)
    project, _ = projects.create(
        database, Setup(name="crowd", bundle="digits", classes=CLASSES), "Ada"
    )
    arrays = test.pictures[:count].permute(0, 2, 3, 1).numpy()
    pictures.add(database, project, [(f"{n}", array) for n, array in enumerate(arrays)])
    truth = {pictures.digest(array): int(y) for array, y in zip(arrays, test.labels, strict=False)}
    studio = Studio(place)
    studio.start()
    crowd = [Person(f"p{n}", studio.address, truth, random.Random(n)) for n in range(people)]
    for person in crowd:
        person.code = person.call("join", project="crowd", name=person.name)["code"]
    threads = [threading.Thread(target=person.work) for person in crowd]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    killed, down = 0, 0.0
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.02)
        said = sum(len(person.acknowledged) for person in crowd)
        if killed < kills and said >= count * (killed + 1) / (kills + 1):
            pause = time.monotonic()
            studio.kill()
            studio.start()
            killed, down = killed + 1, down + time.monotonic() - pause
    seconds = time.monotonic() - begun
    studio.kill()
    missing, doubled, open_ = verdict(database, project, crowd)
    database.close()
    return {
        "database": "PostgreSQL" if "://" in place else "SQLite",
        "people": people,
        "pictures": len(truth),
        "killed": killed,
        "acknowledged": sum(len(person.acknowledged) for person in crowd),
        "sent again": sum(person.resent for person in crowd),
        "missing": missing,
        "doubled": doubled,
        "pictures left": open_,
        "labels a second, while up": said / (seconds - down),
    }


def verdict(database: Database, project: Any, crowd: list[Person]) -> tuple[int, int, int]:
    """Acknowledged and not stored as acknowledged; stored more than once, or unasked; left over."""
    stored = responses.standing(database, project, history=True)
    said: Counter[tuple[object, ...]] = Counter(
        (r.annotator, r.item_id, r.value, r.state) for r in stored
    )
    acknowledged: Counter[tuple[object, ...]] = Counter(
        (person.name, *what) for person in crowd for what in person.acknowledged.values()
    )
    missing, more = acknowledged - said, said - acknowledged
    standing = responses.standing(database, project)
    twice = len(standing) - len({(r.annotator, r.item_id) for r in standing})
    votes = Counter(r.item_id for r in standing if r.state == SUBMITTED)
    shared = sum(number - 1 for number in votes.values())
    left = len(pictures.items(database, project)) - len(votes)
    return missing.total(), more.total() + twice + shared, left


if __name__ == "__main__":
    main()
