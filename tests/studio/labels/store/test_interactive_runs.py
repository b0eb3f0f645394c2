"""Walks with a person as the model are kept, answer by answer."""

import numpy as np
import pytest

from backends.core import Request
from backends.errors import NotFound
from studio.labels.store import interactive_runs
from studio.labels.store.schema import LeapAnswers


@pytest.fixture
def request_():
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 1), dtype=np.uint8)
    mask = np.zeros((8, 8), np.uint8)
    mask[2:5] = 255
    return Request("digits", "leapfactual", "9", picture, "brush", mask, {"blending_leaps": 3}, 7)


def test_a_walk_comes_back_as_it_was(database, request_):
    begun = interactive_runs.begin(database, request_, "Bob")
    (found,) = interactive_runs.unfinished(database, "digits", "Bob")
    assert found.id == begun.id
    for name, value in vars(request_).items():
        assert np.array_equal(getattr(found.request, name), value)
    assert interactive_runs.unfinished(database, "digits", "Eve") == []
    with pytest.raises(NotFound, match="begin another"):
        interactive_runs.find(database, "other")


def test_answers_stand_until_they_are_taken_back(database, request_):
    path = interactive_runs.begin(database, request_, "Bob")
    for question, value in enumerate(["4", "4", "9"]):
        interactive_runs.told(
            database, path, question, question, request_.picture + question, value
        )
    assert interactive_runs.answers(database, path) == ["4", "4", "9"]
    assert interactive_runs.withdraw(database, path)
    assert interactive_runs.answers(database, path) == ["4", "4"]
    interactive_runs.told(database, path, 2, 2, request_.picture, "7")
    assert interactive_runs.answers(database, path) == ["4", "4", "7"]
    assert interactive_runs.withdraw(database, path)
    assert interactive_runs.withdraw(database, path)
    assert interactive_runs.answers(database, path) == ["4"]
    with database.read() as connection:  # nothing that was said is gone
        assert len(connection.execute(LeapAnswers.__table__.select()).all()) == 7


def test_an_ended_walk_is_not_offered_again(database, request_):
    path = interactive_runs.begin(database, request_, "Bob")
    assert not interactive_runs.withdraw(database, path)
    interactive_runs.end(database, path)
    assert interactive_runs.unfinished(database, "digits", "Bob") == []
    assert interactive_runs.find(database, path.id).state == "ended"
