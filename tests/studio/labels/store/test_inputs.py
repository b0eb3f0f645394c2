"""Both databases take the same texts and numbers, whichever way they come."""

import json
import math

import numpy as np
import pytest

from backends.core import Request
from backends.errors import BadInput, NotFound
from studio.labels import exchange
from studio.labels.store import (
    class_examples,
    history,
    interactive_runs,
    invitations,
    pictures,
    projects,
    responses,
    suggestions,
)
from studio.labels.store.records import Setup, Submission, Suggestion

BAD_TEXTS = [
    "a\0b", "\0", "half \ud83d of a character", "a bell \x07", "\x1b[31m", "\x7f", "a\x85b",
    "\ufffe",
]  # fmt: skip
ANYTHING = [None, True, 3, 1.5, math.nan, [], ["x"], [None], {}, {"a": 1}, b"x", "a\0", "\ud800"]
BAD_NUMBERS = [math.nan, math.inf, -math.inf]


@pytest.fixture
def item(database, made):
    project, _ = made(1)
    return pictures.items(database, project)[0].id


@pytest.mark.parametrize("text", BAD_TEXTS)
def test_texts_that_a_database_may_not_hold_are_refused(database, made, text):
    project, ada = made(1)
    item = pictures.items(database, project)[0].id
    bad = [
        lambda: responses.answer(database, ada, Submission(item, "one", "1", note=text)),
        lambda: responses.answer(database, ada, Submission(item, "one", text)),
        lambda: responses.answer(database, ada, Submission(item, text, "1")),
        lambda: responses.answer(database, ada, Submission(item, "one", "1", via=text)),
        lambda: responses.undo(database, ada, text),
        lambda: responses.adjudicate(database, ada, Submission(item, "one", "1", note=text)),
        lambda: suggestions.add(database, project, [Suggestion(item, text, "", "one", 1.0, {})]),
        lambda: suggestions.add(database, project, [Suggestion(item, "a", text, "one", 1.0, {})]),
        lambda: suggestions.add(
            database, project, [Suggestion(item, "a", "", "one", 1.0, {text: 1.0})]
        ),
        lambda: projects.join(database, project, text),
        *(
            lambda field=field, value=value: Setup.checked(
                {"name": "n", "bundle": "b", "classes": ["x", "y"]} | {field: value}
            )
            for field, value in (
                ("name", text), ("bundle", text), ("question", text), ("instructions", text),
                ("classes", ["x", text]),
            )
        ),
    ]  # fmt: skip
    for attempt in bad:
        with pytest.raises(BadInput) as caught:
            attempt()
        assert "\n" not in str(caught.value)
    assert responses.standing(database, project, history=True) == []
    assert suggestions.newest(database, project) == []


@pytest.mark.parametrize("number", BAD_NUMBERS)
def test_numbers_that_are_none_are_refused(database, made, number):
    project, ada = made(1)
    item = pictures.items(database, project)[0].id
    for guess in (
        Suggestion(item, "a", "", "one", number, {}),
        Suggestion(item, "a", "", "one", 1.0, {"one": number}),
    ):
        with pytest.raises(BadInput, match=r"score|probabilities"):
            suggestions.add(database, project, [guess])
    with pytest.raises(BadInput, match="seconds"):
        responses.answer(database, ada, Submission(item, "one", "1", seconds=number))
    assert suggestions.newest(database, project) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "banana"}, {"state": None}, {"state": ["draft"]}, {"via": "pigeon"},
        {"via": None}, {"seconds": -1.0}, {"seconds": 86_400.5}, {"seconds": True},
        {"seconds": "3"}, {"note": "x" * 2001}, {"note": None}, {"value": "nine"}, {"value": ""},
        {"value": ["one"]},
        {"value": 1}, {"request": ""}, {"request": "x" * 101}, {"request": "a\nb"},
        {"request": None}, {"item_id": True}, {"item_id": "1"}, {"item_id": 1.0}, {"item_id": None},
    ],
)  # fmt: skip
def test_an_answer_is_one_of_the_known_kinds_or_refused(database, made, item, fields):
    ada = projects.people(database, projects.find(database, "ones"))[0]
    given = {"item_id": item, "value": "one", "request": "1"} | fields
    with pytest.raises(BadInput) as caught:
        responses.answer(database, ada, Submission(**given))
    assert "\n" not in str(caught.value)
    row = given | {"annotator_id": ada.id, "kind": "label", "created": 0.0}
    row = {"state": "submitted", "note": "", "seconds": 0.0, "via": "import"} | row
    with pytest.raises(BadInput), database.write() as connection:
        history.append(connection, projects.locked(connection, ada.project_id), [row])


@pytest.mark.parametrize("seconds", [0, 0.0, 86_400, 86_400.0])
@pytest.mark.parametrize("via", ["key", "mouse", "touch", "pen", "grid", "page", "api"])
def test_what_the_page_sends_is_taken(database, made, item, seconds, via):
    ada = projects.people(database, projects.find(database, "ones"))[0]
    note = "first line\n\tsecond line\r\n“third” 📷 \u200d"
    given = Submission(item, "one", "1", seconds=seconds, via=via, note=note)
    assert responses.answer(database, ada, given).note == note


@pytest.mark.parametrize(
    "fields",
    [
        {"agent": ""}, {"agent": " "}, {"agent": "x" * 1001}, {"agent": "a\nb"}, {"value": "nine"},
        {"value": None}, {"model_hash": "x" * 201}, {"score": True}, {"score": "0.5"},
        {"probabilities": {"one": True}}, {"probabilities": []}, {"created": math.inf},
    ],
)  # fmt: skip
def test_a_suggestion_is_of_a_class_by_a_name_or_refused(database, made, item, fields):
    project = projects.find(database, "ones")
    given = {
        "item_id": item, "agent": "a", "model_hash": "", "value": "one", "score": 1.0,
        "probabilities": {"one": 1.0},
    } | fields  # fmt: skip
    with pytest.raises(BadInput) as caught:
        suggestions.add(database, project, [Suggestion(**given)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ANYTHING)
def test_a_code_or_a_name_may_be_anything(database, made, value):
    project, _ = made(1)
    for attempt in (
        lambda: projects.enter(database, value),
        lambda: projects.find(database, value),
        lambda: projects.join(database, project, value),
        lambda: projects.create(database, Setup(name="x", bundle="b", classes=["a", "b"]), value),
        lambda: invitations.opened(database, value),
        lambda: invitations.accept(database, value, "Bob"),
        lambda: invitations.accept(database, invitations.make(database, project), value),
        lambda: invitations.revoke(database, project, value),
        lambda: class_examples.add(database, project, value, []),
        lambda: class_examples.remove(database, project, value),
        lambda: interactive_runs.find(database, value),
        lambda: interactive_runs.unfinished(database, "digits", value),
    ):
        with pytest.raises((BadInput, NotFound)) as caught:
            attempt()
        assert "\n" not in str(caught.value)
    assert [p.name for p in projects.listed(database)] == ["ones"]


@pytest.mark.parametrize("days", [None, True, "14", math.nan, math.inf, -1, 0, 366, [], {}])
def test_the_days_of_an_invitation_are_a_number(database, made, days):
    project, _ = made(1)
    with pytest.raises(BadInput, match="at most 365 days"):
        invitations.make(database, project, days)


@pytest.mark.parametrize(
    "answer",
    [
        {"value": ""}, {"value": None}, {"value": "a\0"}, {"value": "x" * 201},
        {"seconds": math.nan}, {"seconds": -1.0}, {"seconds": 86_401.0}, {"question": -1},
        {"question": 2**31},
        {"leap": True}, {"leap": "1"},
    ],
)  # fmt: skip
def test_an_answer_on_a_path_is_checked(database, answer):
    picture = np.zeros((8, 8, 1), np.uint8)
    run = interactive_runs.begin(database, Request("digits", "leapfactual", "4", picture), "me")
    given = {"question": 0, "leap": 0, "picture": picture, "value": "4", "seconds": 1.0} | answer
    with pytest.raises(BadInput):
        interactive_runs.record_answer(database, run, **given)
    assert interactive_runs.answers(database, run) == []


@pytest.mark.parametrize(
    "fields", [{"settings": {"a": math.nan}}, {"target": "a\0"}, {"settings": {"prompt": "\ud800"}}]
)
def test_a_run_that_cannot_be_stored_is_refused(database, fields):
    picture = np.zeros((8, 8, 1), np.uint8)
    asked = {"bundle": "digits", "method": "leapfactual", "target": "4", "picture": picture}
    with pytest.raises(BadInput):
        interactive_runs.begin(database, Request(**(asked | fields)), "me")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a\0b.png", "a_b.png"), ("two\nlines.png", "two_lines.png"), ("\ud83d.png", "_.png"),
        ("x" * 2000 + ".png", "x" * 996 + ".png"), ("wörter 写.png", "wörter 写.png"),
    ],
)  # fmt: skip
def test_a_picture_keeps_what_can_be_kept_of_its_name(database, made, name, kept):
    project, _ = made(0)
    pictures.add(database, project, [(name, np.zeros((8, 8, 1), np.uint8))])
    assert [item.name for item in pictures.items(database, project)] == [kept]


@pytest.mark.parametrize("fields", [
    {"classes": ["a", "x" * 201]}, {"classes": ["a", "b\nc"]}, {"question": "a\x07"},
    {"instructions": "\x1b"}, {"bundle": "a\nb"}, {"votes": True}, {"votes": "two"},
])  # fmt: skip
def test_a_project_is_checked(fields):
    with pytest.raises(BadInput):
        Setup.checked({"name": "n", "bundle": "b", "classes": ["x", "y"]} | fields)


@pytest.mark.parametrize("item", [0, -1, 2**31, 2**63, 2**70])
def test_numbers_of_items_beyond_a_column_are_refused(database, made, item):
    _, ada = made(1)
    with pytest.raises(BadInput, match="item"):
        responses.answer(database, ada, Submission(item, "one", "1"))


def test_many_answers_at_once_are_checked_too(database, made):
    project, ada = made(1)
    row = {
        "item_id": pictures.items(database, project)[0].id, "annotator_id": ada.id,
        "kind": "label", "state": "submitted", "value": "one", "note": "a\0b", "seconds": 0.0,
        "via": "import", "request": "r", "created": 0.0,
    }  # fmt: skip
    with pytest.raises(BadInput, match="note"), database.write() as connection:
        history.append(connection, projects.locked(connection, project.id), [row])


@pytest.mark.parametrize(
    "row",
    [
        {"annotator": "Bob", "value": "one", "note": "a\0b"},
        {"annotator": "Bob\0", "value": "one"},
        {"kind": "suggestion", "agent": "a\0", "value": "one"},
        {"kind": "suggestion", "agent": "a", "value": "one", "probabilities": {"one": math.nan}},
        {"kind": "suggestion", "agent": "a", "value": "one", "probabilities": {"one": math.inf}},
        {"kind": "suggestion", "agent": "a", "value": "one", "probabilities": {"o\0": 1.0}},
        {"kind": "suggestion", "agent": " ", "value": "one"},
        {"kind": "suggestion", "agent": "a", "value": "one", "score": math.inf},
        {"annotator": "Bob", "value": "one", "state": "banana"},
        {"annotator": "Bob", "value": "one", "seconds": 86_401},
        {"annotator": "Bob", "value": "one", "note": "a\x1b"},
        {"annotator": "Bob", "value": "one", "note": "x" * 2001},
    ],
)
def test_an_import_tells_the_line(database, made, tmp_path, row):
    project, _ = made(1)
    name = pictures.items(database, project)[0].name
    path = tmp_path / "labels.jsonl"
    path.write_text(json.dumps({"kind": "label", "item": name} | row) + "\n")
    with pytest.raises(BadInput, match="line 1"):
        exchange.import_labels(database, project.name, path)
    assert projects.find(database, project.name).version == 0
