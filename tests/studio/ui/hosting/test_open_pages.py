"""Pages without a sign of life are closed, and one person has only so many."""

import asyncio
from types import SimpleNamespace

import gradio as gr
import pytest

from backends.errors import TooMuch
from studio.engines.owners import owner_at
from studio.ui.hosting.open_pages import Heartbeats, OpenPages
from studio.ui.hosting.sessions import use_light_sessions
from studio.ui.page import build
from tests.studio.engines.test_budgets import Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pages(clock):
    made = OpenPages(3, 600, clock)
    made.closed = []
    made.on_close(lambda owner, session: made.closed.append(session), lambda owner: False)
    return made


def at(number, address="1.1.1.1"):
    return owner_at(f"s{number}", address), f"s{number}"


def test_only_what_is_silent_is_closed(pages, clock):
    for number in range(3):
        pages.seen(*at(number))
    pages.beats("s1", True)
    clock.now += 400
    pages.seen(*at(2))
    clock.now += 300
    assert pages.close_idle() == [at(0)[0]]
    clock.now += 10_000
    assert pages.close_idle() == [at(2)[0]]
    pages.beats("s1", False)
    assert pages.close_idle() == [], "it may come back for a while"
    clock.now += 601
    pages.close_idle()
    assert pages.closed == ["s0", "s2", "s1"]


def test_a_page_whose_run_goes_on_is_not_silent(pages, clock):
    pages.on_close(lambda owner, session: pages.closed.append(session), lambda owner: True)
    pages.seen(*at(0))
    clock.now += 601
    assert pages.close_idle() == []


def test_one_person_has_only_so_many(pages, clock):
    for number in range(3):
        pages.seen(*at(number))
    pages.seen(*at(0))
    clock.now += 100
    with pytest.raises(TooMuch, match=r"you have 3 pages open.*close some, or wait 8 minutes"):
        pages.seen(*at(3))
    pages.seen(*at(3, "2.2.2.2"))
    pages.left(at(1)[0])
    pages.seen(*at(3))
    for number in range(9):  # of whom nothing is known, as in a test's own page
        pages.seen(f"s{number}", f"s{number}")


def test_a_failing_close_does_not_keep_the_others(pages, clock, caplog):
    def fail(owner, session):
        pages.closed.append(session)
        raise RuntimeError

    pages.on_close(fail, lambda owner: False)
    for number in range(2):
        pages.seen(*at(number))
    clock.now += 601
    pages.close_idle()
    assert pages.closed == ["s0", "s1"]
    assert "could not be closed" in caplog.text


def test_heartbeats_are_noticed_for_as_long_as_they_last(pages, clock):
    pages.seen(*at(0))
    inside = []

    async def app(scope, receive, send):
        clock.now += 5000
        inside.append(pages.close_idle())

    scope = {"type": "http", "path": "/gradio_api/heartbeat/s0"}
    asyncio.run(Heartbeats(app, pages)(scope, None, None))
    assert inside == [[]]
    clock.now += 601
    assert pages.close_idle() == [at(0)[0]]


def test_the_studios_page_forgets_who_is_silent(controller, clock):
    """The controllers, and gradio's own session."""
    use_light_sessions()
    watched = OpenPages(2, 600, clock)
    page = build(controller, pages=watched)
    page.queue()
    app = gr.routes.App.create_app(page)
    event = next(f for f in page.fns.values() if f.name == "_held")

    def call(session, host="9.9.9.9"):
        client = SimpleNamespace(host=host)
        request = gr.Request(username=None, session_hash=session)
        request.request = SimpleNamespace(client=client, headers={})
        state = app.state_holder[session]
        return asyncio.run(page.process_api(event, [{}], state, request))

    call("one")
    call("two")
    with pytest.raises(gr.Error, match="2 pages open"):
        call("three")
    assert {"one", "two"} <= set(app.state_holder.session_data)
    clock.now += 601
    watched.close_idle()
    assert not {"one", "two"} & set(app.state_holder.session_data)
    call("three")
