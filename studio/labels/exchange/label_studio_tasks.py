"""Read Label Studio's JSON of annotated tasks: our own, or its export of a project with choices.

What has no place in a project is left out, and counted: predictions and drafts of which an export
has only the numbers, boxes and ratings, answers to another question. Only an empty result means
*unsure*. An annotation marked as ground truth is that person's response, and an adjudication too.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from pydantic import ValidationError
from pydantic_core import from_json

from backends.errors import BadInput
from studio.labels.exchange.containment import inside
from studio.labels.exchange.label_studio_models import Annotation, Result, Task, TaskPrediction
from studio.labels.exchange.options import Keep, ReadOptions
from studio.labels.exchange.picture_names import (
    PictureNames,
    looks_like_picture,
    names_of,
    paths_of,
)
from studio.labels.exchange.rows import (
    ItemRow,
    LabelSet,
    ResponseRow,
    SuggestionRow,
    project_of,
    row,
)
from studio.labels.store.records import (
    ADJUDICATION,
    DISCARDED,
    DRAFT,
    LABEL,
    LONGEST_SECONDS,
    SUBMITTED,
    first_problem,
)  # fmt: skip

__all__ = ["CHOICE", "NAME", "NOTE", "read"]

NAME = "tasks.json"
CHOICE, NOTE = "choice", "note"
USUAL = ("image", "img", "picture", "photo", "url", "image_url", "$undefined$")  # a picture's field
NUMBERS_ONLY = "{} of which the file has only the number"


def read(path: Path, options: ReadOptions) -> LabelSet:
    """Tasks of ours, or of Label Studio's own JSON export with single choices.

    Pictures are taken out of data: URLs, or from files beside the JSON that the task's image may
    mean; others must be in the project. No address is fetched.

    :raises BadInput: with the task that cannot be read; or the file has several questions and the
        options name none of them; or nothing in it is a choice.
    """
    tasks = _tasks(path, options)
    control = _control(tasks, options.control)
    reader = _Reader(path, control, options.keep)
    for where, task in tasks:
        reader.take(task, where)
    labels = reader.labels
    submitted = any(task.submitted for _, task in tasks)
    if submitted and not labels.responses and not labels.suggestions:
        left_out = ", ".join(f"{what}: {count}" for what, count in labels.left_out.items())
        raise BadInput(
            "{name} holds nothing that a project can take ({left_out}); a project's "
            "answers are single choices; nothing was taken",
            name=path.name,
            left_out=left_out,
        )
    return labels


def _tasks(path: Path, options: ReadOptions) -> list[tuple[str, Task]]:
    try:
        # Python writes NaN; the fields that are read refuse it, others may have it.
        values = from_json(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        raise BadInput(
            "{name} is no JSON ({error}); export it again", name=path.name, error=error
        ) from error
    if isinstance(values, dict) and "data" in values:
        values = [values]
    if not isinstance(values, list):
        raise BadInput(
            "{name} is no list of tasks; export from Label Studio as JSON", name=path.name
        )
    options.check_rows(len(values))
    found = []
    for number, value in enumerate(values, 1):
        try:
            found.append((f"task {number}", Task.model_validate(value)))
        except ValidationError as error:
            raise BadInput(
                "task {number} of {name} is no task as Label Studio exports it ({error}); "
                "choose its export format JSON (not JSON-MIN); nothing was taken",
                number=number,
                name=path.name,
                error=first_problem(error, ""),
            ) from error
    return found


def _control(tasks: list[tuple[str, Task]], wanted: str | None) -> str | None:
    """The name of the control whose choices are the labels; None where there is none."""
    names = Counter(
        result.from_name
        for _, task in tasks
        for work in (*task.submitted, *(task.drafts or ()), *(task.predictions or ()))
        if not isinstance(work, int)
        for result in work.result
        if result.choices
    )
    known = ", ".join(sorted(names)) or "none"
    if wanted is not None and wanted not in names:
        raise BadInput(
            "there is no question {wanted!r} in the file; its questions are: {known}",
            wanted=wanted,
            known=known,
        )
    if wanted is None and len(names) > 1:
        raise BadInput(
            "the file has answers to several questions ({known}); choose one with "
            "--control; nothing was taken",
            known=known,
        )
    return wanted or next(iter(names), None)


class _Reader:
    """Collects the rows of one file."""

    def __init__(self, path: Path, control: str | None, keep: Keep) -> None:
        self.labels = LabelSet(None)
        self._keep = keep
        self.folder = path.parent
        self.control = control
        self._beside: PictureNames[Path] | None = None
        self._records: dict[str, dict[str, str]] = {}  # by reference: what rows about it share
        self._names: set[str] = set()

    def take(self, task: Task, where: str) -> None:
        """Append what a task says.

        :raises BadInput: it cannot be read.
        """
        about = self._item(task, where)
        ours = task.ours
        if ours.get("project") is not None:
            self.labels.setup, self.labels.version = project_of(ours["project"], where)
        for old in _objects(ours.get("history")):
            self.labels.responses.append(row(ResponseRow, {**old, **about}, where))
        for annotation in self._whole(task.submitted, "annotations"):
            for values in self._answers(annotation, bool(ours), where):
                self.labels.responses.append(row(ResponseRow, about | values, where))
        for draft in self._whole(task.drafts, "drafts"):
            if draft.annotation is not None:
                self.labels.left_out["drafts that change a submitted answer"] += 1
                continue
            meaning = self._meaning(draft.result, bool(ours), where, "drafts")
            if meaning is not None:
                values = {
                    "state": DRAFT, "annotator": _person(draft.user), "value": meaning[0],
                    "note": meaning[1], "seconds": _seconds(draft.lead_time),
                    "created": draft.created_at, "number": _number(draft.id),
                }  # fmt: skip
                self.labels.responses.append(row(ResponseRow, about | values, where))
        for prediction in self._whole(task.predictions, "predictions"):
            meaning = self._meaning(prediction.result, bool(ours), where, "predictions")
            if meaning is None or meaning[0] is None:
                self.labels.left_out["predictions without a class"] += meaning is not None
            else:
                values = _suggestion(prediction, meaning[0])
                self.labels.suggestions.append(row(SuggestionRow, about | values, where))

    def _item(self, task: Task, where: str) -> dict[str, str]:
        """Append the task's item; what all rows about it have in common."""
        data = task.data
        sha256 = data.get("picture") if task.ours or _is_sha256(data.get("picture")) else None
        reference = _reference(data, where)
        if sha256:
            name = str(data.get("item") or f"{sha256[:12]}.png")
            about = {"item": name, "picture": sha256}
            names = task.ours.get("names")
        else:
            # Two uploads may have had one name: the reference identifies them, not the name.
            known = self._records.get(reference)
            if known is not None:
                return known
            name, names = self._name(reference, where)
            about = self._records[reference] = {"item": name, "picture": "", "record": where}
        item = row(ItemRow, about | {"names": names, "reference": reference}, where)
        content = self._content(reference, where)
        self.labels.items.append(item.model_copy(update={"content": content}))
        return about

    def _name(self, reference: str, where: str) -> tuple[str, list[str]]:
        """The plainest name that no other picture of the file has, and an upload's own name."""
        some = names_of(reference) or [f"{where}.png".replace(" ", "-")]
        name = next((n for n in some if n not in self._names), f"{where} {some[-1]}")
        self._names.add(name)
        return name, [n for n in some[1:2] if n != name]

    def _content(self, reference: str, where: str) -> bytes | Path | None:
        if reference.startswith("data:"):
            head, _, body = reference.partition(",")
            try:
                if not head.endswith(";base64"):
                    return self._keep(unquote_to_bytes(body))
                return self._keep(base64.b64decode("".join(body.split()), validate=True))
            except (binascii.Error, ValueError) as error:
                raise BadInput(
                    "{where}: its data: URL is damaged; export again", where=where
                ) from error
        if self._beside is None:
            self._beside = PictureNames(_files(self.folder))
        for parts in paths_of(reference):
            path = self.folder.joinpath(*parts)
            if inside(path, self.folder):
                return path
        try:
            return self._beside.find(reference)
        except BadInput as error:
            raise BadInput(
                "{where}: {error}; give the pictures the names that Label Studio has them "
                "under; nothing was taken",
                where=where,
                error=error,
            ) from error

    def _whole(self, works: Iterable[Any] | None, what: str) -> Iterator[Any]:
        """Those that are more than a number."""
        for work in works or ():
            if isinstance(work, int):
                self.labels.left_out[NUMBERS_ONLY.format(what)] += 1
            else:
                yield work

    def _answers(self, annotation: Annotation, ours: bool, where: str) -> Iterator[dict[str, Any]]:
        """An annotation as a response; as ground truth, as an adjudication too."""
        cancelled = bool(annotation.was_cancelled)
        meaning = self._meaning(annotation.result, ours, where, "annotations", cancelled)
        if meaning is None:
            return
        values = {
            "annotator": annotation.annotator or _person(annotation.completed_by),
            "state": DISCARDED if cancelled else SUBMITTED,
            "value": meaning[0],
            "note": meaning[1],
            "seconds": _seconds(annotation.lead_time),
            # Who changes an answer there, changes the annotation.
            "created": annotation.updated_at or annotation.created_at,
            "number": _number(annotation.id),
        }
        # In our files, an adjudication is no response.
        ours = ours and annotation.annotator is not None
        if not (annotation.ground_truth and ours):
            yield {"kind": LABEL, **values}
        if annotation.ground_truth and (ours or not cancelled):
            yield {"kind": ADJUDICATION, **values}

    def _meaning(
        self, results: list[Result], ours: bool, where: str, what: str, cancelled: bool = False
    ) -> tuple[str | None, str] | None:
        """The class that was chosen, and the note; None where a project has no place for it."""
        chosen = [c for r in results if r.from_name == self.control for c in r.choices]
        if len(chosen) > 1 or any(not isinstance(c, str) for c in chosen):
            raise BadInput(
                "{where} has several choices in one answer ({str}); a project's answers are "
                "single classes; nothing was taken",
                where=where,
                str=", ".join(map(str, chosen)),
            )
        note = "\n".join(text for r in results for text in r.texts)
        others = sorted({
            f"{r.type or 'results'} ({r.from_name})" for r in results
            if r.type not in ("textarea", "relation") and not r.empty
            and not (r.choices and r.from_name == self.control)
        })  # fmt: skip
        if chosen or cancelled or not (others or (note and not ours)):
            for other in others:
                self.labels.left_out[f"{other} beside a choice"] += 1
            return (chosen[0] if chosen else None), note
        kinds = ", ".join(others) or "a text alone"
        self.labels.left_out[f"{what} without a choice, with {kinds}"] += 1
        return None


def _objects(values: Any) -> list[dict[str, Any]]:
    return [v for v in values if isinstance(v, dict)] if isinstance(values, list) else []


def _suggestion(prediction: TaskPrediction, value: str) -> dict[str, Any]:
    return {
        "agent": prediction.model_version or "Label Studio",
        "model_hash": prediction.model_hash or "",
        "value": value,
        "score": 1.0 if prediction.score is None else prediction.score,
        "probabilities": prediction.probabilities or {},
        "created": prediction.created_at,
    }


def _reference(data: dict[str, Any], where: str) -> str:
    """What a task's data says about its picture: of the usual field, else of the one that looks
    like a picture's."""
    texts = {}
    for key, value in data.items():
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, str) and value.strip():
            texts[key] = value
    usual = [key for key in USUAL if key in texts]
    if usual:
        return texts[usual[0]]
    pictures = [key for key, text in texts.items() if looks_like_picture(text)]
    if len(pictures) > 1:
        raise BadInput(
            "{where} has several pictures ({pictures}); a project's items are single "
            "pictures; name the field that counts 'image'; nothing was taken",
            where=where,
            pictures=", ".join(pictures),
        )
    if not pictures and len(texts) != 1:
        raise BadInput(
            "{where} has no picture; name the field that has its address 'image'; "
            "nothing was taken",
            where=where,
        )
    return texts[pictures[0]] if pictures else next(iter(texts.values()))


def _files(folder: Path) -> list[tuple[str, Path]]:
    """Files beside the JSON and in its folder images, by their names there; never elsewhere."""
    images = folder / "images"
    some = sorted(path for path in images.rglob("*") if inside(path, folder))
    found = [(path.relative_to(images).as_posix(), path) for path in some]
    beside = [path for path in sorted(folder.iterdir()) if inside(path, folder)]
    return found + [(path.name, path) for path in beside if looks_like_picture(path.name)]


def _person(who: Any) -> str:
    """A name for what Label Studio calls a person: a number, or an object with an address."""
    if isinstance(who, dict):
        who = who.get("email") or who.get("username") or who.get("id")
    if isinstance(who, str) and who.strip():
        return who
    return "annotator" if who in (None, "") else f"annotator {who}"


def _seconds(lead_time: float | None) -> float:
    """Label Studio counts on while a task is left open, for days."""
    lasting = lead_time or 0.0
    return min(lasting, LONGEST_SECONDS) if lasting < math.inf else lasting


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _number(value: Any) -> int | None:
    return int(value) if str(value).isdecimal() and len(str(value)) < 18 else None
