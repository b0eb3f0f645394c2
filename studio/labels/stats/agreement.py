"""How far people agree, between each other and with their consensus, and on what they do not."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from backends.sentences import Sentence
from studio.labels.stats.votes import NO_VOTE, SKIPPED, UNSURE, Votes, votes_of
from studio.labels.store import pictures, projects, responses
from studio.labels.store.database import Database
from studio.labels.store.records import Project
from studio.labels.store.responses import disagreement

__all__ = [
    "Agreement",
    "Disputed",
    "Figure",
    "Pair",
    "Person",
    "alpha",
    "cohen",
    "confusion",
    "disputed",
    "fleiss",
    "measured",
    "observed",
    "report",
]

NOBODY_SHARED = Sentence("no item has votes of two people; ask for more labels an item")
ONE_CLASS = Sentence("only one class was ever voted for; chance alone would agree as well")


@dataclass(frozen=True)
class Figure:
    """A number, from how many ``items`` it was computed; None with the ``reason`` why not."""

    value: float | None
    items: int
    reason: str = ""


@dataclass(frozen=True)
class Pair:
    """Two people: Cohen's kappa over the items that both voted on, and ``confusion[i][j]``, how
    many of them the first called class i and the second class j."""

    people: tuple[str, str]
    kappa: Figure
    confusion: list[list[int]]


@dataclass(frozen=True)
class Person:
    """One person: counts of their answers; the mean of their kappas with the others, and what of
    the others' consensus (:meth:`Votes.others`) they say too, with its kappa. ``confusion[i][j]``
    counts items that the others call class i and this person class j."""

    name: str
    votes: int
    unsure: int
    skipped: int
    mean_kappa: Figure
    with_consensus: Figure
    consensus_kappa: Figure
    confusion: list[list[int]]


@dataclass(frozen=True)
class Disputed:
    """An item for the administrator to decide: votes by class, who could not say, who skipped,
    and the votes' entropy as :func:`studio.labels.store.responses.disagreement` counts it."""

    item_id: int
    name: str
    picture: str
    votes: dict[str, int]
    unsure: int
    skipped: int
    disagreement: float


@dataclass(frozen=True)
class Agreement:
    """Everything about a label set's agreement."""

    project: str
    version: int
    classes: list[str]
    items: int
    votes: int
    observed: Figure
    fleiss_kappa: Figure
    krippendorff_alpha: Figure
    people: list[Person] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    to_adjudicate: list[Disputed] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As plain JSON values, with the fields' names as keys."""
        return asdict(self)


def report(database: Database, project: Project, version: int | None = None) -> Agreement:
    """Agreement in a label set, from the standing submitted labels.

    :param version: of the label set; the newest unless given.
    :raises NotFound: there is no such version.
    """
    if version is None:
        version = projects.find(database, project.name).version
    votes = votes_of(project.classes, responses.standing(database, project, version))
    named = {item.id: (item.name, item.picture) for item in pictures.items(database, project)}
    return measured(votes, named, project.name, version)


def measured(
    votes: Votes, named: dict[int, tuple[str, str]], project: str = "", version: int = 0
) -> Agreement:
    """As :func:`report`, of votes in hand; ``named`` gives items' names and pictures."""
    pairs = [
        Pair(
            (votes.people[a], votes.people[b]),
            cohen(votes.codes[a], votes.codes[b]),
            confusion(votes.codes[a], votes.codes[b], len(votes.classes)).tolist(),
        )
        for a, b in combinations(range(len(votes.people)), 2)
    ]
    return Agreement(
        project=project,
        version=version,
        classes=votes.classes,
        items=int((votes.counts.sum(1) > 0).sum()),
        votes=int(votes.counts.sum()),
        observed=observed(votes),
        fleiss_kappa=fleiss(votes),
        krippendorff_alpha=alpha(votes),
        people=[_person(votes, n, pairs) for n in range(len(votes.people))],
        pairs=pairs,
        to_adjudicate=disputed(votes, named),
    )


def cohen(first: np.ndarray, second: np.ndarray) -> Figure:
    """Cohen's kappa of two raters' classes, int [N] with -1 for none (Cohen, *A coefficient of
    agreement for nominal scales*, 1960): (p_o - p_e) / (1 - p_e) over what both rated."""
    from sklearn.metrics import cohen_kappa_score

    both = (first >= 0) & (second >= 0)
    first, second = first[both], second[both]
    if not len(first):
        return Figure(
            None, 0, Sentence("they voted on no item in common; ask for more labels an item")
        )
    if len(np.union1d(first, second)) == 1:
        return Figure(None, len(first), ONE_CLASS)
    return Figure(float(cohen_kappa_score(first, second)), len(first))


def fleiss(votes: Votes) -> Figure:
    """Fleiss' kappa (*Measuring nominal scale agreement among many raters*, 1971). It wants as
    many ratings of every item: taken are the items with exactly that number of votes, two or
    more, that most items have (of equally common numbers the greater)."""
    from statsmodels.stats.inter_rater import fleiss_kappa

    numbers = votes.counts.sum(1)
    common = np.bincount(numbers[numbers >= 2], minlength=3)
    if not common.any():
        return Figure(None, 0, NOBODY_SHARED)
    most = int(np.flatnonzero(common == common.max())[-1])
    table = votes.counts[numbers == most]
    if (table.sum(0) > 0).sum() == 1:
        return Figure(None, len(table), ONE_CLASS)
    return Figure(float(fleiss_kappa(table)), len(table))


def alpha(votes: Votes) -> Figure:
    """Krippendorff's alpha for nominal data (*Content Analysis*, chapter 11), over every item with
    two votes or more, however many."""
    import krippendorff

    table = votes.counts[votes.counts.sum(1) >= 2]
    if not len(table):
        return Figure(None, 0, NOBODY_SHARED)
    if (table.sum(0) > 0).sum() == 1:
        return Figure(None, len(table), ONE_CLASS)
    value = krippendorff.alpha(value_counts=table, level_of_measurement="nominal")
    return Figure(float(value), len(table))


def observed(votes: Votes) -> Figure:
    """Of the pairs of people who voted on an item, the share that voted for the same class; the
    mean over the items with two votes or more."""
    counts = votes.counts[votes.counts.sum(1) >= 2]
    if not len(counts):
        return Figure(None, 0, NOBODY_SHARED)
    n = counts.sum(1)
    share = (counts * (counts - 1)).sum(1) / (n * (n - 1))
    return Figure(float(share.mean()), len(counts))


def confusion(first: np.ndarray, second: np.ndarray, classes: int) -> np.ndarray:
    """int [K, K]: how many items the first calls class i and the second class j, from int [N]
    with -1 for none."""
    both = (first >= 0) & (second >= 0)
    cells = first[both] * classes + second[both]
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def disputed(votes: Votes, named: dict[int, tuple[str, str]]) -> list[Disputed]:
    """The items nobody has adjudicated on which people differ, somebody was unsure, or that
    everyone who saw them skipped; most disputed first: by disagreement, then by the share of the
    unsure, then by how many skipped."""
    unsure, skipped = ((votes.answers == what).sum(0) for what in (UNSURE, SKIPPED))
    voted = votes.counts.sum(1)
    differ = (votes.counts > 0).sum(1) > 1
    nobody = (voted == 0) & (skipped > 0)
    wanted = (votes.verdicts == NO_VOTE) & (differ | (unsure > 0) | nobody)
    found = []
    for n in np.flatnonzero(wanted):
        counts = {name: int(k) for name, k in zip(votes.classes, votes.counts[n], strict=True) if k}
        flat = [name for name, k in counts.items() for _ in range(k)]
        name, picture = named[votes.items[n]]
        found.append(
            Disputed(
                votes.items[n], name, picture, counts, int(unsure[n]), int(skipped[n]),
                disagreement(flat, len(votes.classes)),
            )
        )  # fmt: skip

    def order(item: Disputed) -> tuple[float, float, int, int]:
        doubt = item.unsure / max(item.unsure + sum(item.votes.values()), 1)
        return (-item.disagreement, -doubt, -item.skipped, item.item_id)

    return sorted(found, key=order)


def _person(votes: Votes, n: int, pairs: list[Pair]) -> Person:
    name, own, others = votes.people[n], votes.codes[n], votes.others(n)
    kappas = [p.kappa.value for p in pairs if name in p.people and p.kappa.value is not None]
    both = (own >= 0) & (others >= 0)
    shared = int(both.sum())
    if shared:
        same = Figure(float((own == others)[both].mean()), shared)
    else:
        same = Figure(None, 0, Sentence("the others agree on no item that this person voted on"))
    if kappas:
        shared = int(((own >= 0) & (votes.counts.sum(1) >= 2)).sum())
        mean = Figure(float(np.mean(kappas)), shared)
    else:
        mean = Figure(None, 0, Sentence("there is nobody else with whom a kappa can be computed"))
    answers = votes.answers[n]
    return Person(
        name, int((own >= 0).sum()), int((answers == UNSURE).sum()),
        int((answers == SKIPPED).sum()),
        mean, same, cohen(own, others), confusion(others, own, len(votes.classes)).tolist(),
    )  # fmt: skip
