"""Which formats there are, and export and import in any of them.

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
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from backends.errors import BadInput, NotFound
from studio.labels.exchange import csv_table, label_studio, lines
from studio.labels.exchange.allowance import VISITOR, Allowance
from studio.labels.exchange.gathering import gather, pngs
from studio.labels.exchange.importing import Imported, Permit, anybody, store_labels
from studio.labels.exchange.matching import Prepare
from studio.labels.exchange.options import ReadOptions
from studio.labels.exchange.parsing import parse
from studio.labels.exchange.rows import LabelSet
from studio.labels.exchange.sources import FORMATS, SUFFIXES, format_of, known_format
from studio.labels.exchange.whole import whole_file, whole_folder
from studio.labels.store import pictures, projects
from studio.labels.store.database import Database
from studio.labels.store.records import Project, Setup

__all__ = ["FORMATS", "IMAGES", "Exported", "Imported", "export", "format_of", "import_labels"]

IMAGES = "images"


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
    chosen = known_format(format or SUFFIXES.get(to.suffix.lower(), "datasets"))
    labels = gather(database, project, version, history=history)
    if not labels.items:
        raise BadInput("{name!r} has no pictures yet; add some first", name=project.name)
    if chosen != "datasets" and to.suffix and not to.is_dir():
        with whole_file(to) as path:
            _write_file(database, chosen, path, labels)
    else:
        with whole_folder(to) as folder:
            _write_folder(database, chosen, folder, labels)
    counts = len(labels.items), len(labels.responses), len(labels.suggestions)
    return Exported(project.name, labels.version, chosen, str(to), *counts)


def import_labels(
    database: Database,
    name: str | None,
    source: Path,
    format: str | None = None,
    *,
    bundle: str | None = None,
    classes: list[str] | None = None,
    control: str | None = None,
    encoding: str | None = None,
    administrator: str = "administrator",
    owner: str = "",
    own: Collection[int] | None = None,
    prepare: Prepare | None = None,
    permit: Permit = anybody,
    allowance: Allowance = VISITOR,
) -> Imported:
    """Read a label set into a project, which is made if there is none of that name; all of it or
    nothing.

    :param name: of the project; what the file says unless given.
    :param source: file, folder, or zip of a folder.
    :param format: one of :data:`FORMATS`; by the source's name and content unless given.
    :param bundle: whose pictures they are, and ``classes``, of a new project where the file does
        not say.
    :param control: name of Label Studio's control whose choices are the labels, where it has
        several.
    :param encoding: of a CSV file that is not in UTF-8.
    :param administrator: name of who administers a new project.
    :param owner: their login, where there is one.
    :param own: numbers of the projects whose pictures the file may mean without bringing them,
        beside those of the project itself; None for all, as for who has the database itself.
    :param prepare: a picture as the bundle's models see it; the bundle's own
        preparation unless given.
    :param permit: called with the project, or None where it is new; may raise. Called before
        the file is read where its project is known by then, before its pictures are prepared, and
        within the transaction that stores the labels.
    :param allowance: how much the file may hold.
    :raises BadInput: the file cannot be used, with the line and the reason.
    :raises NotFound: there is no such file.
    """
    if not source.exists():
        raise NotFound("there is no file {source}; check the path", source=source)
    if name:
        permit(_find(database, name))  # before a file is read that may be large
    # What the file says is not known yet, but whether there is such a format.
    format = known_format(format) if format else None
    wants_names = name and (format or SUFFIXES.get(source.suffix.lower(), "csv")) == "csv"
    known = frozenset(_names_in(database, name)) if wants_names and name else frozenset()
    with tempfile.TemporaryDirectory(prefix="import-") as scratch:
        options = ReadOptions(control, encoding, known)
        labels, folder = parse(source, Path(scratch), format, options, allowance)
        setup, project = _setup(database, labels, name, bundle, classes, source)
        permit(project)
        return store_labels(
            database, project, setup, labels,
            prepare or functools.partial(_prepared, setup.bundle), folder / IMAGES, administrator,
            owner, own, permit, allowance,
        )  # fmt: skip


def _writer(format: str) -> ModuleType:
    if format == "datasets":
        from studio.labels.exchange import dataset_folder

        return dataset_folder
    return {"csv": csv_table, "jsonl": lines, "label-studio": label_studio}[format]


def _write_file(database: Database, format: str, path: Path, labels: LabelSet) -> None:
    if format == "label-studio":
        label_studio.write(path, labels, pngs(database, labels))
    else:
        _writer(format).write(path, labels)


def _write_folder(database: Database, format: str, folder: Path, labels: LabelSet) -> None:
    module = _writer(format)
    if format == "datasets":
        module.write(folder, labels, pngs(database, labels))
        return
    (folder / IMAGES).mkdir()
    for item, png in pngs(database, labels):
        (folder / IMAGES / f"{item.picture}.png").write_bytes(png)
    if format == "label-studio":
        module.write(folder / module.NAME, labels, None, IMAGES)
        (folder / "label_config.xml").write_text(label_studio.config(labels), encoding="utf-8")
    else:
        module.write(folder / module.NAME, labels)


def _find(database: Database, name: str) -> Project | None:
    try:
        return projects.find(database, name)
    except NotFound:
        return None


def _names_in(database: Database, name: str) -> set[str]:
    """Everything that has a name in a project."""
    project = _find(database, name)
    if project is None:
        return set()
    people = {person.name for person in projects.people(database, project)}
    items = {item.name for item in pictures.items(database, project)}
    return people | items | set(project.classes)


def _setup(
    database: Database, labels: LabelSet, name: str | None, bundle: str | None,
    classes: list[str] | None, source: Path,
) -> tuple[Setup, Project | None]:  # fmt: skip
    """The settings of the project that the labels go into, and the project if it is there."""
    settings = labels.setup.model_dump() if labels.setup else {}
    given: dict[str, Any] = {"name": name, "bundle": bundle, "classes": classes}
    settings |= {key: value for key, value in given.items() if value}
    if "name" not in settings:
        raise BadInput("{name} does not say its project's name; give one", name=source.name)
    project = _find(database, settings["name"])
    if project is not None:
        return project.setup, project
    missing = [key for key in ("bundle", "classes") if key not in settings]
    if missing:
        raise BadInput(
            "there is no project {name!r} yet, and {name_2} does not say its {missing}; "
            "give --{missing_2}",
            name=settings["name"],
            name_2=source.name,
            missing=" and ".join(missing),
            missing_2=" and --".join(missing),
        )
    return Setup.checked(settings), None


def _prepared(bundle: str, picture: Image.Image) -> np.ndarray:
    from backends import service

    return service.prepare(bundle, picture)
