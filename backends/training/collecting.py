"""Pictures with labels, wherever a person has them: folders by class, a table, arrays, datasets."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from backends.errors import BadInput, NotFound

__all__ = ["FORMS", "Entry", "entries"]

FORMS = (
    "a folder with a folder of pictures for each class, a CSV file with columns file and label, a "
    "folder that datasets saved, or an .npz file with pictures and labels"
)
ENDINGS = frozenset(
    [
        ".png",
        ".jpg",
        ".jpeg",
        ".gif",
        ".webp",
        ".bmp",
        ".tif",
        ".tiff",
        ".ppm",
        ".pgm",
        ".pbm",
        ".avif",
        ".heic",
        ".heif",
        ".jp2",
        ".dcm",
    ]
)
# What folders of splits are called: pictures of the latter are kept for judging.
LEARNT = ("train", "training")
JUDGED = ("test", "testing", "val", "valid", "validation")
FILE_COLUMNS = ("file", "filename", "file_name", "path", "image", "picture")
LABEL_COLUMNS = ("label", "class", "category", "target")


@dataclass(frozen=True)
class Entry:
    """One picture.

    :ivar name: for messages.
    :ivar source: its file, or itself.
    :ivar label: empty where none is known.
    :ivar test: whether its split is one for judging; None where no splits are told.
    """

    name: str
    source: Path | Image.Image
    label: str
    test: bool | None = None


def entries(source: Path) -> list[Entry]:
    """List the pictures of a source, none of which is read yet but for arrays.

    :raises NotFound: there is none.
    :raises BadInput: it is nothing of the kind, or holds no picture.
    """
    if not source.exists():
        raise NotFound("there is no {source}; give {forms}", source=source, forms=FORMS)
    if source.is_dir():
        saved = (source / "dataset_info.json").is_file() or (source / "dataset_dict.json").is_file()
        found = list(_dataset(source) if saved else _folder(source))
    elif source.suffix.lower() in (".csv", ".tsv"):
        found = list(_table(source))
    elif source.suffix.lower() == ".npz":
        found = list(_arrays(source))
    else:
        raise BadInput(
            "{name} is no source of pictures; give {forms}", name=source.name, forms=FORMS
        )
    if not found:
        raise BadInput("{source} holds no pictures; give {forms}", source=source, forms=FORMS)
    return found


def _folder(source: Path) -> Iterator[Entry]:
    """ImageFolder's tree, with folders of splits around it or not."""
    tops = {path.name.lower(): path for path in source.iterdir() if path.is_dir()}
    splits = set(tops) & {*LEARNT, *JUDGED}
    if splits & set(LEARNT) and splits & set(JUDGED) and splits == set(tops):
        # Of test and validation pictures the former are for judging, the latter to learn from.
        tests = [name for name in JUDGED[:2] if name in tops] or [*splits & set(JUDGED)]
        for name, path in sorted(tops.items()):
            for entry in _classes(path):
                yield Entry(entry.name, entry.source, entry.label, name in tests)
    else:
        yield from _classes(source)


def _classes(folder: Path) -> Iterator[Entry]:
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        hidden = any(part.startswith((".", "__MACOSX")) for part in inner.parts)
        if path.is_file() and path.suffix.lower() in ENDINGS and not hidden:
            yield Entry(str(inner), path, inner.parts[0] if len(inner.parts) > 1 else "")


def _table(path: Path) -> Iterator[Entry]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            sample = file.read(4096)
            file.seek(0)
            separator = max(",;\t", key=sample.partition("\n")[0].count)
            rows = [
                {
                    (k or "").strip().lower(): (v or "").strip()
                    for k, v in row.items()
                    if isinstance(v, str)
                }
                for row in csv.DictReader(file, delimiter=separator)
            ]
    except (OSError, UnicodeError, csv.Error) as error:
        raise BadInput(
            "{name} cannot be read; save it as a CSV file in UTF-8", name=path.name
        ) from error
    columns = rows[0].keys() if rows else ()
    file_column = next((name for name in FILE_COLUMNS if name in columns), None)
    label_column = next((name for name in LABEL_COLUMNS if name in columns), None)
    if file_column is None or label_column is None:
        raise BadInput(
            "{name} lacks a column {value}; its first line must name the columns",
            name=path.name,
            value="file" if file_column is None else "label",
        )
    for row in rows:
        split = row.get("split", "").lower()
        test = split in JUDGED[:2] if split else None
        yield Entry(row[file_column], path.parent / row[file_column], row[label_column], test)


def _arrays(path: Path) -> Iterator[Entry]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            held: dict[str, Any] = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError) as error:
        raise BadInput(
            "{name} cannot be read; save arrays with numpy.savez", name=path.name
        ) from error
    pictures, labels = held.get("pictures"), held.get("labels")
    usable = pictures is not None and pictures.dtype == np.uint8 and pictures.ndim in (3, 4)
    if not usable or pictures is None or labels is None or len(labels) != len(pictures):
        raise BadInput(
            "{name} must hold pictures, uint8 [N, H, W] or [N, H, W, C], and labels [N]",
            name=path.name,
        )
    names = [str(name) for name in held.get("classes", [])]
    tests = held.get("test")
    for number, (pixels, label) in enumerate(zip(pictures, labels.tolist(), strict=True)):
        pixels = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
        called = (
            names[label] if names and isinstance(label, int) and label < len(names) else str(label)
        )
        test = None if tests is None else bool(tests[number])
        yield Entry(f"picture {number}", Image.fromarray(pixels), called, test)


def _dataset(folder: Path) -> Iterator[Entry]:
    import datasets

    try:
        found = datasets.load_from_disk(str(folder))
    except Exception as error:  # whatever the library raises at a damaged folder
        raise BadInput(
            "{folder} cannot be read as a datasets folder ({error})", folder=folder, error=error
        ) from error
    splits = dict(found) if isinstance(found, datasets.DatasetDict) else {"": found}
    for split, rows in splits.items():
        image = next((n for n, f in rows.features.items() if isinstance(f, datasets.Image)), None)
        label = next((n for n in LABEL_COLUMNS if n in rows.features), None)
        if image is None or label is None:
            raise BadInput("{folder} has no column of pictures, or none named label", folder=folder)
        feature = rows.features[label]
        test = split in JUDGED[:2] if len(splits) > 1 else None
        for number, row in enumerate(rows):
            value = row[label]
            named = isinstance(feature, datasets.ClassLabel) and value is not None and value >= 0
            called = feature.int2str(value) if named else "" if value in (None, -1) else str(value)
            yield Entry(f"{split or 'row'} {number}", row[image], called, test)
