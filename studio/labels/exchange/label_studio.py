"""Label Studio's JSON of annotated tasks, both ways.

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

import base64
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import quoteattr

from backends.errors import BadInput
from studio.labels.exchange.lines import project_of
from studio.labels.exchange.rows import Guess, LabelSet, Piece, Row, Said, iso, plain, row
from studio.labels.store.records import DISCARDED, DRAFT, SUBMITTED
from studio.labels.store.responses import ADJUDICATION, LABEL

__all__ = ["NAME", "config", "read", "write"]

NAME = "tasks.json"
OURS = "counterfactual_studio"  # our part of a task's meta
UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # what Label Studio puts before an uploaded file's name
CHOICE, NOTE, IMAGE = "choice", "note", "image"


def config(labels: LabelSet) -> str:
    """The labelling interface that a Label Studio project needs for these tasks."""
    assert labels.setup is not None, "an exported label set knows its project"
    choices = "".join(f"\n    <Choice value={quoteattr(n)}/>" for n in labels.setup.classes)
    return (
        f"<View>\n  <Header value={quoteattr(labels.setup.question)}/>\n"
        f'  <Image name="{IMAGE}" value="$image"/>\n'
        f'  <Choices name="{CHOICE}" toName="{IMAGE}" choice="single">{choices}\n  </Choices>\n'
        f'  <TextArea name="{NOTE}" toName="{IMAGE}"/>\n</View>\n'
    )


def write(
    path: Path,
    labels: LabelSet,
    content: Iterable[tuple[Piece, bytes]] | None,
    folder: str = "",
) -> None:
    """A list of tasks, one an item.

    :param content: every item with its PNG, written into the task as a data: URL; None where the
        pictures are files in ``folder``.
    """
    about: dict[str, list[Row]] = defaultdict(list)
    for said in (*labels.said, *labels.guesses):
        about[said.picture].append(said)
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        separator = "\n"
        for number, (piece, image) in enumerate(_images(labels, content, folder), 1):
            task = _task(number, piece, image, about[piece.picture], labels)
            file.write(separator + json.dumps(task, ensure_ascii=False))
            separator = ",\n"
        file.write("\n]\n")


def read(path: Path) -> LabelSet:
    """Tasks of ours, or of Label Studio's own JSON export with single choices.

    Pictures are taken out of data: URLs, or from files beside the JSON that have the name of the
    task's image; others must be in the project under that name. No address is fetched.

    :raises BadInput: with the task that cannot be read.
    """
    try:
        tasks = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise BadInput(f"{path.name} is no JSON ({error}); export it again") from error
    if not isinstance(tasks, list):
        raise BadInput(f"{path.name} is no list of tasks; export from Label Studio as JSON")
    labels = LabelSet(None)
    setup, version = None, 0
    for number, task in enumerate(tasks, 1):
        where = f"task {number}"
        try:
            header = _read_task(task, where, path.parent, labels)
        except (AttributeError, KeyError, TypeError, IndexError) as error:
            raise BadInput(
                f"{where} of {path.name} is no task as Label Studio exports it; choose its export "
                "format JSON (not JSON-MIN); nothing was taken"
            ) from error
        if header:
            setup, version = project_of(header, where)
    return LabelSet(setup, version, False, labels.items, labels.said, labels.guesses)


def _images(
    labels: LabelSet, content: Iterable[tuple[Piece, bytes]] | None, folder: str
) -> Iterator[tuple[Piece, str]]:
    if content is None:
        for piece in labels.items:
            yield piece, f"{folder}/{piece.picture}.png"
        return
    for piece, png in content:
        yield piece, f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _task(
    number: int, piece: Piece, image: str, about: list[Row], labels: LabelSet
) -> dict[str, Any]:
    said = [r for r in about if isinstance(r, Said)]
    stands = [r for r in said if r.superseded_by is None]
    meta: dict[str, Any] = {"history": [plain(r) for r in said if r.superseded_by is not None]}
    if number == 1:
        meta["project"] = labels.header()
    return {
        "id": number,
        "data": {"image": image, "item": piece.item, "picture": piece.picture},
        "annotations": [_annotation(r) for r in stands if r.state != DRAFT],
        "drafts": [_draft(r) for r in stands if r.state == DRAFT],
        "predictions": [_prediction(r) for r in about if isinstance(r, Guess)],
        "meta": {OURS: meta},
    }


def _annotation(said: Said) -> dict[str, Any]:
    by = {"completed_by": {"email": said.annotator}} if "@" in said.annotator else {}
    return by | {
        "id": said.number,
        "result": _result(said.value, said.note),
        "was_cancelled": said.state == DISCARDED,
        "ground_truth": said.kind == ADJUDICATION,
        "created_at": iso(said.created),
        "updated_at": iso(said.created),
        "lead_time": said.seconds,
        "annotator": said.annotator,
    }


def _draft(said: Said) -> dict[str, Any]:
    # Label Studio takes no other keys in a draft.
    return {
        "id": said.number,
        "result": _result(said.value, said.note),
        "created_at": iso(said.created),
        "lead_time": said.seconds,
        "user": said.annotator,
    }


def _prediction(guess: Guess) -> dict[str, Any]:
    return {
        "result": _result(guess.value, ""),
        "model_version": guess.agent,
        "score": guess.score,
        "model_hash": guess.model_hash,
        "probabilities": guess.probabilities,
        "created_at": iso(guess.created),
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


def _read_task(
    task: dict[str, Any], where: str, folder: Path, labels: LabelSet
) -> dict[str, Any] | None:
    """Append what a task says; the project's header where it has one."""
    data = task["data"]
    image = data.get("image") or next((v for v in data.values() if isinstance(v, str)), "")
    ours = (task.get("meta") or {}).get(OURS) or {}
    sha256 = data.get("picture", "")
    item = data.get("item") or _name(image) or f"{where}.png".replace(" ", "-")
    key = {"item": item, "picture": sha256}
    piece = row(Piece, key, where)
    labels.items.append(piece.model_copy(update={"content": _content(image, folder, where)}))
    for old in ours.get("history", ()):
        labels.said.append(row(Said, {**old, **key}, where))
    for annotation in task.get("annotations") or ():
        labels.said.append(row(Said, key | _said(annotation, where), where))
    for draft in task.get("drafts") or ():
        # A draft beside its annotation is an edit that was never submitted.
        if draft.get("annotation") is None:
            values = _said(draft, where) | {"state": DRAFT, "annotator": _person(draft.get("user"))}
            labels.said.append(row(Said, key | values, where))
    for prediction in task.get("predictions") or ():
        value, _ = _meaning(prediction["result"], where)
        if value is not None:
            labels.guesses.append(row(Guess, key | _guess(prediction, value), where))
    return ours.get("project")


def _said(annotation: dict[str, Any], where: str) -> dict[str, Any]:
    value, note = _meaning(annotation["result"], where)
    cancelled = bool(annotation.get("was_cancelled"))
    return {
        "kind": ADJUDICATION if annotation.get("ground_truth") else LABEL,
        "annotator": annotation.get("annotator") or _person(annotation.get("completed_by")),
        "state": DISCARDED if cancelled else SUBMITTED,
        "value": value,
        "note": note,
        "seconds": annotation.get("lead_time") or 0.0,
        # Who changes an answer there, changes the annotation.
        "created": annotation.get("updated_at") or annotation.get("created_at"),
        "number": _number(annotation.get("id")),
    }


def _guess(prediction: dict[str, Any], value: str) -> dict[str, Any]:
    score = prediction.get("score")
    return {
        "agent": prediction.get("model_version") or "Label Studio",
        "model_hash": prediction.get("model_hash", ""),
        "value": value,
        "score": 1.0 if score is None else score,
        "probabilities": prediction.get("probabilities") or {},
        "created": prediction.get("created_at"),
    }


def _meaning(result: list[dict[str, Any]], where: str) -> tuple[str | None, str]:
    """The class that was chosen, and the note."""
    chosen = [c for r in result if r["type"] == "choices" for c in r["value"]["choices"]]
    if len(chosen) > 1:
        raise BadInput(
            f"{where} has several choices in one answer ({', '.join(map(str, chosen))}); a "
            "project's answers are single classes; nothing was taken"
        )
    notes = [t for r in result if r["type"] == "textarea" for t in _texts(r["value"]["text"])]
    return (chosen[0] if chosen else None), "\n".join(notes)


def _texts(text: str | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else text


def _person(who: Any) -> str:
    """A name for what Label Studio calls a person: a number, or an object with an address."""
    if isinstance(who, dict):
        return str(who.get("email") or f"annotator {who['id']}")
    return who if isinstance(who, str) else "annotator" if who is None else f"annotator {who}"


def _number(value: Any) -> int | None:
    return int(value) if str(value).isdecimal() else None


def _name(image: str) -> str:
    """What a task's image was called before it was uploaded or served; nothing for a data: URL."""
    if image.startswith("data:"):
        return ""
    parts = urlsplit(image)
    served = parse_qs(parts.query).get("d")  # local files are behind /data/local-files/?d=
    path = served[0] if served else unquote(parts.path)
    return UPLOADED.sub("", PurePosixPath(path.replace("\\", "/")).name)


def _content(image: str, folder: Path, where: str) -> bytes | Path | None:
    if image.startswith("data:"):
        head, _, body = image.partition(",")
        try:
            return base64.b64decode(body, validate=True) if head.endswith(";base64") else None
        except ValueError as error:
            raise BadInput(f"{where}: its data: URL is damaged; export again") from error
    # By name alone: a path in a file must not reach elsewhere on this machine.
    last = PurePosixPath(urlsplit(image).path.replace("\\", "/")).name
    places = [folder / sub / name for sub in ("images", ".") for name in (last, _name(image))]
    return next((path for path in places if path.name and path.is_file()), None)
