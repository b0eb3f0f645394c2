"""Examples of classes: shown to everyone, never a picture that people are asked about."""

import pytest

from backends.errors import BadInput, NotFound
from studio.labels.store import class_examples, pictures
from tests.studio.labels.conftest import drawn


def some(count, start=100):
    return [pixels for _, pixels in drawn(count, start)]


def test_examples_stand_by_class_in_the_projects_order(database, made):
    project, _ = made(3)
    assert class_examples.listed(database, project) == {}
    class_examples.add(database, project, "seven", some(2, 200))
    assert class_examples.add(database, project, "one", some(2)) == 2
    found = class_examples.listed(database, project)
    assert list(found) == ["one", "seven"]
    assert set(found["one"]) == {pictures.digest(pixels) for pixels in some(2)}
    png = pictures.shown(database, project.id, found["one"][0])
    assert pictures.array_of(png).shape == (8, 8, 1)
    class_examples.remove(database, project, "one")
    assert list(class_examples.listed(database, project)) == ["seven"]


def test_one_moves_to_another_class(database, made):
    project, _ = made(0)
    for name in ("one", "seven"):
        class_examples.add(database, project, name, some(1))
    assert list(class_examples.listed(database, project)) == ["seven"]


def test_what_people_are_asked_about_is_no_example(database, made):
    project, _ = made(3)
    asked = next(drawn(1))[1]
    with pytest.raises(BadInput, match="asked about"):
        class_examples.add(database, project, "one", [*some(1), asked])
    assert class_examples.listed(database, project) == {}


def test_an_example_that_becomes_a_question_is_an_example_no_more(database, made):
    project, _ = made(1)
    class_examples.add(database, project, "one", some(2))
    pictures.add(database, project, [("new", some(1)[0])])
    left = class_examples.listed(database, project)["one"]
    assert left == [pictures.digest(some(2)[1])]


def test_others_do_not_see_them(database, made):
    project, _ = made(0)
    other, _ = made(0, name="others")
    class_examples.add(database, project, "one", some(1))
    with pytest.raises(NotFound):
        pictures.shown(database, other.id, pictures.digest(some(1)[0]))


def test_classes_and_counts_have_bounds(database, made):
    project, _ = made(0)
    with pytest.raises(BadInput, match="no class"):
        class_examples.add(database, project, "nine", some(1))
    with pytest.raises(BadInput, match="at most 8"):
        class_examples.add(database, project, "one", some(9))
    assert class_examples.add(database, project, "one", []) == 0
    assert class_examples.listed(database, project) == {}
