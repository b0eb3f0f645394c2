"""The tab's handlers, without a browser; the training itself is replaced where it is not asked."""

import asyncio
import shutil
from types import SimpleNamespace

import gradio as gr
import pytest

from backends import bundles
from backends.evaluation import watched
from backends.evaluation.domain import Report
from backends.evaluation.watched import DomainProgress
from studio.access import AccessPolicy
from studio.runs.background_tasks import BackgroundTasks
from studio.ui.domain.work import TRAINING
from studio.ui.page import build
from studio.ui.shared.label_controller import LabelController
from tests.backends.training.own_pictures import write_tree

ME = SimpleNamespace(session_hash="me")


@pytest.fixture
def packed(tmp_path):
    write_tree(tmp_path / "in", 6)
    return shutil.make_archive(str(tmp_path / "my squares"), "zip", tmp_path / "in")


@pytest.fixture
def page(controller, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_BUNDLES", str(tmp_path / "bundles"))
    labels = LabelController(str(tmp_path / "labels.db"), BackgroundTasks(controller.runs.engine))
    made = build(controller, labels=labels, access=AccessPolicy("private"))
    made.tasks = labels.tasks
    return made


def handler(page, elem_id, event="click"):
    """The function of a component's event, and the components that it fills."""
    for function in page.fns.values():
        for target, name in function.targets:
            block = page.blocks.get(target)  # None for the page itself
            if block is not None and block.elem_id == elem_id and name == event:
                return function
    raise AssertionError(elem_id)


def loaded(page, name, when="shown"):
    """What is done under that name when the tab, or (``load``) the page, is opened."""
    functions = (f for f in page.fns.values() if any(event == when for _, event in f.targets))
    return next(f for f in functions if f.fn.__name__ == name)


def outcomes(page, function, *values):
    """What a generator shows, by element id, in order."""

    async def all_of():
        return [item async for item in function.fn(*values)]

    return [{part.elem_id: shown for part, shown in item.items()}
            for item in asyncio.run(all_of())]  # fmt: skip


def make(page, packed, name="squares", **changes):
    function = handler(page, "own-make")
    given = {"own-zip": packed, "own-name": name, "own-minutes": 0, "own-classifier": None,
             "own-size": 32, "own-title": None, **changes}  # fmt: skip
    values = [given.get(part.elem_id, getattr(part, "value", None)) for part in function.inputs]
    return outcomes(page, function, *values)


def test_only_the_person_at_the_machine_has_the_tab(controller):
    ids = {block.elem_id for block in build(controller).blocks.values()}
    assert not {"own-zip", "own-train"} & ids


def test_a_zip_is_looked_at_and_gives_a_name(page, packed):
    function = handler(page, "own-zip", "upload")
    shown = {
        part.elem_id: text for part, text in function.fn(packed, "", 32, "auto", "fit").items()
    }
    assert "12 pictures in 2 classes, taken as grey: bright 6, dark 6." in shown["own-look"]
    assert shown["own-look"].count("<figure>") == 8
    assert shown["own-name"] == "my-squares"
    kept = {
        part.elem_id: text for part, text in function.fn(packed, "x", 32, "auto", "fit").items()
    }
    assert kept["own-name"] == "x"


def test_a_made_bundle_can_be_chosen_and_trained_at_once(page, packed, tmp_path):
    *_, last = make(page, packed)
    assert "“squares” is made" in last["own-made"]
    assert ("Squares", "squares") in last["bundle"]["choices"]
    assert last["bundle"]["visible"]
    assert last["own-bundle"]["value"] == "squares"
    assert last["own-make"]["visible"]
    assert not last["own-make-stop"]["visible"]
    opened = next(f.fn for f in page.fns.values() if getattr(f.fn, "__name__", "") == "_pick_card")
    shown = {part.elem_id: update for part, update in opened("squares", None, ME).items()}
    assert shown["bundle"] == "squares"
    assert "Squares" in shown["page-title"]


def test_what_cannot_be_made_is_one_sentence_and_leaves_nothing(page, packed):
    *_, last = make(page, packed, name="a/b")
    assert "cannot be the name of a bundle" in last["own-made"]
    assert "bundle" not in last
    with pytest.raises(gr.Error, match="Upload a zip"):
        make(page, None)


def test_pages_opened_later_know_bundles_made_elsewhere(page, tmp_path):
    list(watched.made("elsewhere", write_tree(tmp_path / "tree"), {"size": 32}, minutes=0))
    found = loaded(page, "known", "load").fn() | loaded(page, "known").fn()
    shown = {part.elem_id: update for part, update in found.items()}
    assert ("Elsewhere", "elsewhere") in shown["bundle"]["choices"]
    assert "elsewhere" in shown["own-bundle"]["choices"]
    assert shown["own-bundle"]["value"] == "elsewhere"


@pytest.fixture
def course(monkeypatch):
    """Replaces a training; waits in its middle until it is stopped or told to go on."""
    report = Report(
        "squares", {"oracle": {"test_accuracy": 0.75, "steps": 10.0, "seconds": 30.0}},
        [{"method": "rcsb", "n": 4, "flip_rate": 0.5, "oracle_agreement": None},
         {"method": "place", "problem": "it lacks a density"}],
        ["More minutes would help."],
    )  # fmt: skip
    steps = [DomainProgress("squares", "measuring", part="bridge")]
    steps += [
        DomainProgress("squares", "training", n / 4, "bridge", n, 4, (3.0, 2.0, 1.0)[:n], 120.0)
        for n in (1, 2, 3)
    ]
    steps.append(DomainProgress("squares", "judging", 0.5, "rcsb"))
    steps.append(DomainProgress("squares", "done", 1.0, report=report))
    monkeypatch.setattr(watched, "trained", lambda name, minutes: iter(steps))


@pytest.mark.usefixtures("course")
def test_a_training_ends_with_its_table(page):
    *_, last = outcomes(page, handler(page, "own-train"), "squares", 60)
    text = last["own-trained"]
    for part in ("is trained", "accuracy 0.75", "50%", "it lacks a density", "More minutes"):
        assert part in text
    assert last["own-train"]["visible"]
    later = outcomes(page, loaded(page, "follow"))
    assert "More minutes" in later[0]["own-trained"], "for whoever opens the page afterwards"
    with pytest.raises(gr.Error, match="Make a bundle of your pictures first"):
        outcomes(page, handler(page, "own-train"), None, 60)
    with pytest.raises(gr.Error, match="for how many minutes"):
        outcomes(page, handler(page, "own-train"), "squares", None)


def test_one_at_a_time_goes_on_without_its_page_and_is_found_again(page, packed, monkeypatch):
    def endless(name, minutes):
        while True:
            yield DomainProgress(name, "training", 0.5, "flow", 5, 10, (2.0, 1.0), 60.0)

    monkeypatch.setattr(watched, "trained", endless)
    function = handler(page, "own-train")

    async def leave():
        shown = function.fn("squares", 60)
        await anext(shown)
        await shown.aclose()

    asyncio.run(leave())
    assert page.tasks.going(TRAINING)
    with pytest.raises(gr.Error, match="made or trained already"):
        make(page, packed)

    async def found_again():
        shown = loaded(page, "follow").fn()
        texts = []
        async for item in shown:
            texts += [str(text) for part, text in item.items() if part.elem_id == "own-trained"]
            if len(texts) == 2:
                handler(page, "own-train-stop").fn()
        return texts

    texts = asyncio.run(asyncio.wait_for(found_again(), 20))
    assert "Training the flow" in texts[1]
    assert "about 60 s left" in texts[1]
    assert "<polyline" in texts[1]
    assert "Stopped. Train it for as many minutes again" in texts[-1]
    assert "squares" not in bundles.installed()
