"""Label Studio's JSON of annotated tasks, as we write it; :mod:`.label_studio_tasks` reads it.

Of an annotation Label Studio keeps ``result``, ``was_cancelled``, ``ground_truth`` and
``lead_time`` when it takes a file in, and of a task ``data`` and ``meta``; what else stands in our
files is for reading them here. So:

* a class is a choice, a note a text area, *unsure* an empty result, skipped ``was_cancelled``, an
  adjudication ``ground_truth``, what was taken back a draft;
* what was superseded stands in ``meta``, or it would count as another vote;
* ``completed_by`` is written where a person's name is an e-mail address, since Label Studio refuses
  a file with people who are no members of it; the name always stands in ``annotator``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr  # nosec B406 # it writes XML, and reads none

from studio import export
from studio.labels.exchange.label_studio_models import OURS
from studio.labels.exchange.label_studio_tasks import CHOICE, NAME, NOTE, read
from studio.labels.exchange.rows import (
    ItemRow,
    LabelSet,
    ResponseRow,
    SuggestionRow,
    iso,
    plain,
)
from studio.labels.store.records import ADJUDICATION, DISCARDED, DRAFT

__all__ = ["CHOICE", "NAME", "NOTE", "config", "read", "write"]

IMAGE = "image"


def config(labels: LabelSet) -> str:
    """The labelling interface that a Label Studio project needs for these tasks."""
    choices = "".join(f"\n    <Choice value={quoteattr(n)}/>" for n in labels.project.classes)
    return (
        f"<View>\n  <Header value={quoteattr(labels.project.question)}/>\n"
        f'  <Image name="{IMAGE}" value="$image"/>\n'
        f'  <Choices name="{CHOICE}" toName="{IMAGE}" choice="single">{choices}\n  </Choices>\n'
        f'  <TextArea name="{NOTE}" toName="{IMAGE}"/>\n</View>\n'
    )


def write(
    path: Path,
    labels: LabelSet,
    content: Iterable[tuple[ItemRow, bytes]] | None,
    folder: str = "",
) -> None:
    """A list of tasks, one an item.

    :param content: every item with its PNG, written into the task as a data: URL; None where the
        pictures are files in ``folder``.
    """
    by_picture = labels.by_picture()
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        separator = "\n"
        for number, (item, image) in enumerate(_images(labels, content, folder), 1):
            task = _task(number, item, image, *by_picture[item.picture], labels)
            file.write(separator + json.dumps(task, ensure_ascii=False))
            separator = ",\n"
        file.write("\n]\n")


def _images(
    labels: LabelSet, content: Iterable[tuple[ItemRow, bytes]] | None, folder: str
) -> Iterator[tuple[ItemRow, str]]:
    if content is None:
        for item in labels.items:
            yield item, f"{folder}/{item.picture}.png"
        return
    for item, png in content:
        yield item, export.encoded_url(png)


def _task(
    number: int,
    item: ItemRow,
    image: str,
    responses: list[ResponseRow],
    suggestions: list[SuggestionRow],
    labels: LabelSet,
) -> dict[str, Any]:
    stands = [r for r in responses if r.superseded_by is None]
    meta: dict[str, Any] = {"history": [plain(r) for r in responses if r.superseded_by is not None]}
    if number == 1:
        meta["project"] = labels.header()
    if item.names:
        meta["names"] = item.names
    return {
        "id": number,
        "data": {"image": image, "item": item.item, "picture": item.picture},
        "annotations": [_annotation(r) for r in stands if r.state != DRAFT],
        "drafts": [_draft(r) for r in stands if r.state == DRAFT],
        "predictions": [_prediction(s) for s in suggestions],
        "meta": {OURS: meta},
    }


def _annotation(response: ResponseRow) -> dict[str, Any]:
    by = {"completed_by": {"email": response.annotator}} if "@" in response.annotator else {}
    return by | {
        "id": response.number,
        "result": _result(response.value, response.note),
        "was_cancelled": response.state == DISCARDED,
        "ground_truth": response.kind == ADJUDICATION,
        "created_at": iso(response.created),
        "updated_at": iso(response.created),
        "lead_time": response.seconds,
        "annotator": response.annotator,
    }


def _draft(response: ResponseRow) -> dict[str, Any]:
    # Label Studio takes no other keys in a draft.
    return {
        "id": response.number,
        "result": _result(response.value, response.note),
        "created_at": iso(response.created),
        "lead_time": response.seconds,
        "user": response.annotator,
    }


def _prediction(suggestion: SuggestionRow) -> dict[str, Any]:
    return {
        "result": _result(suggestion.value, ""),
        "model_version": suggestion.agent,
        "score": suggestion.score,
        "model_hash": suggestion.model_hash,
        "probabilities": suggestion.probabilities,
        "created_at": iso(suggestion.created),
    }


def _result(value: str | None, note: str) -> list[dict[str, Any]]:
    found = []
    if value is not None:
        found.append(_region(CHOICE, "choices", {"choices": [value]}))
    if note:
        found.append(_region(NOTE, "textarea", {"text": [note]}))
    return found


def _region(name: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "from_name": name, "to_name": IMAGE, "type": kind, "value": value}
