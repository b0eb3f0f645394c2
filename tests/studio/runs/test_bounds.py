"""What callers can hold of this process is bounded, whether or not they say that they left."""

import threading

import pytest

from backends import service
from studio.engines.inline import InlineEngine
from studio.engines.owners import owner_at
from studio.runs import Runs, TooMany
from tests.studio.ui.test_page import ask


def test_callers_of_one_address_share_a_number(controller, picture):
    """However they call their sessions."""
    held = threading.Event()

    def explain(request):
        held.wait(20)
        yield from ()

    runs = Runs(controller.runs.engine, explain, service.stopped, address_going=3)
    asked = ask(controller, picture)
    for n in range(3):
        runs.start(asked, owner_at(f"session {n}", "9.9.9.9"))
    with pytest.raises(TooMany):
        runs.start(asked, owner_at("another name", "9.9.9.9"))
    runs.start(asked, owner_at("somebody else", "8.8.8.8"))
    runs.start(asked, "a page of unknown address")
    held.set()


def test_what_nobody_leaves_is_bounded(controller, picture):
    runs = Runs(InlineEngine(), service.explain, service.stopped, most=5)
    asked = ask(controller, picture, settings={"blending_leaps": 1})
    forgotten = []
    runs.on_forget(forgotten.append)
    started = [runs.start(asked, f"caller {n}") for n in range(9)]
    assert all(run.ended for run in started)
    assert len(forgotten) >= 3, "their files go with them"
    assert runs.get(started[0].id) is None
    assert runs.get(started[-1].id) is started[-1]
