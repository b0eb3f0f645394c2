"""One label an item from several people's: what a model is trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backends.errors import BadInput, NotFound
from studio.labels.stats.agreement import cohen
from studio.labels.stats.votes import NO_LABEL, NO_VOTE, Votes, votes_of
from studio.labels.store import pictures, projects, responses, suggestions
from studio.labels.store.database import Database
from studio.labels.store.records import Project, Suggestion

if TYPE_CHECKING:
    from backends.training.labelled import Labelled

__all__ = ["RULES", "LabelRow", "distributions", "rows", "rows_for_training", "trust"]

RULES = {
    "majority": "the class with the most votes; over the classes that tie, in equal shares",
    "soft": "each class by the share of its votes",
    "weighted": "shares, a vote counting by how well its giver agrees with the others",
    "suggestions:SCORE": "by majority, and where nobody answered what a model suggests with at "
    "least that score, such as suggestions:0.9",
    "annotator:NAME": "that person's answers alone",
}
PERSON, SUGGESTED = "annotator:", "suggestions:"


@dataclass(frozen=True)
class LabelRow:
    """An item's label: ``shares`` of the classes that have any, which sum to 1, and how much the
    item counts in training."""

    item_id: int
    picture: str
    shares: dict[str, float]
    weight: float = 1.0


def rows(
    database: Database, project: Project, version: int | None = None, rule: str = "majority"
) -> list[LabelRow]:
    """The label of every item that has one, by a rule of :data:`RULES`; see
    :func:`distributions`.

    :param version: of the label set; the newest unless given.
    :raises BadInput: there is no such rule.
    :raises NotFound: there is no such version, or nobody of that name answered.
    """
    if rule.startswith(SUGGESTED):
        return _with_suggestions(database, project, version, rule)
    votes = votes_of(project.classes, responses.standing(database, project, version))
    shares, weights = distributions(votes, rule)
    sha256s = {item.id: item.picture for item in pictures.items(database, project)}
    return [
        LabelRow(
            item,
            sha256s[item],
            {name: float(s) for name, s in zip(votes.classes, share, strict=True) if s > 0},
            float(weight),
        )
        for item, share, weight in zip(votes.items, shares, weights, strict=True)
        if weight > 0
    ]


def _with_suggestions(
    database: Database, project: Project, version: int | None, rule: str
) -> list[LabelRow]:
    """People's labels, and those of models where there are none; of several the surest one's."""
    try:
        least = float(rule.removeprefix(SUGGESTED))
    except ValueError:
        least = -1.0
    if not 0 <= least <= 1:
        raise BadInput(
            "the score of {rule!r} is no number from 0 to 1; write: suggestions:0.9", rule=rule
        )
    standing = responses.standing(database, project, version)
    answered = {response.item_id for response in standing}
    sha256s = {item.id: item.picture for item in pictures.items(database, project)}
    best: dict[int, Suggestion] = {}
    for one in suggestions.newest(database, project):
        known = one.value in project.classes and one.item_id not in answered
        if known and one.score >= max(least, best[one.item_id].score if one.item_id in best else 0):
            best[one.item_id] = one
    found = rows(database, project, version)
    return found + [LabelRow(item, sha256s[item], {one.value: 1.0}) for item, one in best.items()]


def rows_for_training(
    database: Database, project: Project, version: int | None = None, rule: str = "majority"
) -> Labelled:
    """As :func:`rows`, with the pictures, as training takes them.

    :raises BadInput: there is no such rule, or no item has a label by it.
    :raises NotFound: there is no such version, or nobody of that name answered.
    """
    from backends.training.labelled import Labelled

    if version is None:
        version = projects.find(database, project.name).version
    found = rows(database, project, version, rule)
    if not found:
        raise BadInput(
            "label set {version} of {name!r} has no label by the rule {rule!r}; label "
            "some pictures first",
            version=version,
            name=project.name,
            rule=rule,
        )
    content = pictures.content(database, [row.picture for row in found])
    return Labelled(
        classes=list(project.classes),
        pictures=np.stack([pictures.array_of(content[row.picture]) for row in found]),
        labels=np.array(
            [[row.shares.get(name, 0.0) for name in project.classes] for row in found], np.float32
        ),
        weights=np.array([row.weight for row in found], np.float32),
        version=f"{project.name} {version} {rule}",
    )


def distributions(votes: Votes, rule: str) -> tuple[np.ndarray, np.ndarray]:
    """Shares float [N, K] and weights float [N] of a label set's items; weight 0: no label.

    With n_ak = 1 where person a voted for class k on an item, and w_a = 1 unless the rule is
    *weighted* (see :func:`trust`), the votes of an item are v_k = sum_a w_a n_ak. Its shares are
    v_k / sum_k v_k, or for *majority* 1 / m for each of the m classes with the greatest v_k. Its
    weight is the mean w_a of who voted, hence 1 but by *weighted*, where an item that only people
    at chance level labelled counts nothing. An adjudication overrides every rule but
    *annotator:NAME*: all of its class, weight 1; or no label, where it says so.

    :raises BadInput: there is no such rule.
    :raises NotFound: nobody of that name answered.
    """
    one_hot = (votes.codes[:, :, None] == np.arange(len(votes.classes))).astype(float)
    weights = np.ones(len(votes.people))
    verdicts = votes.verdicts
    if rule.startswith(PERSON):
        one_hot = one_hot[[_row(votes, rule.removeprefix(PERSON))]]
        weights, verdicts = weights[:1], np.full_like(verdicts, NO_VOTE)
    elif rule == "weighted":
        weights = trust(votes)
    elif rule not in ("majority", "soft"):
        raise BadInput(
            "there is no rule {rule!r}; choose from: {rules}", rule=rule, rules=", ".join(RULES)
        )
    v = np.einsum("a,ank->nk", weights, one_hot)
    sums = v.sum(1)
    voters = one_hot.sum((0, 2))
    if rule == "majority":
        v = ((v == v.max(1, keepdims=True)) & (sums > 0)[:, None]).astype(float)
    shares = v / np.maximum(v.sum(1, keepdims=True), np.finfo(float).tiny)
    counts = sums / np.maximum(voters, 1)
    decided = verdicts >= 0
    shares[decided] = np.eye(len(votes.classes))[verdicts[decided]]
    counts[decided], counts[verdicts == NO_LABEL] = 1.0, 0.0
    return shares, counts


def trust(votes: Votes) -> np.ndarray:
    """How much each person's vote weighs, float [P] in [0, 1]: w_a = max(0, kappa_a), with
    Cohen's kappa between person a and what all others agree on (:meth:`Votes.others`). A person
    of whom it cannot be computed gets the mean of the others' weights, or 1 where nobody's can.
    It rests on the majority being right: among two or three people one who errs on purpose
    spoils the weights of all.
    """
    kappas = [cohen(votes.codes[n], votes.others(n)).value for n in range(len(votes.people))]
    known = [max(0.0, kappa) for kappa in kappas if kappa is not None]
    usual = sum(known) / len(known) if known else 1.0
    return np.array([usual if kappa is None else max(0.0, kappa) for kappa in kappas])


def _row(votes: Votes, name: str) -> int:
    try:
        return votes.person(name)
    except ValueError:
        raise NotFound(
            "nobody called {name!r} labelled anything; these did: {value}",
            name=name,
            value=", ".join(votes.people) or "nobody yet",
        ) from None
