"""What a stranger finds on the page of a studio that is left open."""

import asyncio
import inspect

import gradio as gr
import pytest

from studio.access import AccessPolicy
from studio.runs.background_tasks import BackgroundTasks
from studio.ui.page import build
from studio.ui.shared.label_controller import LabelController


def handler(page, name):
    return next(f.fn for f in page.fns.values() if getattr(f.fn, "__qualname__", "").endswith(name))


@pytest.fixture
def strangers(controller, tmp_path):
    """The page of a demo, and its label controller."""
    demo = AccessPolicy("demo")
    tasks = BackgroundTasks(controller.runs.engine)
    labels = LabelController(str(tmp_path / "labels.db"), tasks, demo)
    return build(controller, labels=labels, access=demo), labels


def test_strangers_make_nothing(strangers):
    page, labels = strangers
    visible = {b.elem_id: b.visible for b in page.blocks.values() if b.elem_id}
    assert not visible["import"]
    assert not visible["fetch"]
    anybody = gr.Request(username=None, session_hash="stranger")
    asked = {
        "wire.<locals>.create": ("tiny", None, "Eve", {}, "p", "?", "a,b", "", "", 0, []),
        "wire.<locals>.add": ("tiny", "p", {}, "", 0, []),
        "wire.<locals>.import_labels": ("tiny", "f.csv", "p", "", "Eve", {}),
        "wire.<locals>.retrain": ("p", {}, "m", "majority"),
        "_annotated": ("p", {}, "classifier", ""),
        "wire.<locals>.fetch_all": ("tiny",),
    }
    for name, values in asked.items():
        work = handler(page, name)
        named = inspect.signature(work).parameters
        first = next(iter(named)) == "request"
        given = (anybody, *values) if first else (*values, anybody)
        with pytest.raises(gr.Error, match=r"only|ask them|export them|trains no"):
            drained(work(*given))
    assert labels.names("tiny") == []


def drained(work):
    """Carry out what a handler returned: nothing, a coroutine or an asynchronous generator."""

    async def run():
        if inspect.isasyncgen(work):
            return [item async for item in work]
        return await work

    return asyncio.run(run())
