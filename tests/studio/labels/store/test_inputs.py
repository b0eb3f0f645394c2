"""Both databases take the same texts and numbers, whichever way they come."""

import json
import math

import pytest

from backends.errors import BadInput
from studio.labels import exchange
from studio.labels.store import history, pictures, projects, responses, suggestions
from studio.labels.store.records import Setup, Submission, Suggestion

BAD_TEXTS = ["a\0b", "\0", "half \ud83d of a character"]
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
