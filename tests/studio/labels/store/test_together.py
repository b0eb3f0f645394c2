"""One answer about many pictures: stored as ordinary ones, taken back as one."""

import pytest

from backends.errors import BadInput, NotFound
from studio.labels.store import pictures, projects, queue, responses, suggestions
from studio.labels.store.records import Submission, Suggestion


@pytest.fixture
def bob(database, made):
    """The project, a person in it, its items' numbers."""
    project, _ = made(6)
    person = projects.join(database, project, "Bob").annotator
    return project, person, [item.id for item in pictures.items(database, project)]


def said(request, seconds=0.5):
    return Submission(1, "seven", request, seconds=seconds, via="grid")


def test_each_is_an_ordinary_answer(database, bob):
    project, person, items = bob
    responses.answer_together(database, person, items[:3], said("a"))
    stored = responses.standing(database, project)
    assert [(r.item_id, r.value, r.seconds, r.via) for r in stored] == [
        (item, "seven", 0.5, "grid") for item in items[:3]
    ]
    assert queue.progress(database, person).submitted == 3


def test_sent_again_it_counts_once(database, bob):
    project, person, items = bob
    for _ in range(2):
        responses.answer_together(database, person, items[:3], said("a"))
    assert projects.find(database, project.name).version == 3


def test_all_or_none(database, bob):
    project, person, items = bob
    with pytest.raises(NotFound, match="no item"):
        responses.answer_together(database, person, [*items[:2], 99_999], said("a"))
    with pytest.raises(BadInput, match="twice"):
        responses.answer_together(database, person, [items[0], items[0]], said("b"))
    assert responses.standing(database, project) == []


def test_one_undo_takes_them_back_and_the_next_the_one_before(database, bob):
    project, person, items = bob
    responses.answer(database, person, Submission(items[5], "one", "single"))
    responses.answer_together(database, person, items[:3], said("a%"))
    responses.answer_together(database, person, items[3:5], said("a_"))
    back = responses.undo(database, person, "u1")
    assert back is not None
    assert responses.undo(database, person, "u1") == back, "sent again it counts once"
    left = [r.item_id for r in responses.standing(database, project) if r.state == "submitted"]
    assert left == [items[5], *items[:3]]
    again = queue.following(database, person, 2)
    assert {(item.id, item.value) for item in again} == {(item, "seven") for item in items[3:5]}
    responses.undo(database, person, "u2")
    responses.undo(database, person, "u3")
    assert all(r.state == "draft" for r in responses.standing(database, project))
    assert responses.undo(database, person, "u4") is None


def test_a_correction_of_one_is_taken_back_alone(database, bob):
    project, person, items = bob
    responses.answer_together(database, person, items[:3], said("a"))
    responses.answer(database, person, Submission(items[0], "one", "b"))
    responses.undo(database, person, "u1")
    submitted = [r for r in responses.standing(database, project) if r.state == "submitted"]
    assert [r.item_id for r in submitted] == items[1:3]


def test_pictures_that_look_alike_to_a_model_come_together(database, bob):
    project, person, items = bob
    guesses = ["seven", "one", "seven", "one", None, "seven"]
    suggestions.add(database, project, [
        Suggestion(item, "m", "h", guess, 0.5 + n / 20, {guess: 0.5 + n / 20})
        for n, (item, guess) in enumerate(zip(items, guesses, strict=True)) if guess
    ])  # fmt: skip
    found = [item.id for item in queue.following(database, person, 6, alike=True)]
    assert found == [items[n] for n in (3, 1, 5, 2, 0, 4)]
    assert all(item.hint is None for item in queue.following(database, person, 6, alike=True))
