"""An answer never stands beside another question unmarked."""

import asyncio
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from backends import service
from studio.ui.explain.answer import READY
from studio.ui.page import build
from studio.ui.shared import markup
from studio.ui.shared.factual import Factual

ME = SimpleNamespace(session_hash="me")


def handler(page, name):
    return next(f for f in page.fns.values() if getattr(f.fn, "__name__", "") == name)


@pytest.fixture
def page(controller):
    return build(controller)


@pytest.fixture
def seen(tiny, picture):
    return Factual(tiny, picture)


def asked(page, seen, target, method="leapfactual"):
    """The values of every control that Run reads."""
    explain = handler(page, "_explain")
    usual = [block.value for block in explain.inputs]
    return explain, [seen, "", "", "whole", "classifier", target, method, *usual[7:]]


def shown_by(page, seen, target, between=lambda: None):
    explain, values = asked(page, seen, target)

    async def finish():
        found = {}
        async for update in explain.fn(ME, *values):
            found |= {block.elem_id: value for block, value in update.items() if block.elem_id}
            between()
        return found

    return asyncio.run(finish())


def other_than(tiny, picture):
    said = service.predict(tiny, picture).label
    return next(name for name in "abc" if name != said)


def test_another_target_or_method_marks_the_answer_and_back_unmarks_it(
    page, controller, seen, tiny, picture
):
    target = other_than(tiny, picture)
    shown_by(page, seen, target)
    run = controller.runs.of("me")[-1]
    mark = handler(page, "_mark").fn
    ours = ["classifier", target, "leapfactual"]
    third = next(
        name for name in "abc" if name not in (target, run.answer.record["factual"]["label"])
    )
    assert "lipped" in mark(run.id, ours, seen, *ours)
    assert "earlier question" in mark(run.id, ours, seen, "classifier", target, "place")
    assert "earlier question" in mark(run.id, ours, seen, "classifier", third, "leapfactual")
    assert mark("", None, None, *ours) == gr.skip()


def test_a_word_that_is_no_class_is_told_at_once(page, seen):
    mark = handler(page, "_mark").fn
    told = mark("", None, seen, "classifier", "zebra", "leapfactual")
    assert "no class “zebra”" in told
    assert mark("", None, seen, "width", "more than 7.5", "leapfactual") == gr.skip()


def test_an_answer_about_the_picture_before_is_not_shown(page, controller, seen, tiny, picture):
    controllers = page_controllers(page)
    controllers.now("me", seen)
    other = Factual(tiny, 255 - picture)
    found = shown_by(page, seen, other_than(tiny, picture), lambda: controllers.now("me", other))
    assert controller.runs.of("me")[-1].answer is not None
    assert not found.get("counterfactual")
    assert not found.get("metrics")


def page_controllers(page):
    return handler(page, "_explain").fn.__self__.controllers


def test_a_new_picture_puts_the_answer_away(page, controller, seen, tiny, picture):
    tab = handler(page, "_explain").fn.__self__
    tab.controllers.use("me")
    shown = asyncio.run(controller.show("me", Image.fromarray(np.squeeze(255 - picture))))
    updates = {b.elem_id: v for b, v in tab._put("me", controller, shown).items() if b.elem_id}
    assert updates["counterfactual"] == updates["difference"] == updates["metrics"] == ""
    assert updates["status"] == markup.hint(READY)
    assert updates["download"]["visible"] is False
    opened = {b.elem_id: v for b, v in tab.opened(controller).items() if b.elem_id}
    assert opened["counterfactual"] == ""


def test_a_comparison_of_another_question_is_marked(page, controller, seen, tiny, picture):
    compare = handler(page, "_compare")
    target = other_than(tiny, picture)
    question = [seen, "", "", "whole", "classifier", target]

    async def finish():
        async for update in compare.fn(ME, *question, ["leapfactual"], "0", "", ""):
            found.update(update)

    found = {}
    asyncio.run(finish())
    which = next(v for b, v in found.items() if isinstance(b, gr.State))
    put = handler(page, "_put_question").fn
    assert "earlier question" not in str(put(ME, *question, "", which)[1])
    another = next(
        name for name in "abc" if name not in (target, service.predict(tiny, picture).label)
    )
    assert "earlier question" in str(put(ME, *question[:-1], another, "", which)[1])
