"""A person as the model: questions along the path, the same wherever it is taken up again."""

import numpy as np
import pytest

from backends import service
from backends.core import Answer
from backends.errors import BadInput
from backends.service import interactive
from backends.service.interactive import LabelRequest, ask

SETTINGS = {"blending_leaps": 3, "blending_size": 1.0, "injection_leaps": 1, "injection_land": 1.0}


@pytest.fixture
def request_(ask, monkeypatch):
    """Every leap asks, however little a random autoencoder's picture changes."""
    monkeypatch.setattr(interactive, "SAME", 0.0)
    interactive._open_runs.clear()
    return ask("leapfactual", settings=SETTINGS)


def walk(request, say):
    """Answer until the end; the questions and the answer."""
    questions, answers = [], []
    while isinstance(now := ask(request, answers), LabelRequest):
        questions.append(now)
        answers.append(say(now))
    return questions, now, answers


def other(request):
    return next(name for name in ("a", "b", "c") if name != request.target)


def test_the_first_question_shows_the_factual(request_):
    first = ask(request_, [])
    assert isinstance(first, LabelRequest)
    assert np.array_equal(first.picture, request_.picture)
    assert (first.number, first.leap) == (0, 0)


def test_a_walk_ends_with_the_persons_verdict(request_):
    before = other(request_)
    questions, answer, answers = walk(
        request_, lambda q: before if q.number < 2 else request_.target
    )
    assert isinstance(answer, Answer)
    assert [q.number for q in questions] == list(range(len(questions)))
    assert questions[-1].leap == 4
    leaps = len(answers) - 1
    assert answer.record["asked"] == {
        "answers": answers, "agreement": (leaps - 1) / leaps, "label": request_.target,
    }  # fmt: skip
    assert (answer.record["flipped"], answer.record["status"]) == (True, "flipped")


def test_what_a_person_never_calls_the_target_is_not_flipped(request_):
    before = other(request_)
    _, answer, _ = walk(request_, lambda q: before)
    assert (answer.record["flipped"], answer.record["status"]) == (False, "not_flipped")
    assert answer.record["asked"]["agreement"] == 0


def test_a_picture_that_stays_is_not_asked_about_again(request_, monkeypatch):
    monkeypatch.setattr(interactive, "SAME", 256.0)
    questions, answer, _ = walk(request_, lambda q: other(request_))
    assert len(questions) == 1
    assert answer.record["status"] == "not_flipped"


def test_answers_steer_the_walk(request_):
    """The same question after other answers shows another picture."""
    one = [name for name in ("a", "b", "c") if name != request_.target]
    first, second = (ask(request_, [label]) for label in one)
    assert not np.array_equal(first.picture, second.picture)


def test_a_walk_is_taken_up_again_where_it_was_left(request_):
    say = [other(request_)] * 3
    here = ask(request_, say)
    interactive._open_runs.clear()  # as after a restart
    again = ask(request_, say)
    assert np.array_equal(here.picture, again.picture)
    assert (here.number, here.leap) == (again.number, again.leap)


def test_a_changed_answer_begins_anew_from_there(request_):
    before = other(request_)
    ask(request_, [before, before])
    straight = ask(request_, [before, request_.target])
    interactive._open_runs.clear()
    assert np.array_equal(straight.picture, ask(request_, [before, request_.target]).picture)


def test_mistakes_are_sentences(request_, tiny, picture):
    with pytest.raises(BadInput, match="choose from"):
        ask(request_, ["z"])
    with pytest.raises(BadInput, match="already"):
        ask(request_, [request_.target])
    with pytest.raises(BadInput, match="gradients"):
        ask(interactive.replace(request_, method="rcsb", settings={}), [])


@pytest.mark.parametrize(("lift", "labels"), [(1.0, 4), (0.0, 3)])
def test_nobody_else_is_asked(request_, monkeypatch, lift, labels):
    """The model's own labels must not steer: LeapFactual asks the person alone, and for no label
    where nothing is lifted."""
    request = interactive.replace(request_, settings=SETTINGS | {"injection_lift": lift})
    seen = []
    monkeypatch.setattr(
        "backends.targets.person.Asked.probabilities",
        lambda self, x: seen.append(self.label) or x.new_tensor([[0.0, 0.0, 1.0]]),
    )
    walk(request, lambda q: other(request))
    assert len(seen) == labels
    assert service.predict(request_.bundle, request_.picture).label
