"""A project's label set out of the store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from studio.labels.exchange.rows import BATCH, ItemRow, LabelSet, ResponseRow, SuggestionRow, moment
from studio.labels.store import pictures, projects, responses, suggestions
from studio.labels.store.database import Database
from studio.labels.store.records import LONGEST_SECONDS, Project

__all__ = ["gather", "pngs"]


def gather(
    database: Database, project: Project, version: int | None = None, *, history: bool = False
) -> LabelSet:
    """A label set of the store: its responses, every item, each agent's newest suggestions.

    :param version: the newest unless given.
    :param history: superseded responses too.
    :raises NotFound: there is no such version.
    """
    if version is None:
        version = projects.find(database, project.name).version
    standing = responses.standing(database, project, version, history=history)
    items = {item.id: item for item in pictures.items(database, project)}
    names = pictures.further_names(database, project)

    def about(number: int) -> dict[str, Any]:
        picture = items[number].picture
        return {"item": items[number].name, "picture": picture, "record": "", "where": ""}

    return LabelSet(
        project.setup,
        version,
        history,
        [
            ItemRow.model_construct(
                **about(number), names=names.get(number, []), reference="", content=None
            )
            for number in items
        ],
        [
            ResponseRow.model_construct(
                **about(r.item_id), kind=r.kind, annotator=r.annotator, state=r.state,
                value=r.value, note=r.note, seconds=min(r.seconds, LONGEST_SECONDS),
                created=moment(r.created),
                number=r.number,
                # A later version's correction is not in this one.
                superseded_by=r.superseded_by if (r.superseded_by or 0) <= version else None,
            )
            for r in standing
        ],
        [
            SuggestionRow.model_construct(
                **about(s.item_id), kind="suggestion", agent=s.agent, model_hash=s.model_hash,
                value=s.value, score=s.score, probabilities=s.probabilities,
                created=moment(s.created),
            )
            for s in suggestions.newest(database, project)
        ],
    )  # fmt: skip


def pngs(database: Database, labels: LabelSet) -> Iterator[tuple[ItemRow, bytes]]:
    """Every item with its picture, a few at a time."""
    for start in range(0, len(labels.items), BATCH):
        some = labels.items[start : start + BATCH]
        content = pictures.content(database, [item.picture for item in some])
        for item in some:
            yield item, content[item.picture]
