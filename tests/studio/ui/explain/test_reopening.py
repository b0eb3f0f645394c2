"""An opened run puts its picture, region, question, settings and answer back on the page."""

import asyncio
import json
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest

from backends import service
from backends.core import Request
from studio import export
from studio.engines.budgets import Budgets
from studio.engines.local import LocalEngine
from studio.engines.owners import owner_at
from studio.runs import Runs
from studio.runs.kept import KeptRuns
from studio.runs.study import Study
from studio.ui.explain.gallery import FIRST, MOST, Said
from studio.ui.page import build
from studio.ui.shared import form
from studio.ui.shared.controller import BundleController
from studio.ui.shared.model_list import Offered
from tests.studio.ui.explain.test_other_question import handler

VISITOR, STRANGER = "v" * 32, "s" * 32


def page_of(owner):
    return SimpleNamespace(session_hash=owner)


@pytest.fixture
def engine():
    engine = LocalEngine()
    yield engine
    engine.close()


@pytest.fixture
def started(engine, tiny, tmp_path):
    """Start the studio (again): a page, and the runs behind it."""

    def start():
        runs = Runs(engine, service.explain, service.stopped, store=KeptRuns(tmp_path / "runs"))
        results = tmp_path / "results"
        results.mkdir(exist_ok=True)
        controller = BundleController(tiny, runs, results, Study(tmp_path / "choices.jsonl"))
        return build(controller), runs

    return start


@pytest.fixture
def asked(tiny, picture):
    said = service.predict(tiny, picture).label
    mask = np.zeros(picture.shape[:2], np.uint8)
    mask[:8] = 255
    return Request(
        tiny, "leapfactual", next(name for name in "abc" if name != said), picture,
        "painted", mask, {"blending_leaps": 4}, 11,
    )  # fmt: skip


def all_of(updates):
    async def collect():
        found = {}
        async for update in updates:
            found |= update
        return found

    return asyncio.run(collect())


def opened(page, owner, run="", visitor=VISITOR):
    function = handler(page, "_open")
    bundle = next(block for block in page.blocks.values() if block.elem_id == "bundle")
    said = {"visitor": visitor, "run": run, "count": 12}
    found = all_of(function.fn(page_of(owner), said, bundle.value, {}))
    assert set(found) <= set(function.outputs), "gradio refuses others"
    return found


def by_id(found):
    return {block.elem_id: value for block, value in found.items() if block.elem_id}


def value(update):
    return update.get("value") if isinstance(update, dict) else update


def finish(run):
    async def watch():
        async for _ in run.watch():
            pass

    asyncio.run(watch())
    assert run.saved.wait(10)


@pytest.fixture
def kept(started, asked):
    """The id of a run that ended before the studio was started again."""
    _, runs = started()
    runs.recognise("before", VISITOR)
    run = runs.start(asked, "before")
    finish(run)
    runs.leave("before")
    return run


def test_all_of_it_is_back_after_a_restart(started, kept, asked):
    page, _ = started()
    found = opened(page, "me", kept.id)
    shown = by_id(found)
    tab = handler(page, "_explain").fn.__self__
    assert np.array_equal(found[tab._picture].pixels, asked.picture)
    assert value(shown["target"]) == asked.target
    assert value(shown["method"]) == "leapfactual"
    assert shown["seed"] == 11 or value(shown["seed"]) == 11
    assert found[tab.methods.settings["leapfactual", "blending_leaps"]] == 4
    assert shown["region-source"] == "painted"
    scene = json.loads(shown["factual"]["scene"])
    assert scene["laid"]["story"] == "painted"
    assert scene["picture"]
    assert "compare" in shown["counterfactual"]
    assert kept.id in shown["history"]
    assert "Blending leaps 4" in shown["history"], "what tells it from others of its kind"
    assert json.loads(shown["kept-host"]["shown"]) == {"run": kept.id, "by": "open"}


def test_an_answer_of_the_oracle_asks_the_oracle_again(started, asked):
    """Compare asks it; the Explain tab does not offer it otherwise."""
    page, runs = started()
    said = service.predict(asked.bundle, asked.picture, "oracle").label
    target = next(name for name in "abc" if name != said)
    runs.recognise("me", VISITOR)
    run = runs.start(replace(asked, model="oracle", target=target), "me")
    finish(run)
    shown = by_id(opened(page, "me", run.id))
    assert shown["model"]["value"] == "oracle"
    assert ("Oracle", "oracle") in shown["model"]["choices"]
    assert value(shown["target"]) == target
    assert "compare" in shown["counterfactual"]


def test_running_it_again_gives_the_same_bytes(started, kept):
    page, runs = started()
    found = opened(page, "me", kept.id)
    tab = handler(page, "_explain").fn.__self__
    again = handler(page, "_again").fn
    all_of(again(page_of("me"), kept.id, found[tab._picture]))
    (repeated,) = runs.of("me")
    for name in ("counterfactual", "mask", "latent"):
        ours, theirs = getattr(repeated.answer, name), getattr(kept.answer, name)
        assert ours.tobytes() == theirs.tobytes(), name


def test_a_link_shows_it_to_others_who_cannot_delete_it(started, kept):
    page, runs = started()
    shown = by_id(opened(page, "other", kept.id, STRANGER))
    assert "compare" in shown["counterfactual"]
    assert kept.id not in shown["history"]
    remove = handler(page, "_remove").fn
    asyncio.run(remove(page_of("other"), {"visitor": STRANGER, "ids": [kept.id]}))
    assert runs.get(kept.id)
    asyncio.run(remove(page_of("me"), {"visitor": VISITOR, "ids": [kept.id]}))
    assert runs.get(kept.id) is None


def with_login(owner, login):
    return SimpleNamespace(
        session_hash=owner, client=SimpleNamespace(host="1.2.3.4"),
        headers={"x-studio-user": login},
    )  # fmt: skip


def test_who_is_logged_in_deletes_their_answers(started, asked):
    page, runs = started()
    runs.recognise("before", "login:ada")
    run = runs.start(asked, "before")
    finish(run)
    remove = handler(page, "_remove").fn
    asyncio.run(remove(page_of("eve"), {"visitor": "login:ada", "ids": [run.id]}))
    assert runs.get(run.id), "no browser names itself as a login"
    asyncio.run(remove(with_login("eve", "eve"), {"visitor": VISITOR, "ids": [run.id]}))
    assert runs.get(run.id), "another login"
    asyncio.run(remove(with_login("me", "ada"), {"visitor": VISITOR, "ids": [run.id]}))
    assert runs.get(run.id) is None


def test_who_has_logged_in_deletes_what_the_browser_answered_before(started, kept):
    page, runs = started()
    remove = handler(page, "_remove").fn
    asyncio.run(remove(with_login("me", "ada"), {"visitor": VISITOR, "ids": [kept.id]}))
    assert runs.get(kept.id) is None


def test_only_its_own_person_decides_about_an_answer(started, kept, tmp_path):
    page, runs = started()
    opened(page, "other", kept.id, STRANGER)
    for name in ("_accepted", "_discarded"):
        told, _download = handler(page, name).fn(kept.id, "ha", page_of("other"))
        assert "somebody else" in told
    assert "decision" not in runs.get(kept.id).answer.record
    assert not (tmp_path / "choices.jsonl").exists()
    opened(page, "me", kept.id)
    told, _download = handler(page, "_accepted").fn(kept.id, "so", page_of("me"))
    assert "Accepted" in told
    assert (tmp_path / "choices.jsonl").read_text().count("\n") == 1


@pytest.mark.parametrize("why", ["not shared", "deleted"])
def test_an_answer_of_a_model_that_is_not_offered_is_shown_all_the_same(
    started, asked, monkeypatch, why
):
    """Whoever has the address sees the answer, but asks another model."""
    page, runs = started()
    runs.recognise("me", VISITOR)
    run = runs.start(asked, "me")
    finish(run)
    run.request = replace(run.request, model="ours")
    tab = handler(page, "_explain").fn.__self__
    controller = tab.controllers.first
    if why == "not shared":
        entry = {"title": "ours", "classes": ["a", "b", "c"], "labels": 9, "differentiable": True,
                 "methods": dict.fromkeys(controller.about["methods"])}  # fmt: skip
        monkeypatch.setitem(controller.about["models"], "ours", entry)
        monkeypatch.setattr(tab._labels, "offered", lambda *_: Offered(hidden=frozenset(["ours"])))
        said, predict = service.predict(asked.bundle, asked.picture), service.predict
        monkeypatch.setattr(
            service, "predict", lambda b, p, n="classifier": said if n == "ours" else predict(b, p)
        )
    warned = []
    monkeypatch.setattr(gr, "Warning", warned.append)
    shown = by_id(opened(page, "other", run.id, STRANGER))
    assert "compare" in shown["counterfactual"]
    assert shown["model"]["value"] == "classifier"
    assert all(name != "ours" for _title, name in shown["model"]["choices"])
    assert value(shown["target"]) == asked.target
    (told,) = warned
    assert "a model that is not here for you" in told


def test_an_unknown_run_is_told_and_none_puts_the_answer_away(started, kept):
    page, _ = started()
    assert "no longer kept" in by_id(opened(page, "me", "nobody-has-this-one-22"))["status"]
    opened(page, "me", kept.id)
    shown = by_id(opened(page, "me"))
    assert shown["counterfactual"] == ""
    assert "press Run" in shown["status"]


def test_two_runs_are_compared_by_what_differs(started, kept, asked):
    page, runs = started()
    runs.recognise("me", VISITOR)
    other = runs.start(Request(**{**vars(asked), "seed": 12}), "me")
    finish(other)
    compare = handler(page, "_compare_two").fn
    table = asyncio.run(compare(page_of("me"), {"visitor": VISITOR, "ids": [kept.id, other.id]}))
    assert "Seed" in table
    assert "Blending leaps" not in table, "both have the same"
    gone = asyncio.run(compare(page_of("me"), {"visitor": VISITOR, "ids": [kept.id, "x" * 22]}))
    assert "no longer kept" in gone


def dropped(page, path, monkeypatch):
    monkeypatch.setattr("studio.ui.explain.reopening.uploaded", lambda file: str(path))
    function = handler(page, "_restore_file")
    bundle = next(block for block in page.blocks.values() if block.elem_id == "bundle").value
    said = {"visitor": VISITOR}
    found = asyncio.run(function.fn(page_of("me"), said, {}, bundle, {}, None))
    assert set(found) <= set(function.outputs)
    return found


def test_a_dropped_zip_brings_all_of_it_back(started, kept, tmp_path, monkeypatch):
    page, _ = started()
    export.write(tmp_path / "answer", kept.answer, kept.frames)
    export.write_zip(tmp_path / "result.zip", tmp_path / "answer")
    shown = by_id(dropped(page, tmp_path / "result.zip", monkeypatch))
    assert "answer are back" in shown["restore-note"]
    assert "files were dropped" in shown["status"]
    assert value(shown["target"]) == kept.request.target
    shown = by_id(dropped(page, tmp_path / "answer" / "counterfactual.png", monkeypatch))
    assert "choose it, then Run" in shown["restore-note"]
    assert shown["target"] == kept.request.target


@pytest.mark.parametrize("kind", ["megapixels", "megabytes"])
def test_a_dropped_answer_is_of_the_visitors_budget(
    started, kept, tmp_path, monkeypatch, engine, kind
):
    page, runs = started()
    export.write(tmp_path / "answer", kept.answer, kept.frames)
    export.write_zip(tmp_path / "result.zip", tmp_path / "answer")
    me = owner_at("me", "192.0.2.1")
    monkeypatch.setattr(
        "studio.ui.explain.gallery.Gallery.recognise", lambda *_: (me, Said(visitor=VISITOR))
    )
    monkeypatch.setattr("studio.ui.explain.reopening.owner_of", lambda _: me)
    engine.budgets = Budgets({kind: 1e-3})
    runs.recognise(me, VISITOR)
    assert "are back" in by_id(dropped(page, tmp_path / "result.zip", monkeypatch))["restore-note"]
    (first,) = runs.of(me)
    assert first.saved.wait(10)
    told = by_id(dropped(page, tmp_path / "result.zip", monkeypatch))["restore-note"]
    assert "you can go on" in told
    assert runs.of(me) == [first]


def test_a_dropped_zip_fits_the_bundle_before_it_is_decoded(started, kept, tmp_path, monkeypatch):
    page, _ = started()
    large = {
        name: np.zeros((64, 64, *getattr(kept.answer, name).shape[2:]), np.uint8)
        for name in ("factual", "counterfactual", "mask")
    }
    answer = replace(kept.answer, **large, reconstruction=None, latent=None, alternatives={})
    export.write(tmp_path / "answer", answer, [])
    export.write_zip(tmp_path / "result.zip", tmp_path / "answer")
    monkeypatch.setattr(
        "studio.export.returned.decoded", lambda *_: pytest.fail("a picture was decoded")
    )
    told = by_id(dropped(page, tmp_path / "result.zip", monkeypatch))["restore-note"]
    assert "not of the size of the bundle" in told


@pytest.mark.parametrize(
    ("field", "given", "told"),
    [
        ("model", "/tmp/evil.py", "which is not here"), ("bundle", "nowhere", "no bundle"),
    ],
)  # fmt: skip
def test_a_file_names_no_code_and_no_folder(
    started, kept, tmp_path, monkeypatch, field, given, told
):
    page, _ = started()
    record = kept.answer.record | {field: given}
    (tmp_path / "result.json").write_text(json.dumps(record))
    assert told in by_id(dropped(page, tmp_path / "result.json", monkeypatch))["restore-note"]


def test_run_on_a_page_from_before_the_restart_says_to_reload(started):
    page, _ = started()
    function = handler(page, "_explain")
    values = [block.value for block in function.inputs]
    values[0] = None
    found = by_id(all_of(function.fn(page_of("old"), *values)))
    assert "reload the page" in found["status"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, Said()), ([], Said()), ({"visitor": 3, "run": 4, "count": "x", "ids": 5}, Said()),
        ({"visitor": "short"}, Said()), ({"visitor": "a/" * 16}, Said()),
        ({"count": 10**9}, Said(count=MOST)), ({"count": -1}, Said(count=FIRST)),
        ({"ids": ["a", "b", "c"]}, Said(ids=("a", "b"))),
    ],
)  # fmt: skip
def test_what_the_browser_says_is_checked(given, said):
    assert Said.of(given) == said


@pytest.mark.parametrize(
    ("field", "given", "good"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 9}, 9, True),
        ({"type": "integer", "minimum": 1, "maximum": 9}, 10, False),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, 0, False),
        ({"type": "number", "minimum": 0, "exclusiveMaximum": 0.5}, 0.5, False),
        ({"type": "number", "minimum": 0, "exclusiveMaximum": 0.5}, 0, True),
        ({"type": "integer"}, 1.5, False), ({"type": "number"}, True, False),
        ({"type": "number"}, "3", False), ({"type": "boolean"}, False, True),
        ({"type": "boolean"}, 0, False), ({"type": "string"}, "x", True),
        ({"enum": ["a", "b"]}, "b", True), ({"enum": ["a", "b"]}, "c", False),
    ],
)  # fmt: skip
def test_a_setting_fits_its_schema(field, given, good):
    assert form.fits(field, given) is good


def test_settings_are_kept_for_the_next_page_as_far_as_they_still_fit(started, tiny):
    page, _ = started()
    note, restore = handler(page, "_note"), handler(page, "_restore_loaded")
    preferences = note.fn.__self__
    key = ("leapfactual", "blending_leaps")
    place = preferences._methods.settings[key]
    values = [7 if block is place else block.value for block in note.inputs]
    values[:4] = [{}, tiny, "leapfactual", 5]
    noted = note.fn(*values)
    assert noted["bundles"][tiny]["settings"] == {"leapfactual": {"blending_leaps": 7}}
    found = restore.fn(page_of("me"), {}, noted, tiny, {})
    assert set(found) <= set(restore.outputs)
    assert found[place] == 7
    assert value(found[preferences._methods.seed]) == 5
    noted["bundles"][tiny]["settings"]["leapfactual"]["blending_leaps"] = "many"
    found = restore.fn(page_of("me"), {}, noted, tiny, {})
    assert found[place] == place.value, "the default, where the schema has changed"
    assert place not in restore.fn(page_of("me"), {"run": "x"}, noted, tiny, {})
    for broken in (None, [], {"bundles": 3}, {"bundles": {tiny: {"settings": []}}}):
        restore.fn(page_of("me"), {}, broken, tiny, {})
    assert isinstance(preferences._kept, gr.BrowserState)
