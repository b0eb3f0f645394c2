"""What the page says to a person who answers in the model's place."""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from backends.core import Request
from backends.errors import TooMuch
from backends.service.interactive import LabelRequest
from studio.engines.budgets import Budgets
from studio.labels.store import interactive_runs
from studio.labels.store.interactive_runs import InteractiveRun
from studio.runs.background_tasks import BackgroundTasks
from studio.ui.explain.interactive import _asked, _status
from studio.ui.page import build
from studio.ui.shared.factual import Factual
from studio.ui.shared.label_controller import LabelController

PICTURE = np.random.default_rng(0).integers(0, 256, (16, 16, 1), dtype=np.uint8)


def run(target="b"):
    return InteractiveRun("id", Request("tiny", "leapfactual", target, PICTURE), "me", "open", 0.0)


def test_the_count_does_not_promise_a_question_after_every_leap():
    now = LabelRequest(12, 12, 20, PICTURE, 0.5)
    text = _status(now, ["a", *["b"] * 11], run())
    assert "question 12, after leap 12 of 20: at most 8 more" in text
    assert "11 of 11 were “b”" in text
    assert "the last one" in _status(LabelRequest(5, 20, 20, PICTURE, 0.5), ["a"], run())


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (13, "You were asked after 12 of 20 leaps; the others changed next to nothing."),
        (21, "You were asked after 20 of 20 leaps."),
    ],
)
def test_the_end_says_how_many_leaps_were_asked_about(answers, told):
    assert _asked({"asked": {"answers": ["a"] * answers}, "steps": 20}) == told


@pytest.mark.parametrize("mask", [None, (PICTURE[..., 0] > 128).astype(np.uint8)])
def test_a_run_that_goes_on_brings_its_question_back(controller, tiny, tmp_path, mask):
    labels = LabelController(str(tmp_path / "labels.db"), BackgroundTasks(controller.runs.engine))
    page = build(controller, labels=labels)
    resumed = next(f for f in page.fns.values() if getattr(f.fn, "__name__", "") == "_resumed")
    tab = resumed.fn.__self__._restored.__self__
    region = "whole" if mask is None else "painted"
    asked = Request(tiny, "leapfactual", "b", PICTURE, region, mask)
    told = asyncio.run(tab._restored("me", asked))
    assert set(told) <= set(resumed.outputs)
    by_id = {block.elem_id: value for block, value in told.items()}
    assert by_id["target"]["value"] == "b"
    assert any(isinstance(value, Factual) for value in told.values())
    scene = next(v["scene"] for v in told.values() if isinstance(v, dict) and "scene" in v)
    assert '"picture"' in scene
    assert ('"laid"' in scene) == (mask is not None)


def test_a_run_that_waits_counts_as_filled_disk(controller, tiny, tmp_path, picture):
    budgets = controller.runs.engine.budgets = Budgets({"megabytes": 0.0001})
    labels = LabelController(str(tmp_path / "labels.db"), BackgroundTasks(controller.runs.engine))
    page = build(controller, labels=labels)
    panel = next(
        f.fn.__self__ for f in page.fns.values() if getattr(f.fn, "__name__", "") == "_resumed"
    )
    mask = np.full(picture.shape[:2], 255, np.uint8)
    asked = Request(tiny, "leapfactual", "b", picture, "painted", mask)
    begun = asyncio.run(panel.begin(controller, asked, "me@1.2.3.4", "bob"))
    assert begun[panel.person] == "bob"
    run_id = begun[panel._run_id]
    with pytest.raises(TooMuch, match="megabytes of the disk"):
        asyncio.run(panel.begin(controller, asked, "me@1.2.3.4", "bob"))
    assert len(interactive_runs.unfinished(labels.database(), tiny, "bob")) == 1
    taken = sum(budgets._recent("1.2.3.4", "megabytes").values())
    visitor = SimpleNamespace(
        session_hash="me", client=SimpleNamespace(host="1.2.3.4"), headers={}
    )  # fmt: skip
    asyncio.run(panel._on_answer(["a", 1.0, run_id], "bob", visitor))
    assert interactive_runs.answers(labels.database(), panel_run(labels, run_id)) == ["a"]
    assert sum(budgets._recent("1.2.3.4", "megabytes").values()) > taken
    labels.database().close()


def panel_run(labels, run_id):
    return interactive_runs.find(labels.database(), run_id)
