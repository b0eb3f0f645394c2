"""Read a label set that was written as a Hugging Face ``datasets`` folder, in any of the forms that
it may have: as exported, with its splits, or as a dataset repository has it (Parquet).

The files are read by pyarrow, and only those that lie in the folder: a manifest that names others
is not followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from backends.errors import BadInput
from studio.labels.exchange.containment import inside
from studio.labels.exchange.options import Keep, ReadOptions
from studio.labels.exchange.rows import (
    BATCH,
    ItemRow,
    LabelSet,
    ResponseRow,
    SuggestionRow,
    parsed,
    project_of,
    row,
)

__all__ = ["PROJECT", "read"]

PROJECT = "project.json"


def read(folder: Path, options: ReadOptions) -> LabelSet:
    """A folder of ours, or what a dataset repository of ours was downloaded to; all its splits.

    :raises BadInput: it is none.
    """
    labels = LabelSet(None)
    header = _project_file(folder)
    number = 0
    for path in _data_files(folder):
        for values in _rows(path):
            number += 1
            options.check_rows(number + len(labels.responses) + len(labels.suggestions))
            _take(values, f"row {number}", labels, options.keep)
            if header is None and values.get("project"):
                header = parsed(values["project"], f"row {number}: project")
    if not number:
        raise BadInput("{name} has no rows; export again", name=folder.name)
    if header is not None:
        labels.setup, labels.version = project_of(header, PROJECT)
    return labels


def _project_file(folder: Path) -> Any:
    """What project.json says, in the folder or in a split's."""
    found = next((p for p in sorted(folder.glob(f"**/{PROJECT}")) if inside(p, folder)), None)
    return None if found is None else parsed(found.read_bytes(), PROJECT)


def _data_files(folder: Path) -> list[Path]:
    files = [
        path for kind in ("arrow", "parquet") for path in sorted(folder.rglob(f"*.{kind}"))
        # What datasets computed of it, and what the hub's client keeps.
        if not path.name.startswith("cache-") and ".cache" not in path.relative_to(folder).parts
        and inside(path, folder)
    ]  # fmt: skip
    if not files:
        raise BadInput(
            "{folder} is no datasets folder (it holds no .arrow or .parquet files); give "
            "one that labels were exported to, or that a dataset repository was "
            "downloaded to",
            folder=folder,
        )
    return files


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as pa

    try:
        for batch in _batches(path):
            # Offsets of a damaged file would otherwise lead out of memory.
            batch.validate(full=True)
            _check_columns(batch.schema.names, path)
            for start in range(0, batch.num_rows, BATCH):
                yield from batch.slice(start, BATCH).to_pylist()
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
        raise BadInput(
            "{name} cannot be read ({error}); export again, or download it again",
            name=path.name,
            error=str(error).splitlines()[0],
        ) from error


def _batches(path: Path) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(BATCH)
        return
    with pa.OSFile(str(path)) as source:
        try:
            with pa.ipc.open_stream(source) as stream:
                yield from stream
        except pa.ArrowInvalid:
            source.seek(0)
            file = pa.ipc.open_file(source)
            for number in range(file.num_record_batches):
                yield file.get_batch(number)


def _check_columns(columns: list[str], path: Path) -> None:
    if "responses" not in columns or not {"item", "picture"} & set(columns):
        missing = "responses" if "responses" not in columns else "item"
        raise BadInput(
            "{name} has no column {missing!r}; give a folder that labels were exported to",
            name=path.name,
            missing=missing,
        )


def _take(values: Mapping[str, Any], where: str, labels: LabelSet, keep: Keep) -> None:
    """Append what a row says."""
    image = values.get("image")
    content = image.get("bytes") if isinstance(image, Mapping) else None
    about = {key: values.get(key) for key in ("item", "picture")}
    if content is not None and not about["picture"]:
        about["record"] = where  # two rows of one name are two pictures
    item = row(ItemRow, {**about, "names": values.get("names")}, where)
    kept = keep(content) if isinstance(content, bytes) else None
    labels.items.append(item.model_copy(update={"content": kept}))
    for response in _objects(values["responses"]):
        labels.responses.append(row(ResponseRow, {**response, **about}, where))
    for suggestion in _objects(values.get("suggestions")):
        named = {p["class"]: p["score"] for p in _objects(suggestion.get("probabilities"))}
        rest = {**suggestion, **about, "probabilities": named}
        labels.suggestions.append(row(SuggestionRow, rest, where))


def _objects(values: Any) -> list[dict[str, Any]]:
    """A column of objects, of which some libraries make an object of columns."""
    if isinstance(values, Mapping):
        columns = {key: value or [] for key, value in values.items()}
        return [
            dict(zip(columns, some, strict=True)) for some in zip(*columns.values(), strict=True)
        ]
    return [dict(value) for value in values or [] if isinstance(value, Mapping)]
