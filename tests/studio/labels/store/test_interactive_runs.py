"""Walks with a person as the model are kept, answer by answer."""

import time
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import func, select

from backends.core import Request
from backends.errors import NotFound
from studio.labels.store import interactive_runs, projects
from studio.labels.store import pictures as stored_pictures
from studio.labels.store.records import Setup
from studio.labels.store.schema import LeapAnswers, Paths, StoredPictures


@pytest.fixture
def request_():
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 1), dtype=np.uint8)
    mask = np.zeros((8, 8), np.uint8)
    mask[2:5] = 255
    return Request("digits", "leapfactual", "9", picture, "brush", mask, {"blending_leaps": 3}, 7)


def test_a_walk_comes_back_as_it_was(database, request_):
    begun = interactive_runs.begin(database, request_, "Bob")
    (waiting,) = interactive_runs.unfinished(database, "digits", "Bob")
    assert (waiting.id, waiting.target) == (begun.id, "9")
    found = interactive_runs.find(database, begun.id)
    for name, value in vars(request_).items():
        assert np.array_equal(getattr(found.request, name), value)
    assert interactive_runs.unfinished(database, "digits", "Eve") == []
    with pytest.raises(NotFound, match="begin another"):
        interactive_runs.find(database, "other")


def test_answers_stand_until_they_are_taken_back(database, request_):
    path = interactive_runs.begin(database, request_, "Bob")
    for question, value in enumerate(["4", "4", "9"]):
        interactive_runs.record_answer(
            database, path, question, question, request_.picture + question, value
        )
    assert interactive_runs.answers(database, path) == ["4", "4", "9"]
    assert interactive_runs.withdraw(database, path)
    assert interactive_runs.answers(database, path) == ["4", "4"]
    interactive_runs.record_answer(database, path, 2, 2, request_.picture, "7")
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


def test_what_waits_is_listed_without_its_pictures(database, request_, monkeypatch):
    interactive_runs.begin(database, request_, "Bob")

    def decoded(*_):
        raise AssertionError("a picture was read")

    monkeypatch.setattr(stored_pictures, "content", decoded)
    monkeypatch.setattr(stored_pictures, "array_of", decoded)
    assert len(interactive_runs.unfinished(database, "digits", "Bob")) == 1


def count(database, table):
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def test_of_many_unfinished_walks_the_oldest_go(database, request_):
    most = interactive_runs.MOST
    others = interactive_runs.begin(database, request_, "Eve")
    ended = interactive_runs.begin(database, request_, "Bob")
    interactive_runs.end(database, ended)
    begun = []
    for i in range(most + 2):
        own = replace(request_, bundle=("digits", "shapes")[i % 2], picture=request_.picture + i)
        run = interactive_runs.begin(database, own, "Bob")
        interactive_runs.record_answer(database, run, 0, 0, own.picture, "4")
        begun.append(run)
    left = [
        run.id for bundle in ("digits", "shapes")
        for run in interactive_runs.unfinished(database, bundle, "Bob")
    ]  # fmt: skip
    assert set(left) == {run.id for run in begun[2:]}
    for run in begun[:2]:
        with pytest.raises(NotFound, match="begin another"):
            interactive_runs.find(database, run.id)
    for run in (others, ended, begun[2]):
        kept = interactive_runs.find(database, run.id)
        assert np.array_equal(kept.request.mask, request_.mask), "several have this mask"
    # The picture of the first is that of Eve's and of the ended one; only the second's is gone.
    assert count(database, StoredPictures) == most + 2 + 1 - 1
    assert count(database, LeapAnswers) == most


def test_walks_that_nobody_goes_on_with_are_swept(database, request_):
    project = projects.create(database, Setup(name="p", bundle="digits", classes=["a", "b"]), "A")
    project = projects.find(database, "p")
    stored_pictures.add(database, project, [("shared", request_.picture)])
    old = interactive_runs.begin(database, request_, "Bob")
    answered = interactive_runs.begin(database, request_, "Bob")
    ended = interactive_runs.begin(database, replace(request_, picture=request_.picture + 1), "Bob")
    interactive_runs.end(database, ended)
    middle = time.time()
    interactive_runs.record_answer(database, answered, 0, 0, request_.picture, "4")
    assert interactive_runs.delete_idle(database, middle) == 1
    with pytest.raises(NotFound):
        interactive_runs.find(database, old.id)
    assert interactive_runs.answers(database, answered) == ["4"]
    assert interactive_runs.find(database, ended.id).state == "ended"
    assert interactive_runs.delete_idle(database, time.time() + 1) == 1
    assert count(database, LeapAnswers) == 0
    assert count(database, Paths) == 1
    assert len(stored_pictures.items(database, project)) == 1
    assert stored_pictures.content(database, [stored_pictures.digest(request_.picture)])
