"""What several people's labels come to, by each rule."""

import numpy as np
import pytest

from backends.errors import BadInput, NotFound
from studio.labels.stats import consensus
from studio.labels.stats.votes import NO_LABEL
from studio.labels.store import pictures, projects, responses, suggestions
from studio.labels.store.records import Suggestion
from studio.labels.store.responses import Submission
from tests.studio.labels.stats.test_agreement import votes


@pytest.fixture
def three(database, made):
    """Ada, Bob and Eve; item by item: 2 to 1, a tie, unsure and skipped, nobody."""
    project, ada = made(4)
    bob, eve = (projects.join(database, project, name).annotator for name in ("Bob", "Eve"))
    items = [item.id for item in pictures.items(database, project)]

    def say(who, item, value, state="submitted"):
        responses.answer(database, who, Submission(items[item], value, f"{item} {value}", state))

    say(ada, 0, "one")
    say(bob, 0, "one")
    say(eve, 0, "seven")
    say(ada, 1, "one")
    say(eve, 1, "seven")
    say(ada, 2, None)
    say(bob, 2, None, "discarded")
    return project, ada, items


def shares(database, project, rule, version=None):
    return {
        row.item_id: (row.shares, row.weight)
        for row in consensus.rows(database, project, version, rule)
    }


def test_majority_and_soft(database, three):
    project, _, (first, second, *_) = three
    even = {"one": 0.5, "seven": 0.5}
    assert shares(database, project, "majority") == {first: ({"one": 1.0}, 1), second: (even, 1)}
    soft = shares(database, project, "soft")
    assert soft[first][0] == pytest.approx({"one": 2 / 3, "seven": 1 / 3})
    assert soft[second] == (even, 1)


def test_one_person(database, three):
    project, _, (first, second, *_) = three
    assert shares(database, project, "annotator:Bob") == {first: ({"one": 1.0}, 1)}
    assert shares(database, project, "annotator:Eve")[second] == ({"seven": 1.0}, 1)
    with pytest.raises(NotFound, match="Ada, Bob, Eve"):
        consensus.rows(database, project, rule="annotator:Dan")


def test_adjudication_overrides_all_but_a_person(database, three):
    project, ada, (first, second, third, fourth) = three
    before = projects.find(database, project.name).version
    for item, value in ((first, "seven"), (third, "seven"), (second, None), (fourth, "one")):
        responses.adjudicate(database, ada, Submission(item, value, f"a{item}"))
    decided = {first: ({"seven": 1.0}, 1), third: ({"seven": 1.0}, 1), fourth: ({"one": 1.0}, 1)}
    for rule in ("majority", "soft", "weighted"):
        assert shares(database, project, rule) == decided
    assert shares(database, project, "annotator:Bob") == {first: ({"one": 1.0}, 1)}
    assert shares(database, project, "majority", before)[first] == ({"one": 1.0}, 1)


def test_a_rule_that_is_none(database, three):
    with pytest.raises(BadInput, match="choose from: majority"):
        consensus.rows(database, three[0], rule="loudest")


def test_training_gets_pictures_and_shares(database, three):
    project, _, items = three
    got = consensus.rows_for_training(database, project, rule="soft")
    assert got.classes == ["one", "seven"]
    assert got.pictures.dtype == np.uint8
    assert got.labels.dtype == got.weights.dtype == np.float32
    assert got.pictures.shape == (2, 8, 8, 1)
    np.testing.assert_allclose(got.labels, [[2 / 3, 1 / 3], [0.5, 0.5]], atol=1e-6)
    assert got.version == "ones 7 soft"
    stored = {item.id: item.picture for item in pictures.items(database, project)}
    assert [pictures.digest(p) for p in got.pictures] == [stored[item] for item in items[:2]]


def test_training_without_labels_is_one_sentence(database, made):
    project, _ = made()
    with pytest.raises(BadInput, match="label some pictures first"):
        consensus.rows_for_training(database, project)


def test_a_vote_weighs_what_its_giver_agrees_with_the_others():
    """Three who are always right, one always wrong, one who says a coin's side."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 400)
    made = votes([truth, truth, truth, 1 - truth, rng.integers(0, 2, 400)], 2)
    *right, wrong, coin = consensus.trust(made)
    assert wrong == 0
    assert 0 <= coin < 0.15
    # To each of the right two others are right: wrong and coin make at most a tie, left out.
    assert right == [1, 1, 1]
    shares, weights = consensus.distributions(made, "weighted")
    expected = np.stack([
        np.array([*right, wrong, coin]) @ (made.answers == k) for k in range(2)
    ], 1) / (3 + coin)  # fmt: skip
    np.testing.assert_allclose(shares, expected)
    np.testing.assert_allclose(weights, (3 + coin) / 5)


def test_who_cannot_be_compared_weighs_as_others_do():
    said = [[0, 1, 0, 1, -1], [0, 1, 1, 1, -1], [0, 1, 0, 1, -1], [-1, -1, -1, -1, 1]]
    first, second, third, alone = consensus.trust(votes(said, 2))
    assert alone == pytest.approx((first + second + third) / 3)
    assert 0 < alone < 1
    assert consensus.trust(votes([[0, 1, 1]], 2)).tolist() == [1.0]


def test_an_item_of_the_always_wrong_alone_counts_nothing():
    truth = np.tile([0, 1], 50)
    said = np.stack([truth, truth, truth, 1 - truth])
    said[:3, 0] = -1
    _, weights = consensus.distributions(votes(said, 2), "weighted")
    assert weights[0] == 0
    assert (weights[1:] > 0).all()


def test_shares_sum_to_one_whatever_was_said():
    rng = np.random.default_rng(5)
    said = rng.integers(-3, 4, (6, 500))
    verdicts = rng.choice([-1, -1, -1, 2, NO_LABEL], 500)
    made = votes(said, 4, verdicts)
    for rule in ("majority", "soft", "weighted", "annotator:p3"):
        shares, weights = consensus.distributions(made, rule)
        assert (weights >= 0).all()
        np.testing.assert_allclose(shares[weights > 0].sum(1), 1)
        if rule != "annotator:p3":
            assert (weights[verdicts == NO_LABEL] == 0).all()
            assert (shares[verdicts == 2] == np.eye(4)[2]).all()


def suggest(database, project, item, value, score, agent="net"):
    one = Suggestion(item, agent, "sha", value, score, {value: score})
    suggestions.add(database, project, [one])


def test_suggestions_stand_in_where_nobody_answered(database, three):
    project, _, items = three
    first, _, unsure, nobody = items
    suggest(database, project, first, "seven", 1.0)
    suggest(database, project, unsure, "seven", 1.0)
    suggest(database, project, nobody, "seven", 0.85)
    suggest(database, project, nobody, "one", 0.95, agent="clip")
    found = shares(database, project, "suggestions:0.9")
    assert found[first] == ({"one": 1.0}, 1), "people come first"
    assert unsure not in found, "they were asked, and were unsure"
    assert found[nobody] == ({"one": 1.0}, 1), "the surest model's"
    assert nobody not in shares(database, project, "suggestions:0.96")
    assert shares(database, project, "suggestions:0.99") == shares(database, project, "majority")


@pytest.mark.parametrize("rule", ["suggestions:", "suggestions:high", "suggestions:1.5"])
def test_a_score_that_is_none_is_one_sentence(database, three, rule):
    with pytest.raises(BadInput, match=r"write: suggestions:0\.9"):
        shares(database, three[0], rule)
