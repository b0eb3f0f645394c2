"""Agreement equals the published examples, and a second computation from the definitions."""

import json
from itertools import combinations, permutations

import numpy as np
import pytest

from studio.labels.stats import agreement
from studio.labels.stats.votes import NO_LABEL, Votes
from studio.labels.store import pictures, projects, responses
from studio.labels.store.responses import Submission

# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C: 4 observers, 12 units.
OBSERVERS = [
    "123321412...",
    "1233224125.3",
    ".33323422 51.".replace(" ", ""),
    "12332441251.",
]
# Fleiss' kappa, the table of Wikipedia: 14 raters, 10 items, 5 categories.
FOURTEEN = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
# Cohen (1960): 200 patients sorted into three kinds by two judges.
PATIENTS = [[88, 14, 18], [10, 40, 10], [2, 6, 12]]


def votes(said, classes, verdicts=None):
    said = np.asarray(said)
    return Votes(
        [str(n) for n in range(classes)], [f"p{n}" for n in range(len(said))],
        list(range(said.shape[1])), said,
        np.full(said.shape[1], -1) if verdicts is None else np.asarray(verdicts),
    )  # fmt: skip


def named(made):
    return {item: (f"{item}.png", "0" * 64) for item in made.items}


def from_counts(table):
    """Raters who give each item's votes in the classes' order."""
    rows = [np.repeat(np.arange(len(row)), row) for row in table]
    return votes(np.array(rows).T, len(table[0]))


def test_cohens_patients():
    first, second = np.nonzero(np.ones((3, 3)))
    times = np.ravel(PATIENTS)
    figure = agreement.cohen(np.repeat(first, times), np.repeat(second, times))
    assert figure.value == pytest.approx(0.492, abs=5e-4)
    assert figure.items == 200


def test_fourteen_raters():
    figure = agreement.fleiss(from_counts(FOURTEEN))
    assert figure.value == pytest.approx(0.210, abs=5e-4)
    assert figure.items == 10


def test_four_observers_with_gaps():
    said = [[int(mark) - 1 if mark != "." else -1 for mark in row] for row in OBSERVERS]
    figure = agreement.alpha(votes(said, 5))
    assert figure.value == pytest.approx(0.743, abs=5e-4)
    assert figure.items == 11  # the twelfth unit has one value, which pairs with nothing


@pytest.fixture
def crowd():
    """Five people, 300 items, 4 classes, two of three votes given, 70 % of them right."""
    rng = np.random.default_rng(7)
    truth = rng.integers(0, 4, 300)
    said = np.where(rng.random((5, 300)) < 0.7, truth, rng.integers(0, 4, (5, 300)))
    return votes(np.where(rng.random(said.shape) < 0.67, said, -1), 4)


def test_kappa_by_its_definition(crowd):
    for a, b in combinations(crowd.codes, 2):
        pairs = [(x, y) for x, y in zip(a, b, strict=True) if x >= 0 and y >= 0]
        same = sum(x == y for x, y in pairs) / len(pairs)
        chance = sum(
            sum(x == k for x, _ in pairs) * sum(y == k for _, y in pairs) for k in range(4)
        ) / len(pairs) ** 2  # fmt: skip
        figure = agreement.cohen(a, b)
        assert figure.value == pytest.approx((same - chance) / (1 - chance))
        assert figure.items == len(pairs)
        table = agreement.confusion(a, b, 4)
        assert table.sum() == len(pairs)
        assert all(table[i, j] == pairs.count((i, j)) for i in range(4) for j in range(4))


def test_fleiss_by_its_definition(crowd):
    rated = [[int(v) for v in column if v >= 0] for column in crowd.codes.T]
    numbers = [len(r) for r in rated if len(r) >= 2]
    n = max(set(numbers), key=lambda k: (numbers.count(k), k))
    used = [r for r in rated if len(r) == n]
    agree = [sum(x == y for x, y in permutations(r, 2)) / (n * (n - 1)) for r in used]
    shares = [sum(r.count(k) for r in used) / (n * len(used)) for k in range(4)]
    chance = sum(share**2 for share in shares)
    figure = agreement.fleiss(crowd)
    assert figure.value == pytest.approx((np.mean(agree) - chance) / (1 - chance))
    assert figure.items == len(used)


def test_alpha_and_observed_by_their_definitions(crowd):
    units = [[int(v) for v in column if v >= 0] for column in crowd.codes.T]
    units = [unit for unit in units if len(unit) >= 2]
    together = np.zeros((4, 4))
    for unit in units:
        for x, y in permutations(unit, 2):
            together[x, y] += 1 / (len(unit) - 1)
    totals, n = together.sum(1), together.sum()
    differ = 1 - np.trace(together) / n
    chance = 1 - (totals * (totals - 1)).sum() / (n * (n - 1))
    assert agreement.alpha(crowd).value == pytest.approx(1 - differ / chance)
    same = [np.mean([x == y for x, y in permutations(unit, 2)]) for unit in units]
    assert agreement.observed(crowd).value == pytest.approx(np.mean(same))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([[0, 1, 2]], "two people"),
        ([[0, 1, -1], [-1, -1, 0]], "two people"),
        ([[1, 1, 1], [1, 1, 1]], "one class"),
        ([[1, 1, 0], [1, 1, -1]], "one class"),
        (np.zeros((0, 0), int), "two people"),
    ],
)
def test_what_cannot_be_computed_says_why(said, reason):
    made = votes(said, 3)
    for figure in (agreement.fleiss(made), agreement.alpha(made)):
        assert figure.value is None
        assert reason in figure.reason
    whole = agreement.measured(made, named(made))
    assert all(pair.kappa.value is None and pair.kappa.reason for pair in whole.pairs)
    assert all(person.mean_kappa.value is None for person in whole.people)
    json.dumps(whole.as_json(), allow_nan=False)


def test_a_person_is_compared_with_the_others_alone():
    # p2 differs from two who agree; with p2's own vote counted nothing would change, but on the
    # last item the others tie, so it says nothing about p2.
    made = votes([[0, 0, 1, 0], [0, 0, 1, 1], [0, 1, 1, 0]], 2)
    person = agreement.measured(made, named(made)).people[2]
    assert (person.with_consensus.value, person.with_consensus.items) == (2 / 3, 3)
    assert person.confusion == [[1, 1], [0, 1]]


def test_disputed_items_come_in_order():
    said = [
        [0, 0, 0, 0, -3, 0, -1, 0],
        [0, 1, 0, 0, -3, 1, -1, 1],
        [0, 0, 1, -2, -1, 2, -1, 1],
        [0, 1, 0, -2, -1, -1, -1, -1],
    ]
    verdicts = [-1, -1, -1, -1, -1, -1, -1, 0]
    found = agreement.disputed(made := votes(said, 3, verdicts), named(made))
    assert [item.item_id for item in found] == [5, 1, 2, 3, 4]
    assert found[0].votes == {"0": 1, "1": 1, "2": 1}
    assert found[0].disagreement == pytest.approx(1)
    assert (found[3].unsure, found[4].skipped) == (2, 2)


def test_a_verdict_of_no_label_ends_the_dispute():
    made = votes([[0], [1]], 2, [NO_LABEL])
    assert agreement.disputed(made, named(made)) == []
    assert agreement.measured(made, named(made)).people[0].with_consensus.value is None


def test_from_the_store_what_stands_counts(database, made):
    project, ada = made(3)
    bob = projects.join(database, project, "Bob").annotator
    one, two, three = (item.id for item in pictures.items(database, project))
    for who, answers in ((ada, ("one", "seven")), (bob, ("seven", "seven"))):
        for item, value in zip((one, two), answers, strict=True):
            responses.answer(database, who, Submission(item, value, f"{item}"))
    responses.answer(database, ada, Submission(three, "one", "x"))
    version = projects.find(database, project.name).version
    responses.answer(database, bob, Submission(one, "one", "corrected"))
    responses.answer(database, ada, Submission(three, None, "unsure"))
    before = agreement.report(database, project, version)
    after = agreement.report(database, project)
    assert (before.observed.value, after.observed.value) == (0.5, 1.0)
    assert (before.version, after.version) == (5, 7)
    assert [item.item_id for item in before.to_adjudicate] == [one]
    assert [item.item_id for item in after.to_adjudicate] == [three]
    assert after.pairs[0].kappa.value == pytest.approx(1)
    assert after.people[0].unsure == 1
    responses.adjudicate(database, ada, Submission(three, "seven", "decided"))
    assert agreement.report(database, project).to_adjudicate == []
