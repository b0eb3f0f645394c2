"""Which formats there are, and the two ways through them: out of the store, and into it.

=============  ==============================  =================================================
format         a file                          a folder
=============  ==============================  =================================================
csv            the table, without pictures     ``labels.csv`` and ``images/``
jsonl          the lines, without pictures     ``labels.jsonl`` and ``images/``
label-studio   tasks with pictures in them     ``tasks.json``, ``images/``, ``label_config.xml``
datasets                                       what ``datasets.load_from_disk`` reads
=============  ==============================  =================================================

Pictures in ``images/`` are PNG, named by the sha256 of their pixels.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from backends.errors import BadInput, NotFound
from studio.labels.exchange import csv_table, label_studio, lines
from studio.labels.exchange.intake import Brought, Prepare, bring
from studio.labels.exchange.rows import LabelSet, gathered, pngs
from studio.labels.exchange.whole import whole_file, whole_folder
from studio.labels.store import projects
from studio.labels.store.database import Database
from studio.labels.store.records import Project, Setup

__all__ = ["FORMATS", "IMAGES", "Brought", "Exported", "export", "format_of", "take_in"]

FORMATS = ("csv", "jsonl", "datasets", "label-studio")
IMAGES = "images"
SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "label-studio"}


@dataclass(frozen=True)
class Exported:
    """What was written where."""

    project: str
    version: int
    format: str
    to: str
    items: int
    responses: int
    suggestions: int


def export(
    database: Database,
    project: Project,
    to: Path,
    format: str | None = None,
    *,
    version: int | None = None,
    history: bool = False,
) -> Exported:
    """Write a label set; the file or folder appears whole or not at all.

    :param to: a file, or a new folder, which then holds the pictures too.
    :param format: one of :data:`FORMATS`; by the file's ending unless given; a folder's is
        datasets.
    :param version: of the label set; the newest unless given.
    :param history: superseded responses too.
    :raises BadInput: there is no such format, the project has no pictures, or something is in the
        folder already.
    :raises NotFound: there is no such version.
    """
    chosen = _known(format or SUFFIXES.get(to.suffix.lower(), "datasets"))
    labels = gathered(database, project, version, history=history)
    if not labels.items:
        raise BadInput(f"{project.name!r} has no pictures yet; add some first")
    if chosen != "datasets" and to.suffix and not to.is_dir():
        with whole_file(to) as path:
            _write_file(database, chosen, path, labels)
    else:
        with whole_folder(to) as folder:
            _write_folder(database, chosen, folder, labels)
    counts = len(labels.items), len(labels.said), len(labels.guesses)
    return Exported(project.name, labels.version, chosen, str(to), *counts)


def take_in(
    database: Database,
    name: str | None,
    source: Path,
    format: str | None = None,
    *,
    bundle: str | None = None,
    classes: list[str] | None = None,
    administrator: str = "administrator",
    prepare: Prepare | None = None,
    permit: Callable[[str], None] = lambda name: None,
) -> Brought:
    """Read a label set into a project, which is made if there is none of that name; all of it or
    nothing.

    :param name: of the project; what the file says unless given.
    :param bundle: whose pictures they are, and ``classes``, of a new project where the file does
        not say.
    :param prepare: a picture as the bundle's models see it; :func:`backends.service.prepare` unless
        given.
    :param permit: told the project's name before anything is stored; may raise.
    :raises BadInput: the file cannot be used, with the line and the reason.
    :raises NotFound: there is no such file.
    """
    path, chosen = _place(source, format)
    labels = _reader(chosen).read(path)
    setup = _setup(database, labels, name, bundle, classes, source)
    permit(setup.name)
    folder = path if path.is_dir() else path.parent
    return bring(
        database, setup, labels, prepare or functools.partial(_prepared, setup.bundle),
        folder / IMAGES, administrator,
    )  # fmt: skip


def format_of(source: Path) -> str | None:
    """The format of a file or folder by its name or content; None where nothing tells."""
    if not source.is_dir():
        return SUFFIXES.get(source.suffix.lower())
    inside = {"csv": csv_table.NAME, "jsonl": lines.NAME, "label-studio": label_studio.NAME}
    inside["datasets"] = "dataset_info.json"
    return next((name for name, file in inside.items() if (source / file).is_file()), None)


def _place(source: Path, format: str | None) -> tuple[Path, str]:
    if not source.exists():
        raise NotFound(f"there is no file {source}; check the path")
    chosen = format_of(source) if format is None else _known(format)
    if chosen is None:
        raise BadInput(
            f"{source.name} does not tell its format; say --format with one of: "
            f"{', '.join(FORMATS)}"
        )
    if chosen == "datasets" or not source.is_dir():
        return source, chosen
    path = source / _reader(chosen).NAME
    if not path.is_file():
        raise NotFound(f"there is no {path.name} in {source}; give the file itself")
    return path, chosen


def _known(format: str) -> str:
    if format not in FORMATS:
        raise BadInput(f"there is no format {format!r}; choose from: {', '.join(FORMATS)}")
    return format


def _reader(format: str) -> ModuleType:
    if format == "datasets":
        from studio.labels.exchange import dataset_folder

        return dataset_folder
    return {"csv": csv_table, "jsonl": lines, "label-studio": label_studio}[format]


def _write_file(database: Database, format: str, path: Path, labels: LabelSet) -> None:
    if format == "label-studio":
        label_studio.write(path, labels, pngs(database, labels))
    else:
        _reader(format).write(path, labels)


def _write_folder(database: Database, format: str, folder: Path, labels: LabelSet) -> None:
    module = _reader(format)
    if format == "datasets":
        module.write(folder, labels, pngs(database, labels))
        return
    (folder / IMAGES).mkdir()
    for piece, png in pngs(database, labels):
        (folder / IMAGES / f"{piece.picture}.png").write_bytes(png)
    if format == "label-studio":
        module.write(folder / module.NAME, labels, None, IMAGES)
        (folder / "label_config.xml").write_text(label_studio.config(labels), encoding="utf-8")
    else:
        module.write(folder / module.NAME, labels)


def _setup(
    database: Database, labels: LabelSet, name: str | None, bundle: str | None,
    classes: list[str] | None, source: Path,
) -> Setup:  # fmt: skip
    """The settings of the project that the labels go into."""
    said = labels.setup.model_dump() if labels.setup else {}
    given: dict[str, Any] = {"name": name, "bundle": bundle, "classes": classes}
    said |= {key: value for key, value in given.items() if value}
    if "name" not in said:
        raise BadInput(f"{source.name} does not say its project's name; give one")
    try:
        return projects.find(database, said["name"]).setup
    except NotFound:
        missing = [key for key in ("bundle", "classes") if key not in said]
        if missing:
            raise BadInput(
                f"there is no project {said['name']!r} yet, and {source.name} does not say its "
                f"{' and '.join(missing)}; give --{' and --'.join(missing)}"
            ) from None
        return Setup.checked(said)


def _prepared(bundle: str, picture: Image.Image) -> np.ndarray:
    from backends import service

    return service.prepare(bundle, picture)
