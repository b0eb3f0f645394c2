"""Which picture each row of a label set is about: one in the file, beside it, or in the project."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from backends import imaging
from backends.errors import BadInput, StudioError
from studio.labels.exchange.containment import inside
from studio.labels.exchange.options import PARTS
from studio.labels.exchange.picture_names import PictureNames
from studio.labels.exchange.rows import BATCH, FileRow, ItemRow, LabelSet
from studio.labels.store import pictures
from studio.labels.store.database import Database
from studio.labels.store.records import Project

__all__ = ["Matched", "Prepare", "match_pictures"]

Prepare = Callable[[Image.Image], np.ndarray]


@dataclass
class Matched:
    """The picture of some rows: sha256 of its pixels, and the names it comes under."""

    picture: str
    names: list[str] = field(default_factory=list)


def match_pictures(
    database: Database,
    project: Project | None,
    labels: LabelSet,
    prepare: Prepare,
    beside: Path | None,
    most: int,
    own: Collection[int] | None = None,
) -> dict[str, Matched]:
    """The picture of every row, by the rows' keys; the pictures are in the store then.

    They may be there before anything else is: no item shows them until then.

    :param project: that the labels go into; None where it is new.
    :param prepare: a picture as the bundle's models see it; of pictures without a sha256.
    :param beside: a folder with pictures named by their sha256.
    :param most: pixels of all pictures that are read.
    :param own: numbers of further projects whose pictures need not be in the file; None for all.
    :raises BadInput: a picture is missing, damaged, another than it should be, or may be several.
    """
    wanted = _wanted(labels)
    with database.read() as connection:
        named = [item.picture for item, _ in wanted.values() if item.picture]
        # Knowing a picture's sha256 gives no right to see it: the picture could belong to a
        # project that is closed to the importer.
        within = None if own is None else {*own, *([project.id] if project else ())}
        here = pictures.stored(connection, named, within)
    by_name = _ByName(database, project, labels)
    found: dict[str, Matched] = {}
    waiting: list[np.ndarray] = []
    for key, (item, names) in wanted.items():
        content = item.content or _beside(beside, item.picture)
        if item.picture in here:
            found[key] = Matched(item.picture, names)
        elif content is not None:
            picture = _picture(content, item)
            most -= picture.width * picture.height
            if most < 0:
                raise BadInput(
                    "{where}: the file's pictures are too large together; {parts}",
                    where=item.where,
                    parts=PARTS,
                )
            pixels = _pixels(picture, item, prepare)
            found[key] = Matched(pictures.digest(pixels), names)
            waiting.append(pixels)
        else:
            found[key] = Matched(by_name.find(item))
        if len(waiting) >= BATCH:
            pictures.keep(database, waiting)
            waiting.clear()
    if waiting:
        pictures.keep(database, waiting)
    return found


def _wanted(labels: LabelSet) -> dict[str, tuple[ItemRow, list[str]]]:
    """By key: the item, as its own row tells it where it has one, and all names it has."""
    found: dict[str, tuple[ItemRow, list[str]]] = {}
    rows: Iterable[FileRow] = (*labels.items, *labels.responses, *labels.suggestions)
    for row in rows:
        item = row if isinstance(row, ItemRow) else None
        if row.key not in found:
            named = ItemRow(item=row.item, picture=row.picture, record=row.record, where=row.where)
            found[row.key] = (item or named, [])
        known = found[row.key][1]
        known += [n for n in (row.item, *(item.names if item else ())) if n and n not in known]
    return found


def _beside(folder: Path | None, sha256: str) -> Path | None:
    path = folder / f"{sha256}.png" if folder and sha256 else None
    return path if folder and path and inside(path, folder.parent) else None


def _picture(content: bytes | Path, item: ItemRow) -> Image.Image:
    try:
        return imaging.read_picture(content)
    except StudioError as error:
        raise BadInput(
            "{where}: {error}; nothing was taken", where=item.where, error=error
        ) from error


def _pixels(picture: Image.Image, item: ItemRow, prepare: Prepare) -> np.ndarray:
    if not item.picture:
        try:
            return prepare(picture)
        except StudioError as error:
            raise BadInput(
                "{where}: {error}; nothing was taken", where=item.where, error=error
            ) from error
    pixels = pictures.pixels_of(picture)
    if pictures.digest(pixels) != item.picture:
        raise BadInput(
            "{where}: the picture is not the one that was labelled (its sha256 differs); "
            "export again; nothing was taken",
            where=item.where,
        )
    return pixels


class _ByName:
    """Pictures of the project, and of the file, by their names."""

    def __init__(self, database: Database, project: Project | None, labels: LabelSet) -> None:
        named: list[tuple[str, str]] = []
        if project is not None:
            further = pictures.further_names(database, project)
            for item in pictures.items(database, project):
                named += [(name, item.picture) for name in (item.name, *further.get(item.id, ()))]
        for row in labels.items:
            if row.picture:
                named += [(name, row.picture) for name in (row.item, *row.names) if name]
        self._names: PictureNames[str] = PictureNames(named)

    def find(self, item: ItemRow) -> str:
        """The sha256 of the one picture that an item's reference means."""
        try:
            found = None if item.picture else self._names.find(item.reference or item.item)
        except BadInput as error:
            raise BadInput(
                "{where}: {error}; {advice}", where=item.where, error=error, advice=ADVICE
            ) from error
        if found is None:
            what = f"item {item.item!r}" if item.item else f"picture {item.picture[:12]}"
            raise BadInput(
                "{where}: {what} is not here; {advice}", where=item.where, what=what, advice=ADVICE
            )
        return found


ADVICE = (
    "add its picture first with: python -m studio labels add, or put the pictures into a folder "
    "images beside the file; nothing was taken"
)
