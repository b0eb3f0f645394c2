"""The tab's handlers, without a browser."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from backends.errors import BadInput
from studio.access import AccessPolicy
from studio.access.users import Users
from studio.runs.background_tasks import BackgroundTasks
from studio.ui.evaluate.choices import EvaluationChoices
from studio.ui.page import build
from studio.ui.shared.label_controller import LabelController
from tests.backends.evaluation.test_rows import with_examples
from tests.studio.conftest import controller_of
from tests.studio.ui.domain.test_tab import handler, loaded, outcomes

ME = SimpleNamespace(session_hash="me", headers={}, client=None)


@pytest.fixture
def page(tmp_path):
    bundle = with_examples(tmp_path / "bundle")
    with controller_of(bundle, tmp_path) as controller:
        labels = LabelController(
            str(tmp_path / "labels.db"), BackgroundTasks(controller.runs.engine)
        )
        made = build(controller, labels=labels, access=AccessPolicy("private"))
        made.tasks, made.bundle, made.controller = labels.tasks, bundle, controller
        yield made


def question(page, **other):
    values = {"bundle": page.bundle, "model": "classifier", "methods": ["leapfactual", "revise"],
              "regions": ["whole"], "targets": "nearest", "count": 3, "seeds": "",
              "settings": "revise.steps=1,2"}  # fmt: skip
    return [*(values | other).values(), ME]


@pytest.mark.slow
def test_an_evaluation_is_started_watched_and_listed(page):
    start = handler(page, "evaluate-start")
    shown = outcomes(page, start, *question(page))
    states = [str(step["evaluate-state"]) for step in shown]
    assert "starting" in states[0]
    assert shown[0]["evaluate-stop"]["visible"]
    assert "Done." in states[-1]
    assert states[-1].count("REVISE (baseline), steps=") == 2
    files = [Path(file) for file in shown[-1]["evaluate-files"]["value"]]
    assert [file.name for file in files] == ["report.html", "table.csv", "table.json"]
    table = json.loads(files[2].read_text())
    assert (table["count"], table["targets"], table["batch"]) == (3, "nearest", 10)
    listed = shown[-1]["evaluate-earlier"]
    assert listed["value"] == files[0].parent.name
    assert "3 pictures · leapfactual, revise" in listed["choices"][0][0]

    again = handler(page, "evaluate-earlier", "input").fn(listed["value"])
    told = {block.elem_id: value for block, value in again.items()}
    assert "steps=2" in told["evaluate-state"]
    assert told["evaluate-files"]["value"] == [str(file) for file in files]

    opened = outcomes(page, loaded(page, "_goes_on"))
    assert "Done." in str(opened[-1]["evaluate-state"]), "a page that is opened later shows it"


def test_what_cannot_be_evaluated_is_one_sentence(page, tmp_path):
    start = handler(page, "evaluate-start")
    for other, words in [
        ({"methods": []}, "at least one method"), ({"regions": []}, "at least one of the regions"),
        ({"regions": ["mask:/etc/passwd"]}, "one of the regions"), ({"count": 0}, "how many"),
        ({"count": 5000}, "how many"), ({"model": "own.py:f"}, "only who runs the studio"),
        ({"settings": "place.rate=1"}, "not among"), ({"seeds": "many"}, "Seeds"),
    ]:  # fmt: skip
        with pytest.raises(gr.Error, match=words):
            outcomes(page, start, *question(page, **other))
    assert page.tasks.newest("evaluate") is None


def test_the_same_question_has_the_same_folder(tmp_path):
    asked = EvaluationChoices("digits", "classifier", ["rcsb"], ["whole"], "random", 5, "", "")
    other = EvaluationChoices("digits", "classifier", ["rcsb"], ["whole"], "random", 6, "", "")
    assert asked.folder(tmp_path) == asked.folder(tmp_path) != other.folder(tmp_path)
    with pytest.raises(BadInput):
        EvaluationChoices("digits", "classifier", [], ["whole"], "random", 5, "", "").plan(tmp_path)


def test_the_bundle_says_what_can_be_evaluated(page):
    turned = handler(page, "evaluate-bundle", "input").fn(page.bundle)
    told = {block.elem_id: value for block, value in turned.items()}
    assert "width" not in told["evaluate-model"]["choices"], "a regressor has no classes"
    assert ("LeapFactual", "leapfactual") in told["evaluate-methods"]["choices"]


def test_only_administrators_of_a_team_start_one(controller, tmp_path):
    labels = LabelController(str(tmp_path / "labels.db"), BackgroundTasks(controller.runs.engine))
    team = build(controller, labels=labels, access=AccessPolicy("team"))
    start = handler(team, "evaluate-start")

    async def first():
        return await anext(start.fn(controller.bundle, "classifier", ["rcsb"], ["whole"], "random",
                                    1, "", "", ME))  # fmt: skip

    with pytest.raises(gr.Error, match="administrator"):
        asyncio.run(first())
    demo = build(controller, labels=labels, access=AccessPolicy("demo", Users()))
    with pytest.raises(AssertionError):
        handler(demo, "evaluate-start")
