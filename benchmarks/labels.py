"""How long a large label set takes: 10 000 pictures, ten people who labelled all of them."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np

from benchmarks.digits import table
from benchmarks.page import served
from studio.labels import exchange
from studio.labels.api import AHEAD
from studio.labels.stats import agreement
from studio.labels.store import (  # fmt: skip
    history,
    pictures,
    projects,
    queue,
    responses,
    suggestions,
)
from studio.labels.store.database import Database
from studio.labels.store.records import Annotator, Order, Project, Setup, Suggestion
from studio.labels.store.responses import Submission
from studio.ui.serving import free_port
from tests.postgres import server

FORMS = {
    "csv": "labels.csv",
    "jsonl": "labels.jsonl",
    "label-studio": "labels.json",
    "datasets": "labels",
}
LEFT = 300


def main() -> None:
    """Fill a store, measure it, write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--database", help="postgresql://...; else a server of our own")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for place in (
            str(scratch / "labels.db"),
            options.database or stack.enter_context(server()),
        ):
            folder = scratch / f"files{len(rows)}"
            folder.mkdir()
            store = Database(place)
            project = filled(store, options.items, options.people)
            told = [row for measure in MEASURES for row in measure(store, project, folder)]
            told += on_screen(store, project, options.chromium)
            rows += [{"store": store.engine.dialect.name, **row} for row in told]
            store.close()
    table("labels", rows)


def filled(store: Database, items: int, people: int) -> Project:
    """A project of random digits' size in which everyone labelled everything, but the first
    person, who has some pictures left."""
    rng = np.random.default_rng(0)
    classes = [str(n) for n in range(10)]
    name = f"benchmark {time.time():.0f}"
    project, _ = projects.create(store, Setup(name=name, bundle="digits", classes=classes), "Ada")
    names = [f"p{n}" for n in range(people)]
    ids = [projects.invite(store, project, name).annotator.id for name in names]
    pictures.add(store, project, drawn(rng, items))
    truth = {item.id: int(rng.integers(10)) for item in pictures.items(store, project)}
    rows = [
        {
            "item_id": item, "annotator_id": person, "kind": "label", "state": "submitted",
            "value": classes[true if rng.random() < 0.8 else int(rng.integers(10))], "note": "",
            "seconds": float(rng.gamma(2)), "via": "page", "request": f"{item}",
            "created": 1.7e9 + item + person / 100,
        }
        for place, (item, true) in enumerate(truth.items())
        for person in ids
        if person != ids[0] or place < items - LEFT
    ]  # fmt: skip
    with store.write() as connection:
        history.append(connection, projects.locked(connection, project.id), rows)
    return projects.find(store, name)


def drawn(rng: np.random.Generator, count: int) -> Iterator[tuple[str, np.ndarray]]:
    """Pictures 32x32 of a stroke on black, which PNG packs about as well as digits."""
    y, x = np.mgrid[:32, :32]
    for number in range(count):
        angle, shift = rng.uniform(0, np.pi), rng.uniform(-6, 6)
        far = np.abs((x - 16) * np.sin(angle) - (y - 16) * np.cos(angle) + shift)
        stroke = (far < 2) & (np.hypot(x - 16, y - 16) < rng.uniform(8, 12))
        ink = stroke * rng.integers(128, 256, (32, 32))
        yield f"{number:05d}.png", ink.astype(np.uint8)[..., None]


def exports(store: Database, project: Project, folder: Path) -> list[dict[str, object]]:
    """Every format, written and read into a project of another name."""
    rows = []
    for form, name in FORMS.items():
        path = folder / name
        rows.append(row(project, f"export, {form}", timed(
            partial(exchange.export, store, project, path, form)
        ), "≤ 10 s"))  # fmt: skip
        rows.append(row(project, f"import, {form}", timed(
            partial(exchange.import_labels, store, f"{project.name} {form}", path, form)
        ), ""))  # fmt: skip
    return rows


def counts(store: Database, project: Project, folder: Path) -> list[dict[str, object]]:
    """The administrator's figures."""
    first, then = (timed(lambda: agreement.report(store, project)) for _ in range(2))
    return [
        row(project, "agreement, with its libraries' loading", first, ""),
        row(project, "agreement", then, "≤ 2 s"),
    ]


def following(store: Database, project: Project, folder: Path) -> list[dict[str, object]]:
    """An answer stored and the next picture chosen, as the studio does between two pictures, in
    every order; by somebody to whom all pictures are new, and by somebody who has seen all but a
    few hundred."""
    suggested(store, project)
    rows = []
    people = projects.people(store, project)
    fresh = projects.invite(store, project, "fresh").annotator
    for order in get_args(Order):
        setup = project.setup.model_copy(update={"order": order, "votes": len(people) + 2})
        project = projects.change(store, project, setup)
        for who, person in (("all are new", fresh), ("few are left", people[1])):
            rows.append(
                row(project, f"next picture, {order}, {who}", waits(store, person), "≤ 0.1 s")
            )
    return rows


def suggested(store: Database, project: Project) -> None:
    """Give every picture a model's opinion."""
    rng = np.random.default_rng(1)
    said = []
    for item in pictures.items(store, project):
        p = rng.dirichlet(np.full(len(project.classes), 0.3))
        shares = dict(zip(project.classes, p.tolist(), strict=True))
        best = max(shares, key=shares.__getitem__)
        said.append(Suggestion(item.id, "benchmark", "", best, shares[best], shares))
    suggestions.add(store, project, said)


def waits(store: Database, person: Annotator) -> list[float]:
    """Seconds of 50 answers, each with the choice of what comes next."""
    times = []
    held = queue.following(store, person, AHEAD)
    for _ in range(50):
        if not held:
            break
        said = Submission(held[0].id, "7", secrets.token_hex(8))

        def one(said: Submission = said) -> None:
            nonlocal held
            responses.answer(store, person, said)
            held = queue.following(store, person, AHEAD)
            queue.progress(store, person)

        times.append(timed(one))
    return times


def on_screen(store: Database, project: Project, chromium: str) -> list[dict[str, object]]:
    """From the key to the next picture, in Chromium, at two answers a second."""
    access = projects.invite(store, project, "screen")
    port = str(free_port("127.0.0.1"))
    os.environ["STUDIO_DATABASE"] = store.engine.url.render_as_string(hide_password=False)
    with served("digits", port, chromium) as (page, _):
        page.get_by_role("tab", name="Label").click()
        page.get_by_text("I have an access code").click()
        page.locator("#label-code input").fill(access.code)
        page.locator("#label-enter").click()
        page.wait_for_selector(".labelling:not(.closed) #label-image[src]")
        page.wait_for_timeout(10_000)  # the bundle warms up once after the start
        times = []
        for _ in range(40):
            page.wait_for_timeout(500)
            times.append(page.evaluate(CLICKED))
    return [row(project, "on the screen: key to the next picture", times, "≤ 0.1 s")]


CLICKED = """() => new Promise((resolve) => {
  const image = document.querySelector("#label-image"), before = image.src;
  const start = performance.now();
  const look = () => {
    if (image.src !== before && image.complete) resolve((performance.now() - start) / 1000);
    else requestAnimationFrame(look);
  };
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "7", bubbles: true }));
  look();
})"""


def timed(work: Callable[[], object]) -> float:
    """Seconds that a piece of work took."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def row(
    project: Project, what: str, seconds: float | list[float], wanted: str
) -> dict[str, object]:
    """A line of the table; of several times the median and the longest."""
    times = seconds if isinstance(seconds, list) else [seconds]
    return {
        "labels": project.version, "what": what, "seconds": statistics.median(times),
        "longest": max(times) if len(times) > 1 else "-", "wanted": wanted,
    }  # fmt: skip


MEASURES = (exports, counts, following)  # of the store, the project, a folder for its files

if __name__ == "__main__":
    main()
