"""Walks with a person as the model are kept, answer by answer."""

import numpy as np
import pytest

from backends.core import Request
from backends.errors import NotFound
from studio.labels import paths
from studio.labels.schema import LeapAnswers


@pytest.fixture
def request_():
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 1), dtype=np.uint8)
    mask = np.zeros((8, 8), np.uint8)
    mask[2:5] = 255
    return Request("digits", "leapfactual", "9", picture, "brush", mask, {"blending_leaps": 3}, 7)


def test_a_walk_comes_back_as_it_was(database, request_):
    begun = paths.begin(database, request_, "Bob")
    (found,) = paths.unfinished(database, "digits", "Bob")
    assert found.id == begun.id
    for name, value in vars(request_).items():
        assert np.array_equal(getattr(found.request, name), value)
    assert paths.unfinished(database, "digits", "Eve") == []
    with pytest.raises(NotFound, match="begin another"):
        paths.find(database, "other")


def test_answers_stand_until_they_are_taken_back(database, request_):
    path = paths.begin(database, request_, "Bob")
    for question, value in enumerate(["4", "4", "9"]):
        paths.told(database, path, question, question, request_.picture + question, value)
    assert paths.answers(database, path) == ["4", "4", "9"]
    assert paths.withdraw(database, path)
    assert paths.answers(database, path) == ["4", "4"]
    paths.told(database, path, 2, 2, request_.picture, "7")
    assert paths.answers(database, path) == ["4", "4", "7"]
    assert paths.withdraw(database, path)
    assert paths.withdraw(database, path)
    assert paths.answers(database, path) == ["4"]
    with database.read() as connection:  # nothing that was said is gone
        assert len(connection.execute(LeapAnswers.__table__.select()).all()) == 7


def test_an_ended_walk_is_not_offered_again(database, request_):
    path = paths.begin(database, request_, "Bob")
    assert not paths.withdraw(database, path)
    paths.end(database, path)
    assert paths.unfinished(database, "digits", "Bob") == []
    assert paths.find(database, path.id).state == "ended"
