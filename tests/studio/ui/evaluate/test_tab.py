"""The tab's handlers, without a browser."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from backends.errors import BadInput
from studio.access import AccessPolicy
from studio.access.rights import USER
from studio.access.users import Users
from studio.runs.background_tasks import BackgroundTasks
from studio.runs.evaluations import note_asked
from studio.ui.evaluate.choices import EvaluationChoices
from studio.ui.page import build
from studio.ui.shared.label_controller import LabelController
from tests.backends.evaluation.test_rows import with_examples
from tests.studio.conftest import controller_of
from tests.studio.ui.domain.test_tab import handler, loaded, outcomes

PRIVATE = AccessPolicy("private")
ME = SimpleNamespace(session_hash="me", headers={}, client=None)


@pytest.fixture
def page(tmp_path):
    bundle = with_examples(tmp_path / "bundle")
    with controller_of(bundle, tmp_path) as controller:
        labels = LabelController(
            str(tmp_path / "labels.db"), BackgroundTasks(controller.runs.engine)
        )
        made = build(controller, labels=labels, access=PRIVATE)
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
    assert "3 pictures · LeapFactual, REVISE" in listed["choices"][0][0]

    again = handler(page, "evaluate-earlier", "input").fn(listed["value"], ME)
    told = {block.elem_id: value for block, value in again.items()}
    assert "steps=2" in told["evaluate-state"]
    assert told["evaluate-files"]["value"] == [str(file) for file in files]
    assert told["evaluate-methods"]["value"] == ["leapfactual", "revise"]
    assert told["evaluate-settings"] == "revise.steps=1,2"
    assert told["evaluate-count"] == 3

    opened = outcomes(page, loaded(page, "_goes_on"), ME)
    assert "Done." in str(opened[-1]["evaluate-state"]), "a page that is opened later shows it"


def restarted(page, tmp_path, access=PRIVATE):
    """A page of another studio with the same folders."""
    labels = LabelController(
        str(tmp_path / "labels.db"), BackgroundTasks(page.controller.runs.engine)
    )
    return build(page.controller, labels=labels, access=access)


@pytest.mark.slow
def test_evaluations_are_listed_after_a_restart_go_on_and_are_deleted(page, tmp_path):
    asked = question(page, methods=["leapfactual"], settings="")

    async def begin():
        shown = handler(page, "evaluate-start").fn(*asked)
        await anext(shown)
        page.tasks.stop("evaluate")
        async for _step in shown:
            pass

    asyncio.run(begin())
    later = restarted(page, tmp_path)
    (listed,) = outcomes(later, loaded(later, "_goes_on"), ME)
    (label, name), = listed["evaluate-earlier"]["choices"]  # fmt: skip
    unfinished = page.tasks.newest("evaluate").state == "stopped"
    assert ("not finished" in label) == unfinished
    again = handler(later, "evaluate-earlier", "input").fn(name, ME)
    told = {block.elem_id: value for block, value in again.items()}
    assert told["evaluate-count"] == 3
    assert ("Press Start" in str(told["evaluate-state"])) == unfinished
    *_, last = outcomes(later, handler(later, "evaluate-start"), *asked)
    assert "Done." in str(last["evaluate-state"])
    assert len(last["evaluate-earlier"]["choices"]) == 1, "the same question, finished now"
    place = page.controller.results / "evaluations" / "own"
    assert (place / "answers.sqlite").is_file()
    gone = handler(later, "evaluate-delete").fn(name, ME)
    told = {block.elem_id: value for block, value in gone.items()}
    assert told["evaluate-earlier"]["choices"] == []
    assert list(place.iterdir()) == [], "the answers that they share go with the last one"


def test_nobody_sees_or_deletes_another_persons_evaluation(page, tmp_path):
    team = restarted(
        page, tmp_path, AccessPolicy("team", header="x-user", further=frozenset(["ada", "bob"]))
    )
    ada, bob = (
        SimpleNamespace(session_hash=n, headers={USER: n}, client=None) for n in ("ada", "bob")
    )
    tab = handler(team, "evaluate-delete").fn.__self__
    folder = tab._kept.place(ada) / "evaluation-1"
    note_asked(folder, asdict(EvaluationChoices(
        page.bundle, "classifier", ["rcsb"], ["whole"], "random", 5, "", ""
    )))  # fmt: skip
    assert [len(step["evaluate-earlier"]["choices"]) for who in (ada, bob)
            for step in outcomes(team, loaded(team, "_goes_on"), who)] == [1, 0]  # fmt: skip
    for act in (handler(team, "evaluate-delete"), handler(team, "evaluate-earlier", "input")):
        with pytest.raises(gr.Error, match="no longer kept"):
            act.fn("evaluation-1", bob)
    assert folder.is_dir()
    assert "ada" not in str(folder)


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
