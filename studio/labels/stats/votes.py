"""The standing answers of a label set as arrays: what agreement and consensus are counted from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from studio.labels.store.records import DISCARDED, SUBMITTED, Response
from studio.labels.store.responses import ADJUDICATION, LABEL

__all__ = ["NO_LABEL", "NO_VOTE", "Votes", "majority_of", "votes_of"]

NO_VOTE, NO_LABEL = -1, -2
UNSURE, SKIPPED = -2, -3  # two kinds of answers that are no vote


@dataclass(frozen=True)
class Votes:
    """P people's votes on N items, K classes.

    :ivar people: who answered, by their first answer.
    :ivar items: which items they answered about, in the order of the items' ids.
    :ivar answers: int [P, N]: the class, -1 nothing, -2 unsure, -3 skipped.
    :ivar verdicts: int [N]: the class an adjudication gives, -1 none, -2 *no label*: who
        adjudicated looked, and could not say either.
    """

    classes: list[str]
    people: list[str]
    items: list[int]
    answers: np.ndarray
    verdicts: np.ndarray

    @cached_property
    def codes(self) -> np.ndarray:
        """int [P, N]: the class, -1 where a person did not vote; unsure and skipped are no vote."""
        codes: np.ndarray = np.maximum(self.answers, NO_VOTE)
        return codes

    @cached_property
    def counts(self) -> np.ndarray:
        """int [N, K]: how many people voted for each class."""
        chosen: np.ndarray = self.codes[:, :, None] == np.arange(len(self.classes))
        counts: np.ndarray = chosen.sum(0)
        return counts

    def others(self, person: int) -> np.ndarray:
        """int [N]: what everyone but a person agrees on: the adjudicated class, or the majority of
        the others' votes; -1 where they tie, did not vote, or the adjudication is *no label*."""
        counts = self.counts - (self.codes[person][:, None] == np.arange(len(self.classes)))
        return self.settled(majority_of(counts))

    def settled(self, codes: np.ndarray) -> np.ndarray:
        """int [N]: classes, with adjudications in their places."""
        codes = np.where(self.verdicts >= 0, self.verdicts, codes)
        return np.where(self.verdicts == NO_LABEL, NO_VOTE, codes)

    def person(self, name: str) -> int:
        """The row of a person.

        :raises ValueError: nobody of that name answered.
        """
        return self.people.index(name)


def majority_of(counts: np.ndarray) -> np.ndarray:
    """int [N, K] votes -> int [N]: the class with the most, -1 where two have as many or none."""
    most = counts.max(1, keepdims=True)
    clear = (most[:, 0] > 0) & ((counts == most).sum(1) == 1)
    return np.where(clear, counts.argmax(1), NO_VOTE)


def votes_of(classes: Sequence[str], responses: Sequence[Response]) -> Votes:
    """Standing responses as :class:`Votes`; of two adjudications the later one counts."""
    columns = {number: n for n, number in enumerate(sorted({r.item_id for r in responses}))}
    labels = [r for r in responses if r.kind == LABEL]
    rows = {name: n for n, name in enumerate(dict.fromkeys(r.annotator for r in labels))}
    code = {name: n for n, name in enumerate(classes)}
    answers = np.full((len(rows), len(columns)), NO_VOTE)
    for r in labels:
        if r.state == DISCARDED:
            answers[rows[r.annotator], columns[r.item_id]] = SKIPPED
        elif r.state == SUBMITTED:
            value = UNSURE if r.value is None else code[r.value]
            answers[rows[r.annotator], columns[r.item_id]] = value
    verdicts = np.full(len(columns), NO_VOTE)
    for r in sorted((r for r in responses if r.kind == ADJUDICATION), key=lambda r: r.number):
        if r.state == SUBMITTED and r.value is not None:
            verdicts[columns[r.item_id]] = code[r.value]
        elif r.state in (SUBMITTED, DISCARDED):
            verdicts[columns[r.item_id]] = NO_LABEL
    return Votes(list(classes), list(rows), list(columns), answers, verdicts)
