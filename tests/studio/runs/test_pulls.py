"""Fetching from the page: watched, stopped, healed, and seen by the page without a restart."""

import asyncio
import threading
import time

import gradio as gr
import pytest

from backends import service
from backends.errors import Unreachable
from studio.access import AccessPolicy
from studio.runs.pulls import Pulls
from studio.ui.page import build
from studio.ui.shared import markup as views
from studio.ui.shared.controller import SHARED
from tests.backends.service.test_regions import write_photographs
from tests.studio.conftest import controller_of

ITEM = {
    "parts": ("segmenter",), "title": "some-package 1.0", "size": 38_000_000, "have": 8_000_000,
    "licence": "Apache-2.0", "weights_terms": "for <research> only",
}  # fmt: skip

PRIVATE, ANYBODY = AccessPolicy("private"), gr.Request(session_hash="me")


def progress(done, phase="downloading"):
    return {"parts": ("segmenter",), "phase": phase, "done": done, "total": 38_000_000}


def watched(pull):
    async def to_the_end():
        async for _ in pull.watch():
            pass

    asyncio.run(asyncio.wait_for(to_the_end(), 20))
    return pull.state


def test_a_pull_ends_and_a_second_one_may_follow():
    told = []

    def fetch(name):
        told.append(name)
        yield progress(1)

    pulls = Pulls(fetch)
    pull = pulls.start(["faces", "language"])
    assert watched(pull) == "done"
    assert told == ["faces", "language"]
    assert pull.progress == progress(1)
    assert pulls.start(["faces", "language"]) is not pull


def test_two_pages_watch_one_pull_and_either_stops_it():
    closed, going = [], threading.Event()

    def fetch(name):
        try:
            while True:
                going.set()
                time.sleep(0.01)
                yield progress(1)
        finally:
            closed.append(name)

    pulls = Pulls(fetch)
    pull = pulls.start(["language"])
    assert pulls.start(["language"]) is pull
    going.wait(10)
    pulls.stop(["faces"])
    assert pull.state == "going", "another bundle's"
    pulls.stop(["faces", "language"])
    assert watched(pull) == "stopped"
    assert closed == ["language"]


@pytest.mark.parametrize(
    ("error", "words"),
    [(Unreachable("the server does not answer"), "does not answer"), (KeyError("x"), "inside")],
)
def test_a_failure_is_a_sentence(error, words):
    def fetch(name):
        raise error
        yield

    pull = Pulls(fetch).start(["language"])
    assert watched(pull) == "failed"
    assert words in pull.reason


def test_what_is_fetched_is_said_with_its_terms():
    markup = views.to_fetch({"language": [ITEM]})
    for words in ("segmenter", "some-package 1.0", "38 MB, 8.0 MB arrived", "Apache-2.0"):
        assert words in markup
    assert "for &lt;research&gt; only" in markup
    assert "8.0 MB of 38 MB" in views.fetching(*progress(8_000_000).values())


@pytest.fixture
def lacking(tmp_path, monkeypatch):
    """A controller of photographs without a segmenter, which the shared bundle could fetch."""
    from backends.service import regions as region_service

    folder = write_photographs(tmp_path / "photographs")
    here = []
    monkeypatch.setattr(service, "to_pull", lambda name: [ITEM] if name == SHARED and not here
                        else [])  # fmt: skip
    monkeypatch.setattr(
        region_service, "about",
        lambda name: {"known": [], "words": None, "clicks": None if here else "is not here"},
    )  # fmt: skip
    with controller_of(folder, tmp_path) as controller:
        yield controller, here


def handlers(page, elem_id):
    """What a press of a button does, and then what follows it with the page's updates."""
    (button,) = [block for block in page.blocks.values() if block.elem_id == elem_id]
    press = next(f for f in page.fns.values() if (button._id, "click") in f.targets)
    then = next(f for f in page.fns.values() if f.trigger_after == press._id)
    return press, then


def named(updates):
    return {b.elem_id or b._id: value for b, value in updates.items()}


def carry_out(page, elem_id, name, meanwhile=None):
    """All updates of a press, by the element they are for.

    :param meanwhile: the bundle that is chosen while it goes on.
    """
    press, then = handlers(page, elem_id)

    async def follow():
        shown = {}
        async for updates in press.fn(name, ANYBODY):
            shown |= named(updates)
        return shown

    shown = asyncio.run(asyncio.wait_for(follow(), 20))
    return shown | named(then.fn(meanwhile or name))


@pytest.mark.parametrize("button", ["fetch-run", "fetch-region"])
def test_the_page_goes_on_with_what_was_fetched(lacking, button):
    controller, here = lacking

    def fetch(name):
        assert name == SHARED
        yield progress(1)
        here.append(name)

    page = build(controller, [], Pulls(fetch), access=PRIVATE)
    shown = carry_out(page, button, controller.bundle)
    assert "everything is here" in shown["fetch-status"]
    assert shown["fetch"]["visible"] is False
    assert '"clickable": true' in shown["factual"]["scene"]
    assert '"empty": false' in shown["factual"]["scene"], "the person's picture stays"


def test_a_failed_fetch_can_be_tried_again(lacking):
    controller, here = lacking
    tries = []

    def fetch(name):
        yield progress(1)
        tries.append(name)
        if len(tries) == 1:
            raise Unreachable("the server does not answer")
        here.append(name)

    page = build(controller, [], Pulls(fetch), access=PRIVATE)
    shown = carry_out(page, "fetch-run", controller.bundle)
    assert "does not answer; press Fetch" in shown["fetch-status"]
    assert shown["fetch"]["visible"] is True
    assert "everything is here" in carry_out(page, "fetch-run", controller.bundle)["fetch-status"]


def test_the_bundle_chosen_meanwhile_stays_on_the_page(lacking, tiny):
    controller, _ = lacking

    def fetch(name):
        yield progress(1)

    page = build(controller, [tiny], Pulls(fetch), access=PRIVATE)
    shown = carry_out(page, "fetch-run", controller.bundle, meanwhile=tiny)
    assert "Tiny." in shown["page-title"]
    assert {value for _, value in shown["method"]["choices"]} == {
        name for name, m in service.about(tiny)["methods"].items() if m["problem"] is None
    }
    assert controller.about["title"] in shown["fetch-status"], "of what was fetched"
    press, _ = handlers(page, "fetch-run")
    told = {b.elem_id for b in press.outputs}
    assert "page-title" not in told, "only what follows may say which bundle is shown"
