"""A Hugging Face ``datasets`` folder: a row an item, with its picture, the class that most people
gave it, and every single response; :mod:`.dataset_rows` reads it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backends.errors import BadInput, Unreachable
from studio.labels.exchange.containment import inside
from studio.labels.exchange.dataset_rows import PROJECT, read
from studio.labels.exchange.rows import (
    BATCH,
    FileRow,
    ItemRow,
    LabelSet,
    parsed,
    plain,
)
from studio.labels.stats.consensus import distributions
from studio.labels.stats.votes import votes_of
from studio.labels.store.records import Response

if TYPE_CHECKING:
    from datasets import Dataset, Features

__all__ = ["PROJECT", "push", "read", "write"]

TIE = -1  # what a ClassLabel has for no label


def write(folder: Path, labels: LabelSet, content: Iterable[tuple[ItemRow, bytes]]) -> None:
    """What ``datasets.load_from_disk`` reads, and project.json beside it.

    ``label`` is the adjudicated class, else the one with the most votes; none where votes tie or
    there are none; ``shares`` are the shares of the votes by class.

    :param content: every item with its PNG.
    """
    import pyarrow as pa
    from datasets import Dataset

    features = _features(labels.project.classes)
    # Through a file, since the pictures of a large project are more than memory holds.
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        path = str(Path(scratch) / "rows.arrow")
        with pa.OSFile(path, "wb") as sink, pa.ipc.new_stream(sink, features.arrow_schema) as out:
            for rows in _batches(_rows(labels, content)):
                out.write_table(pa.Table.from_pylist(rows, features.arrow_schema))
        with _quiet():
            Dataset.from_file(path).save_to_disk(folder)
    (folder / PROJECT).write_text(json.dumps(labels.header(), indent=2) + "\n", encoding="utf-8")


def push(folder: Path, repository: str, token: str | None = None) -> str:
    """Push an exported folder to a dataset repository, which is made private if there is none; its
    address. A Space's own disk does not last, a repository does.

    :param repository: ``owner/name``.
    :raises Unreachable: the hub does not answer, or refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    dataset = _opened(folder)
    try:
        with _quiet():
            dataset.push_to_hub(repository, private=True, token=token)
        HfApi(token=token).upload_file(
            path_or_fileobj=folder / PROJECT, path_in_repo=PROJECT, repo_id=repository,
            repo_type="dataset",
        )  # fmt: skip
    except HFValidationError as error:
        raise BadInput(
            "{repository!r} is no repository's name; give owner/name", repository=repository
        ) from error
    except HfHubHTTPError as error:
        raise Unreachable(
            "the hub does not take {repository} ({error}); check the name, and that you "
            "are logged in with a token that may write",
            repository=repository,
            error=error,
        ) from error
    except Exception as error:  # whatever the client's HTTP library of the day raises
        raise Unreachable(
            "{repository} cannot be pushed ({error}); check the connection, then push "
            "{folder} again",
            repository=repository,
            error=error,
            folder=folder,
        ) from error
    return f"https://huggingface.co/datasets/{repository}"


def _features(classes: list[str]) -> Features:
    from datasets import ClassLabel, Features, Image, List, Value

    text, number = Value("string"), Value("float64")
    return Features(
        {
            "image": Image(),
            "label": ClassLabel(names=classes),
            "shares": List(number),
            "item": text,
            "picture": text,
            "names": List(text),
            # In the first row alone, so that it is not lost where project.json is.
            "project": text,
            "responses": List(
                {
                    "kind": text, "annotator": text, "state": text, "value": text, "note": text,
                    "seconds": number, "created": text, "number": Value("int64"),
                    "superseded_by": Value("int64"),
                }
            ),
            "suggestions": List(
                {
                    "agent": text, "model_hash": text, "value": text, "score": number,
                    "created": text, "probabilities": List({"class": text, "score": number}),
                }
            ),
        }
    )  # fmt: skip


def _rows(labels: LabelSet, content: Iterable[tuple[ItemRow, bytes]]) -> Iterator[dict[str, Any]]:
    by_picture = labels.by_picture()
    consensus = _consensus(labels)
    header: str | None = json.dumps(labels.header(), ensure_ascii=False)
    for item, png in content:
        label, shares = consensus.get(item.picture, (TIE, []))
        responses, suggestions = (list(map(_nested, rows)) for rows in by_picture[item.picture])
        for suggestion in suggestions:
            named = suggestion["probabilities"].items()
            suggestion["probabilities"] = [{"class": k, "score": score} for k, score in named]
        yield {
            "image": {"bytes": png, "path": f"{item.picture}.png"},
            "label": None if label == TIE else label,
            "shares": shares,
            "item": item.item,
            "picture": item.picture,
            "names": item.names,
            "project": header,
            "responses": responses,
            "suggestions": suggestions,
        }
        header = None


def _nested(what: FileRow) -> dict[str, Any]:
    return {k: v for k, v in plain(what).items() if k not in ("item", "picture")}


def _consensus(labels: LabelSet) -> dict[str, tuple[int, list[float]]]:
    """The class of each picture, -1 for none, and the shares of its votes."""
    numbers = {item.picture: n for n, item in enumerate(labels.items)}
    standing = [
        Response(
            r.number or 0, numbers[r.picture], r.annotator, r.kind, r.state, r.value, r.note,
            r.seconds, "", 0.0,
        )
        for r in labels.responses
        if r.superseded_by is None
    ]  # fmt: skip
    votes = votes_of(labels.project.classes, standing)
    majority, weights = distributions(votes, "majority")
    soft, _ = distributions(votes, "soft")
    single = (majority == 1).any(1) & (weights > 0)
    best = np.where(single, majority.argmax(1), TIE)
    pictures = [item.picture for item in labels.items]
    return {
        pictures[item]: (int(best[n]), soft[n].tolist() if weights[n] > 0 else [])
        for n, item in enumerate(votes.items)
    }


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    some: list[dict[str, Any]] = []
    for values in rows:
        some.append(values)
        if len(some) == BATCH:
            yield some
            some = []
    yield some


def _opened(folder: Path) -> Dataset:
    from datasets import Dataset

    try:
        _require_own_files(folder)
        return Dataset.load_from_disk(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            "{folder} is no datasets folder ({error}); give one that labels were exported to",
            folder=folder,
            error=error,
        ) from error


def _require_own_files(folder: Path) -> None:
    """Refuse a manifest that names files elsewhere, which would be pushed with the rest.

    :raises ValueError: it does, or is no manifest.
    """
    state = parsed((folder / "state.json").read_bytes(), "state.json")
    files = state["_data_files"]
    if not all(inside(folder / file["filename"], folder) for file in files):
        raise ValueError("its state.json names a file that is not in it")


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars, which would come between a command's lines."""
    from datasets.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    before = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not before:
            enable_progress_bars()
