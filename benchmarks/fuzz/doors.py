"""What takes a stranger's input: a door each, which makes an input by its number and tries it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from backends import bundles, imaging, service
from backends.core import Request
from backends.errors import StudioError
from backends.regions.spec import RegionSpec
from backends.service.regions import mask_of
from benchmarks.fuzz.damage import TEXTS, altered, anything, damaged, respelled
from benchmarks.fuzz.files import files
from benchmarks.fuzz.served import Try, served, to_api, to_events, to_labels
from studio.labels import exchange
from studio.labels.store import pictures, projects, suggestions
from studio.labels.store.database import Database
from studio.labels.store.records import Setup, Suggestion

__all__ = ["DOORS"]

REGIONS = (
    "whole", "auto", "auto:area=0.2,cell=4", "box:2,3,20,22", "polygon:1,1;20,3;9,25",
    "box:0,0,9,9 and box:5,5,20,20 but not polygon:1,1;9,2;3,9 (grown by 2)",
    "box:1,1,9,9 (inverted) but only box:0,0,20,20 (shrunk by 1)", "text:hair", "points:+4,5;-6,7",
)  # fmt: skip
POLYGON = {"segmentation": [[2, 2, 20, 2, 20, 25]], "width": 32, "height": 32}
MASKS: tuple[Any, ...] = (
    {"size": [32, 32], "counts": [100, 50, 874]},
    {"size": [32, 32], "counts": "Yk02n01"},
    POLYGON,
    {"annotations": [POLYGON]},
    [{"type": "polygonlabels", "original_width": 32, "original_height": 32,
      "value": {"points": [[5, 5], [60, 8], [30, 90]], "polygonlabels": ["x"]}}],
    [{"type": "brushlabels", "original_width": 4, "original_height": 4,
      "value": {"format": "rle", "rle": [0, 0, 1, 0, 24, 2, 64], "brushlabels": ["x"]}}],
)  # fmt: skip
CLASSES = ["zero", "=one", "two, or not"]


@cache
def digit() -> np.ndarray:
    """A digit as the model sees it."""
    found = bundles.get("digits")
    picture = Image.open(found.folder / found.own.examples[8].file)
    return service.place("digits", picture)[0]  # uint8 [H, W, C]


def picture(draw: random.Random) -> None:
    """A picture's file, and which of its pages, through which window."""
    window = (draw.choice([0.0, 128.0, -1e30]), draw.choice([1.0, 255.0, 0.0, 1e300]))
    imaging.read(
        damaged(draw, draw.choice(files())), draw.choice([1, 1, 1, 2, 0, 2**40]),
        draw.choice([None, None, window]),
    )  # fmt: skip


def mask(draw: random.Random) -> None:
    """A mask's file: a picture or JSON."""
    if draw.random() < 0.4:
        content = damaged(draw, draw.choice(files()))
    else:
        content = json.dumps(altered(draw, draw.choice(MASKS))).encode()
        content = damaged(draw, content) if draw.random() < 0.2 else content
    imaging.read_mask(content, draw.choice([(32, 32), (32, 24)]))


def region(draw: random.Random) -> None:
    """A region's text; what can be drawn quickly is drawn."""
    text = draw.choice(REGIONS)
    text = respelled(draw, text) if draw.random() < 0.7 else text + draw.choice(TEXTS)
    spec = RegionSpec.parse(text)
    RegionSpec.parse(str(spec))
    if not any(word in str(spec) for word in ("text", "points", "auto", "mask", "clicks")):
        mask_of("digits", digit(), spec, "classifier")


def settings(draw: random.Random) -> None:
    """A question to a method, with settings and everything else of other types and sizes."""
    from backends.service.explanations import resolve

    method = draw.choice(sorted(service.about("digits")["methods"]))
    known = service.about("digits")["methods"][method]["schema"]["properties"]
    chosen = {
        key: draw.choice([anything(draw), entry.get("default")])
        for key, entry in known.items() if draw.random() < 0.3
    }  # fmt: skip
    request = Request(
        bundle="digits", method=method, target=draw.choice("012"), picture=digit(), settings=chosen,
    )  # fmt: skip
    if draw.random() < 0.5:
        field = draw.choice(["bundle", "method", "target", "region", "settings", "seed", "model"])
        request = replace(request, **{field: anything(draw)})
    resolve(request)


def manifest(draw: random.Random, folder: Path) -> None:
    """A bundle's bundle.json; what is read is opened, and its first part."""
    content = json.loads((bundles.get("digits").folder / "bundle.json").read_text())
    for _ in range(draw.choice((1, 1, 2))):
        content = altered(draw, content)
    text = json.dumps(content).encode()
    (folder / "bundle.json").write_bytes(damaged(draw, text) if draw.random() < 0.2 else text)
    opened = bundles.Bundle(folder)
    for part in list(opened.manifest.parts)[:20]:
        with contextlib.suppress(StudioError):
            opened.part(part)


def exported(home: Path) -> list[tuple[str, dict[str, bytes]]]:
    """A project's files in every format, by the name of the one that is damaged."""
    database = Database(str(home / "labels.db"))
    made, _ = projects.create(
        database, Setup(name="ones", bundle="digits", classes=CLASSES, votes=2), "Ada"
    )
    drawn = [Image.open(path) for path in sorted(bundles.get("digits").folder.glob("examples/*"))]
    prepared = [service.place("digits", one)[0] for one in drawn]
    pictures.add(database, made, [(f"{n}.png", pixels) for n, pixels in enumerate(prepared)])
    suggestions.add(database, made, [
        Suggestion(item.id, "clip", "abc", CLASSES[0], 0.5, dict.fromkeys(CLASSES, 1 / 3))
        for item in pictures.items(database, made)
    ])  # fmt: skip
    found = []
    for form in ("csv", "jsonl", "label-studio", "datasets"):
        to = home / form
        exchange.export(database, made, to, form, history=True)
        content = {
            path.relative_to(to).as_posix(): path.read_bytes()
            for path in sorted(to.rglob("*")) if path.is_file()
        }  # fmt: skip
        texts = [name for name in content if not name.endswith(".png")]
        found += [(name, content) for name in texts]
    database.close()
    return found


def imported(draw: random.Random, home: Path, seeds: list[tuple[str, dict[str, bytes]]]) -> None:
    """A file of labels, alone or in a zip of its folder."""
    name, content = draw.choice(seeds)
    harmed = damaged(draw, content[name])
    path = home / f"given-{Path(name).name}"
    if len(content) > 1 and draw.random() < 0.7:
        path = path.with_suffix(".zip")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for other, whole in content.items():
                archive.writestr(other, harmed if other == name else whole)
        if draw.random() < 0.3:
            path.write_bytes(damaged(draw, path.read_bytes()))
    else:
        path.write_bytes(harmed)
    database = Database(str(home / "imported.db"))
    try:
        exchange.import_labels(database, None, path)
    finally:
        database.close()
        path.unlink()
        (home / "imported.db").unlink(missing_ok=True)


LINES = (
    "bundles pull nothing",
    "explain {picture} --method rcsb --target 7 --region box:1,2,30,30 --set steps=3 --seed 1",
    "explain {picture} --method leapfactual,place --target 7 --seeds 0-1 --set place.steps=2",
    "explain {picture} --method rcsb --target 7 --set steps=2 --window 1,2 --out out",
    "evaluate --methods rcsb --n 1 --bundle digits --regions whole,box:1,2,9,9 --out out",
    "spectrum {picture} --bundle digits",
    "sample --out drawn.png --bundle digits --prior gan",
    "bundles check digits",
    "labels create ones --bundle digits --classes a,b --votes 2",
    "labels export ones --format csv --out labels.csv",
    "labels import ones {picture} --format csv",
    "labels agreement ones",
    "users add Ada",
)
PUT = (
    "0",
    "-1",
    "nan",
    "1e999",
    "9" * 30,
    "steps=nan",
    "--help",
    "--seed",
    "--out",
    "..",
    "--",
    "",
)


def command(draw: random.Random, home: Path) -> None:
    """A line of the command line, with something changed."""
    from studio.cli.main import app

    given = home / "given.png"
    given.write_bytes(damaged(draw, draw.choice(files())) if draw.random() < 0.5 else files()[0])
    words = draw.choice(LINES).format(picture=given).split()
    for _ in range(draw.choice((1, 1, 2))):
        at = draw.randrange(1, len(words))
        put = [respelled(draw, words[at]), draw.choice(PUT), draw.choice(TEXTS)]
        words[at : at + draw.choice((0, 1, 1))] = [draw.choice(put)] * draw.choice((0, 1, 1))
    words = [word.replace("\0", "") for word in words]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            app(words)
        except SystemExit as end:
            if end.code not in (0, 1, 2, None):
                raise RuntimeError(f"ended with {end.code!r}") from end


@contextmanager
def in_folder(trial: Callable[..., None], *made: Callable[[Path], Any]) -> Iterator[Try]:
    """A door that needs a folder, and what is made there once."""
    home = Path.cwd()
    kept = [make(home) for make in made]
    yield lambda draw: trial(draw, home, *kept)


@contextmanager
def manifests() -> Iterator[Try]:
    """The door of bundle.json, in a folder with links to the digits' files."""
    folder = Path.cwd() / "bundle"
    folder.mkdir(exist_ok=True)
    for path in bundles.get("digits").folder.iterdir():
        if path.name != "bundle.json" and not (folder / path.name).exists():
            os.symlink(path, folder / path.name)
    yield lambda draw: manifest(draw, folder)


DOORS: dict[str, tuple[float, Callable[[], AbstractContextManager[Try]]]] = {
    # a door's share of all inputs, and how it is opened
    "pictures": (0.3, lambda: nullcontext(picture)),
    "masks": (0.15, lambda: nullcontext(mask)),
    "regions": (0.15, lambda: nullcontext(region)),
    "settings": (0.1, lambda: nullcontext(settings)),
    "bundle.json": (0.04, manifests),
    "imports": (0.03, lambda: in_folder(imported, exported)),
    "command line": (0.03, lambda: in_folder(command)),
    "api": (0.1, lambda: served(to_api)),
    "labels": (0.05, lambda: served(to_labels)),
    "events": (0.05, lambda: served(to_events)),
}
