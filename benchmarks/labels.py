"""How long a large label set takes: 10 000 pictures, ten people who labelled all of them."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.digits import table
from studio.labels import agreement, exchange, history, pictures, projects
from studio.labels.database import Database
from studio.labels.records import Project, Setup

FORMS = {
    "csv": "labels.csv",
    "jsonl": "labels.jsonl",
    "label-studio": "labels.json",
    "datasets": "labels",
}


def main() -> None:
    """Fill a store, measure it, write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--database", help="postgresql://... to measure too, beside SQLite")
    options = parser.parse_args()
    rows = []
    for place in filter(None, ["labels.db", options.database]):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            store = Database(place if "://" in place else str(folder / place))
            project = filled(store, options.items, options.people)
            for measure in MEASURES:
                told = measure(store, project, folder)
                rows += [{"store": store.engine.dialect.name, **row} for row in told]
            store.close()
    table("labels", rows)


def filled(store: Database, items: int, people: int) -> Project:
    """A project of random digits' size in which everyone labelled everything."""
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
        for item, true in truth.items()
        for person in ids
    ]  # fmt: skip
    with store.write() as connection:
        history.appended(connection, projects.locked(connection, project.id), rows)
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
            lambda path=path, form=form: exchange.export(store, project, path, form)
        ), "≤ 10 s"))  # fmt: skip
        rows.append(row(project, f"import, {form}", timed(
            lambda path=path, form=form: exchange.take_in(
                store, f"{project.name} {form}", path, form
            )
        ), ""))  # fmt: skip
    return rows


def counts(store: Database, project: Project, folder: Path) -> list[dict[str, object]]:
    """The administrator's figures."""
    first, then = (timed(lambda: agreement.report(store, project)) for _ in range(2))
    return [
        row(project, "agreement, with its libraries' loading", first, ""),
        row(project, "agreement", then, "≤ 2 s"),
    ]


def timed(work: Callable[[], object]) -> float:
    """Seconds that a piece of work took."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def row(project: Project, what: str, seconds: float, wanted: str) -> dict[str, object]:
    """A line of the table."""
    return {
        "labels": project.version, "what": what, "seconds": round(seconds, 1), "wanted": wanted,
    }  # fmt: skip


MEASURES = (exports, counts)  # each takes the store, the project, and a folder for its files

if __name__ == "__main__":
    main()
