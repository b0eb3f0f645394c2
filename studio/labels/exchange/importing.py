"""A label set from a file into the store: checked whole, then stored in one transaction."""

from __future__ import annotations

import hashlib
import json
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from backends.errors import BadInput
from studio.labels.exchange.allowance import VISITOR, Allowance
from studio.labels.exchange.matching import Matched, Prepare, match_pictures
from studio.labels.exchange.rows import LabelSet, ResponseRow, SuggestionRow, iso, moment
from studio.labels.store import history, pictures, projects, suggestions
from studio.labels.store.database import Database
from studio.labels.store.person_names import person_name
from studio.labels.store.records import Access, Project, Setup, Suggestion

__all__ = ["Imported", "Permit", "anybody", "store_labels"]

Permit = Callable[[Project | None], None]


def anybody(project: Project | None) -> None:
    """The permission of who has the database itself."""


@dataclass(frozen=True)
class Imported:
    """What an import added.

    :ivar items: pictures that are new to the project.
    :ivar responses: responses that are new.
    :ivar suggestions: suggestions that are new.
    :ivar repeated: responses and suggestions that were there already.
    :ivar replaced: new responses that a later one of the same person replaces; they are history.
    :ivar people: who is new to the project.
    :ivar left_out: what of the file was not taken: how often, by reason.
    :ivar access: the administrator's, where the project is new.
    """

    project: str
    version: int
    items: int
    responses: int
    suggestions: int
    repeated: int
    replaced: int
    people: list[str]
    left_out: dict[str, int] = field(default_factory=dict)
    access: Access | None = None


def store_labels(
    database: Database,
    project: Project | None,
    setup: Setup,
    labels: LabelSet,
    prepare: Prepare,
    beside: Path | None = None,
    administrator: str = "administrator",
    owner: str = "",
    own: Collection[int] | None = None,
    permit: Permit = anybody,
    allowance: Allowance = VISITOR,
) -> Imported:
    """Store a label set.

    People are found by name, or become annotators. Of one person's answers about a picture the
    latest counts, whether it comes from the file or was here. What was here already, from the same
    file or from the project that it was exported of, is not added again.

    :param project: that it goes into; None to make one.
    :param setup: settings of a project that is made.
    :param prepare: a picture as the bundle's models see it; of pictures whose sha256 the file does
        not tell.
    :param beside: a folder with pictures named by their sha256.
    :param administrator: name of who administers a project that is made.
    :param owner: their login, where there is one.
    :param own: numbers of the projects whose pictures the label set may mean without bringing
        them, beside those of ``project``; None for all.
    :param permit: called with the project as it is within the transaction, or None where it is
        made; may raise.
    :param allowance: how many people the label set may name, and pixels its pictures have.
    :raises BadInput: a class is unknown, or a picture missing or another than it should be; then
        nothing is taken.
    """
    _check_classes(labels, setup.classes if project is None else project.classes, setup.name)
    _check_people(labels, allowance.people)
    found = match_pictures(database, project, labels, prepare, beside, allowance.pixels, own)
    try:
        with database.write() as connection:
            if project is not None:
                # A right may have gone while the file was read, which can take minutes.
                permit(projects.locked(connection, project.id))
                return _stored(connection, project.id, labels, found, None)
            permit(None)
            access = projects.create_within(connection, setup, administrator, owner)
            return _stored(connection, access.annotator.project_id, labels, found, access)
    except IntegrityError as error:
        raise BadInput(
            "somebody else changed {name!r} meanwhile; import the file again", name=setup.name
        ) from error


def _check_classes(labels: LabelSet, classes: list[str], name: str) -> None:
    """Give each value the class's own spelling."""
    known = {_folded(value): value for value in classes} | {value: value for value in classes}
    rows: list[ResponseRow | SuggestionRow] = [*labels.responses, *labels.suggestions]
    for row in rows:
        if row.value is None:
            continue
        meant = known.get(row.value, known.get(_folded(row.value)))
        if meant is None:
            raise BadInput(
                "{where}: {value!r} is no class of {name!r} ({classes}); add it to the "
                "project's classes, or mend the file; nothing was taken",
                where=row.where,
                value=row.value,
                name=name,
                classes=", ".join(classes),
            )
        row.value = meant


def _check_people(labels: LabelSet, most: int) -> None:
    # Each new one is compared with all others.
    count = len({response.annotator for response in labels.responses})
    if count > most:
        raise BadInput(
            "the file names {count} people, and at most {most} are taken at once; import "
            "it in smaller parts; nothing was taken",
            count=count,
            most=most,
        )


def _folded(value: str) -> str:
    """A class's name without what spreadsheets change; a project has no two that differ by case."""
    return " ".join(unicodedata.normalize("NFC", value).split()).casefold()


def _stored(
    connection: Connection,
    number: int,
    labels: LabelSet,
    found: Mapping[str, Matched],
    access: Access | None,
) -> Imported:
    project = projects.locked(connection, number)
    named = [(one.picture, name) for one in found.values() for name in one.names or [""]]
    items, new_items = pictures.add_items(connection, project, named)
    ids = {key: items[one.picture] for key, one in found.items()}
    people, new_people = _people(connection, project, labels)
    rows, replaced = _new_responses(connection, project, labels, ids, people)
    version = history.append(connection, project, rows)
    guesses = _new_suggestions(connection, project, labels.suggestions, ids)
    suggestions.add_within(connection, project, guesses)
    there = len(labels.responses) + len(labels.suggestions) - len(rows) - len(guesses)
    return Imported(
        project.name, version, new_items, len(rows), len(guesses), there, replaced, new_people,
        dict(labels.left_out), access,
    )  # fmt: skip


def _people(
    connection: Connection, project: Project, labels: LabelSet
) -> tuple[dict[str, int], list[str]]:
    """Everybody's number by name, and who is new."""
    people = {person_name(who.name): who.id for who in projects.members(connection, project)}
    new = [name for name in dict.fromkeys(r.annotator for r in labels.responses)
           if person_name(name) not in people]  # fmt: skip
    for name in new:
        people[name] = projects.add_person(connection, project.id, name).annotator.id
    return people, new


def _new_responses(
    connection: Connection,
    project: Project,
    labels: LabelSet,
    ids: Mapping[str, int],
    people: Mapping[str, int],
) -> tuple[list[dict[str, Any]], int]:
    """Rows of the responses that the project does not have yet; how many of them a later one
    replaces, though the file does not say so."""
    known = {
        _mark(r.item_id, person_name(r.annotator), r.kind, r.state, r.value, r.note,
              iso(moment(r.created)))
        for r in history.everything(connection, project)
    } | history.requests(connection, project)  # fmt: skip
    rows: list[dict[str, Any]] = []
    answers: Counter[tuple[int, str, str]] = Counter()
    for response in sorted(labels.responses, key=lambda r: r.number or 0):
        item, created = ids[response.key], response.created
        mark = _mark(
            item, response.annotator, response.kind, response.state, response.value,
            response.note, iso(created),
        )  # fmt: skip
        if mark in known:
            continue
        known.add(mark)
        if response.superseded_by is None:
            answers[item, response.annotator, response.kind] += 1
        rows.append({
            "item_id": item, "annotator_id": people[response.annotator], "kind": response.kind,
            "state": response.state, "value": response.value, "note": response.note,
            "seconds": response.seconds, "via": "import", "request": mark,
            "created": time.time() if created is None else created.timestamp(),
        })  # fmt: skip
    return rows, sum(count - 1 for count in answers.values())


def _mark(item: int, *parts: str | None) -> str:
    """A text that identifies a response; as its ``request`` it lets the store take it once."""
    text = json.dumps([item, *parts])
    return f"import:{hashlib.sha256(text.encode()).hexdigest()}"


def _new_suggestions(
    connection: Connection,
    project: Project,
    rows: list[SuggestionRow],
    ids: Mapping[str, int],
) -> list[Suggestion]:
    known = suggestions.marks(connection, project)
    new = []
    for row in sorted(rows, key=lambda r: iso(r.created) or ""):
        mark = (ids[row.key], row.agent, row.model_hash, row.value, row.score)
        if mark not in known:
            known.add(mark)
            probabilities = row.probabilities or {row.value: row.score}
            created = row.created.timestamp() if row.created else 0.0
            new.append(Suggestion(*mark, probabilities, created))
    return new
