"""The pictures of a project: put in once, by content."""

from __future__ import annotations

import hashlib
import io
import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image
from sqlalchemy import Column, Connection, delete, insert, or_, select

from backends.errors import NotFound
from studio import export
from studio.labels.store.database import Database
from studio.labels.store.records import Item, Project
from studio.labels.store.schema import (
    Base,
    ClassExamples,
    ItemNames,
    Items,
    Paths,
    StoredPictures,
)
from studio.labels.store.texts import storable_name

__all__ = [
    "add",
    "add_items",
    "array_of",
    "content",
    "digest",
    "drop_unused",
    "further_names",
    "items",
    "keep",
    "pixels_of",
    "png_of",
    "referring",
    "shown",
    "stored",
]

MANY = 500  # rows a statement


def digest(pixels: np.ndarray) -> str:
    """The identity of a picture uint8 [H, W, C], however it is stored: sha256 of its shape and
    pixels."""
    shape = "x".join(map(str, pixels.shape)).encode()
    return hashlib.sha256(shape + b":" + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def png_of(pixels: np.ndarray) -> bytes:
    """uint8 [H, W, C] -> PNG."""
    target = io.BytesIO()
    export.as_picture(pixels).save(target, "PNG")
    return target.getvalue()


def array_of(png: bytes) -> np.ndarray:
    """PNG -> uint8 [H, W, C]."""
    return pixels_of(Image.open(io.BytesIO(png)))


def pixels_of(picture: Image.Image) -> np.ndarray:
    """Picture -> uint8 [H, W, C]."""
    pixels = np.asarray(picture)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def stored(
    connection: Connection, sha256s: Sequence[str], within: Collection[int] | None = None
) -> set[str]:
    """The digests whose picture is in the store.

    :param within: numbers of projects, one of which must ask about it; None for none.
    """
    found: set[str] = set()
    for start in range(0, len(sha256s), MANY):
        some = sha256s[start : start + MANY]
        chosen = select(StoredPictures.sha256).where(StoredPictures.sha256.in_(some))
        if within is not None:
            chosen = select(Items.picture).where(
                Items.picture.in_(some), Items.project_id.in_(within)
            )
        found |= set(connection.scalars(chosen))
    return found


def keep(database: Database, pictures: Sequence[np.ndarray]) -> list[str]:
    """Store pictures uint8 [H, W, C] that are not there yet; their digests, in order."""
    named = {digest(pixels): pixels for pixels in pictures}
    with database.write() as connection:
        here = stored(connection, list(named))
        rows = [
            {
                "sha256": name, "width": pixels.shape[1], "height": pixels.shape[0],
                "content": png_of(pixels),
            }
            for name, pixels in named.items()
            if name not in here
        ]  # fmt: skip
        if rows:
            connection.execute(insert(StoredPictures), rows)
    return [digest(pixels) for pixels in pictures]


def add(database: Database, project: Project, pictures: Iterable[tuple[str, np.ndarray]]) -> int:
    """Put pictures (name, uint8 [H, W, C]) into a project; how many were new to it."""
    pictures = list(pictures)
    digests = keep(database, [pixels for _, pixels in pictures])
    names = [name for name, _ in pictures]
    with database.write() as connection:
        return add_items(connection, project, zip(digests, names, strict=True))[1]


def add_items(
    connection: Connection, project: Project, named: Iterable[tuple[str, str]]
) -> tuple[dict[str, int], int]:
    """Make items of stored pictures, within a transaction: every item's number by its picture's
    digest, and how many are new.

    :param named: digests with names, kept as :func:`.texts.storable_name` makes them. A picture
        may come under several, and is found by each; the first is shown. A blank name is none.
    """
    names: dict[str, list[str]] = defaultdict(list)
    for sha256, name in named:
        names[sha256] += [storable_name(name)] if name.strip() else []
    chosen = select(Items.picture, Items.id, Items.name).where(Items.project_id == project.id)
    known = {row.picture: row for row in connection.execute(chosen)}
    rows = [
        {
            "project_id": project.id, "picture": sha256,
            "name": next(iter(some), f"{sha256[:12]}.png"),
            "shuffle": random.random(),  # nosec B311 # an order, no secret
            "votes": 0, "disagreement": 0.0,
        }
        for sha256, some in names.items()
        if sha256 not in known
    ]  # fmt: skip
    if rows:
        connection.execute(insert(Items), rows)
        # What people are asked about is no example of its class any more.
        connection.execute(
            delete(ClassExamples).where(
                ClassExamples.project_id == project.id,
                ClassExamples.picture.in_(
                    select(Items.picture).where(Items.project_id == project.id)
                ),
            )
        )
        known = {row.picture: row for row in connection.execute(chosen)}
    spellings = select(ItemNames.item_id, ItemNames.name).join(Items).where(
        Items.project_id == project.id
    )  # fmt: skip
    there = {(row.id, row.name) for row in known.values()}
    there |= {(row.item_id, row.name) for row in connection.execute(spellings)}
    wanted = dict.fromkeys(
        (known[sha256].id, name) for sha256, some in names.items() for name in some
    )
    further = [{"item_id": n, "name": name} for n, name in wanted if (n, name) not in there]
    if further:
        connection.execute(insert(ItemNames), further)
    return {sha256: row.id for sha256, row in known.items()}, len(rows)


def further_names(database: Database, project: Project) -> dict[int, list[str]]:
    """By an item's number: the names that its picture has beside the item's own."""
    chosen = (
        select(ItemNames.item_id, ItemNames.name)
        .join(Items)
        .where(Items.project_id == project.id)
        .order_by(ItemNames.item_id, ItemNames.name)
    )
    found: dict[int, list[str]] = defaultdict(list)
    with database.read() as connection:
        for row in connection.execute(chosen):
            found[row.item_id].append(row.name)
    return found


def items(database: Database, project: Project) -> list[Item]:
    """Everything in a project, in the order it came."""
    chosen = (
        select(Items.id, Items.picture, Items.name, Items.votes)
        .where(Items.project_id == project.id)
        .order_by(Items.id)
    )
    with database.read() as connection:
        return [Item(*row) for row in connection.execute(chosen)]


def content(database: Database, sha256s: Sequence[str]) -> dict[str, bytes]:
    """The PNG of each picture.

    :raises NotFound: one is not here.
    """
    found: dict[str, bytes] = {}
    with database.read() as connection:
        for start in range(0, len(sha256s), MANY):
            some = list(sha256s[start : start + MANY])
            chosen = select(StoredPictures.sha256, StoredPictures.content).where(
                StoredPictures.sha256.in_(some)
            )
            found |= {row.sha256: row.content for row in connection.execute(chosen)}
    missing = set(sha256s) - set(found)
    if missing:
        raise NotFound("picture {missing} is not in the label store", missing=min(missing)[:12])
    return found


def shown(database: Database, project_id: int, sha256: str) -> bytes:
    """The PNG of a picture, for who works in a project that asks about it or shows it.

    :raises NotFound: the project has no such picture.
    """
    asked = select(Items.picture).where(Items.project_id == project_id)
    examples = select(ClassExamples.picture).where(ClassExamples.project_id == project_id)
    chosen = select(StoredPictures.content).where(
        StoredPictures.sha256 == sha256,
        or_(
            asked.where(Items.picture == sha256).exists(),
            examples.where(ClassExamples.picture == sha256).exists(),
        ),
    )
    with database.read() as connection:
        found = connection.scalar(chosen)
    if found is None:
        raise NotFound("the project has no such picture")
    return found


def referring() -> list[Column[Any]]:
    """The columns that refer to a picture."""
    return [
        key.parent
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table is StoredPictures.__table__
    ]


def drop_unused(connection: Connection, sha256s: Sequence[str]) -> None:
    """Delete those of the pictures that nothing refers to any more."""
    # Masks are stored as pictures, too, and only a run's request names them.
    users = [select(Paths.request["mask"].as_string().label("picture"))]
    users += [select(column) for column in referring()]
    for start in range(0, len(sha256s), MANY):
        unused = delete(StoredPictures).where(
            StoredPictures.sha256.in_(sha256s[start : start + MANY])
        )
        for chosen in users:
            found = chosen.subquery()
            (name,) = found.c
            unused = unused.where(~select(name).where(name == StoredPictures.sha256).exists())
        connection.execute(unused)
