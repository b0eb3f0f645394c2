"""A model labels a project's pictures: its answers are kept as suggestions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from studio.labels.store import pictures, suggestions
from studio.labels.store.database import Database
from studio.labels.store.records import Item, Project, Suggestion
from studio.labels.tasks.off_engine import off_engine

__all__ = ["Annotated", "annotate"]

READ = 256  # pictures taken out of the store at a time


@dataclass(frozen=True)
class Annotated:
    """How far a model is: ``done`` of ``total`` pictures, and how many it was ``unsure`` about
    (its best class below one half)."""

    done: int
    total: int
    unsure: int


def annotate(
    database: Database, project: Project, annotator: str, prompts: Mapping[str, Sequence[str]]
) -> Iterator[Annotated | None]:
    """Let a model of :func:`backends.service.annotation.annotate` label every picture of a project;
    store its suggestions batch by batch, so a stop keeps it. Yields how far it is, None before
    that is known, and the same again while the store takes its time.

    :raises StudioError: the model is not here, or knows none of the classes.
    """
    from backends.service import annotation

    items = yield from off_engine(partial(pictures.items, database, project))
    done = unsure = 0
    labelled = annotation.annotate(
        project.setup.bundle, annotator, project.classes, prompts, _arrays(database, items)
    )
    for batch in labelled:
        batch_suggestions = [
            Suggestion(
                item.id, entry["agent"], entry["model_hash"], entry["value"], entry["score"],
                entry["probabilities"],
            )
            for item, entry in zip(items[done:], batch, strict=False)
        ]  # fmt: skip
        now = Annotated(done, len(items), unsure)
        yield from off_engine(
            partial(suggestions.add, database, project, batch_suggestions), meanwhile=now
        )
        done += len(batch_suggestions)
        unsure += sum(entry.score < 0.5 for entry in batch_suggestions)
        yield Annotated(done, len(items), unsure)


def _arrays(database: Database, items: Sequence[Item]) -> Iterator[np.ndarray]:
    for start in range(0, len(items), READ):
        some = [item.picture for item in items[start : start + READ]]
        content = pictures.content(database, some)
        yield from (pictures.array_of(content[sha256]) for sha256 in some)
