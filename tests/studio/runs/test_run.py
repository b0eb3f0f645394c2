"""Runs: state, watchers, stop, caps; with a fake explain in place of the backends."""

import asyncio
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from backends.core import Answer, Frame, Request
from backends.errors import BadInput, TooMuch
from studio.engines.local import LocalEngine
from studio.runs import Runs, TooMany

PICTURE = np.zeros((4, 4, 1), np.uint8)
REQUEST = Request("tiny", "fake", "b", PICTURE)


def frame(i, n=5):
    return Frame(i, n, "leaping", PICTURE, i / n, 0.1 * i)


def answer(status):
    return Answer(PICTURE, PICTURE, PICTURE[..., 0], {"status": status, "seconds": 0.1})


def judge(request, last):
    return Answer(PICTURE, PICTURE, PICTURE[..., 0], {"status": "cancelled", "step": last.index})


@pytest.fixture
def engine():
    engine = LocalEngine()
    yield engine
    engine.close()


def finish(run):
    async def watch():
        return [f async for f in run.watch(heartbeat=0.05)]

    return asyncio.run(asyncio.wait_for(watch(), 5))


def test_frames_answer_and_state(engine):
    def explain(request):
        yield from (frame(i) for i in range(1, 6))
        yield answer("flipped")

    run = Runs(engine, explain, judge).start(REQUEST, "me")
    seen = [f.index for f in finish(run) if f]
    assert seen == sorted(seen), "newest wins, never an older one after it"
    assert run.state == "done"
    assert [f.index for f in run.frames] == [1, 2, 3, 4, 5]
    assert run.answer.record["status"] == "flipped"


def test_a_stopped_run_keeps_its_last_frame_marked(engine):
    first = threading.Event()

    def explain(request):
        for i in range(1, 10**6):
            yield frame(i, 10**6)
            first.set()

    run = Runs(engine, explain, judge).start(REQUEST, "me")
    first.wait(5)
    run.stop()
    finish(run)
    assert run.state == "stopped"
    assert run.answer.record == {"status": "cancelled", "step": run.frames[-1].index}


def test_a_run_stopped_before_its_first_frame_ends(engine):
    gate = threading.Event()

    def explain(request):
        gate.wait(5)
        yield frame(1)

    runs = Runs(engine, explain, judge)
    first, second = runs.start(REQUEST, "me"), runs.start(REQUEST, "me")
    second.stop()
    gate.set()
    finish(first)
    finish(second)
    assert second.state == "stopped"
    assert second.answer is None


def test_failure_is_told(engine):
    def explain(request):
        raise BadInput("choose another target")
        yield

    run = Runs(engine, explain, judge).start(REQUEST, "me")
    finish(run)
    assert (run.state, run.reason) == ("failed", "choose another target")


def test_nobody_stops_another_persons_run(engine):
    gate = threading.Event()

    def explain(request):
        gate.wait(5)
        yield frame(1)
        yield answer("flipped")

    runs = Runs(engine, explain, judge)
    mine, yours = runs.start(REQUEST, "me"), runs.start(REQUEST, "you")
    runs.leave("you")
    gate.set()
    finish(mine)
    finish(yours)
    assert (mine.state, yours.state) == ("done", "stopped")


def test_a_person_has_a_cap_and_gets_it_back(engine):
    gate = threading.Event()

    def explain(request):
        gate.wait(5)
        yield answer("flipped")

    runs = Runs(engine, explain, judge, going=2)
    pending = [runs.start(REQUEST, "me") for _ in range(2)]
    with pytest.raises(TooMany):
        runs.start(REQUEST, "me")
    other = runs.start(REQUEST, "you")
    gate.set()
    for run in [*pending, other]:
        finish(run)
    finish(runs.start(REQUEST, "me"))


def test_old_runs_are_forgotten_but_never_going_ones(engine):
    forgotten = []
    runs = Runs(engine, lambda request: iter([answer("flipped")]), judge, kept=3)
    runs.on_forget(forgotten.append)
    other = runs.start(REQUEST, "you")
    finish(other)
    started = []
    for _ in range(6):
        started.append(runs.start(REQUEST, "me"))
        finish(started[-1])
    assert runs.get(started[0].id) is None
    assert forgotten == started[:2]
    assert runs.get(started[-1].id) is started[-1]
    assert runs.get(other.id) is other, "nobody's runs make another's go"


def test_nothing_is_kept_of_who_left(engine):
    forgotten, first = [], threading.Event()

    def explain(request):
        for i in range(1, 10**6 if request.seed else 3):
            yield frame(i, 10**6)
            first.set()
        yield answer("flipped")

    def judge(request, last):
        raise AssertionError("nobody will see it")

    runs = Runs(engine, explain, judge)
    runs.on_forget(forgotten.append)
    other = runs.start(REQUEST, "you")
    ended = runs.start(REQUEST, "me")
    finish(other)
    finish(ended)
    first.clear()
    going = runs.start(replace(REQUEST, seed=1), "me")
    first.wait(5)
    waiting = runs.start(REQUEST, "me")
    runs.leave("me")
    assert ended in forgotten
    finish(going)
    finish(waiting)
    engine.close()  # the last events are heard
    assert going.answer is None
    assert runs.of("me") == []
    assert sorted(run.id for run in forgotten) == sorted(r.id for r in (ended, going, waiting))
    assert runs.get(other.id) is other


def test_a_page_that_comes_back_may_run_again(engine):
    runs = Runs(engine, lambda request: iter([answer("flipped")]), judge)
    finish(runs.start(REQUEST, "me"))
    runs.leave("me")
    again = runs.start(REQUEST, "me")
    finish(again)
    assert runs.of("me") == [again]


def test_a_stop_after_the_answer_does_not_spoil_it(engine):
    answered, go_on = threading.Event(), threading.Event()

    def explain(request):
        yield frame(1)
        yield answer("flipped")
        answered.set()
        go_on.wait(5)
        yield frame(2)

    run = Runs(engine, explain, judge).start(REQUEST, "me")
    answered.wait(5)
    run.stop()
    go_on.set()
    finish(run)
    assert run.state == "done"
    assert run.answer.record["status"] == "flipped"


def test_heartbeat_without_news(engine):
    gate = threading.Event()

    def explain(request):
        gate.wait(5)
        yield answer("flipped")

    run = Runs(engine, explain, judge).start(REQUEST, "me")

    async def first():
        beats = run.watch(heartbeat=0.01)
        item = await anext(beats)
        gate.set()
        await beats.aclose()
        return item

    assert asyncio.run(asyncio.wait_for(first(), 5)) is None
    finish(run)


class MemoryStore:
    """A store in memory."""

    def __init__(self):
        self.saved = {}

    def save(self, run, visitor):
        self.saved[run.id] = (run, visitor)

    def load(self, run_id):
        found = self.saved.get(run_id)
        return found and found[0]

    def of(self, visitor):
        return []

    def delete(self, run_id, visitor):
        return self.saved.pop(run_id, None) is not None


@pytest.fixture
def gate():
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def waiting(engine, gate):
    """Runs that show one frame and answer when the gate opens."""

    def explain(request):
        yield frame(1)
        while not gate.wait(0.01):
            yield frame(2)
        yield answer("flipped")

    return Runs(engine, explain, judge, store=MemoryStore())


VISITOR = "v" * 32


def test_a_visitors_run_goes_on_when_its_page_closes_and_is_stored(waiting, gate):
    waiting.recognise("page", VISITOR)
    run = waiting.start(REQUEST, "page")
    waiting.leave("page")
    assert waiting.get(run.id) is run
    assert waiting.going(VISITOR) == [run]
    gate.set()
    finish(run)
    assert run.saved.wait(5)
    assert run.state == "done"
    assert waiting.store.saved[run.id] == (run, VISITOR)
    assert waiting.of("page") == []
    assert waiting.get(run.id) is run, "from the store"
    assert waiting.going(VISITOR) == []


def test_a_run_of_nobody_known_stops_with_its_page(waiting):
    run = waiting.start(REQUEST, "page")
    waiting.leave("page")
    finish(run)
    assert run.state == "stopped"
    assert waiting.store.saved == {}


def test_a_visitor_finds_a_run_again_and_can_stop_it_but_others_cannot(waiting):
    waiting.recognise("page", VISITOR)
    run = waiting.start(REQUEST, "page")
    waiting.leave("page")
    waiting.recognise("other", "o" * 32)
    waiting.recognise("reloaded", VISITOR)
    waiting.adopt(run, "other")
    assert run.left
    assert not waiting.may_stop(run, "other")
    assert not waiting.may_stop(run, "unknown")
    waiting.adopt(run, "reloaded")
    assert (run.owner, run.left) == ("reloaded", False)
    assert waiting.may_stop(run, "reloaded")
    while not run.frames:
        time.sleep(0.01)
    run.stop()
    finish(run)
    assert run.saved.wait(5)
    assert waiting.store.saved[run.id][0].answer.record["status"] == "cancelled"


def test_a_visitors_pages_share_one_cap(waiting):
    for page in ("one", "two", "three"):
        waiting.recognise(page, VISITOR)
    waiting.start(REQUEST, "one")
    waiting.leave("one")
    waiting.start(REQUEST, "two")
    with pytest.raises(TooMany):
        waiting.start(REQUEST, "three")
    waiting.start(REQUEST, "somebody else's")


def test_only_so_many_runs_go_on_unwatched(engine, gate):
    def explain(request):
        yield frame(1)
        while not gate.wait(0.01):
            yield frame(2)
        yield answer("flipped")

    runs = Runs(engine, explain, judge, store=MemoryStore(), unwatched=2)
    started = []
    for number in range(3):
        runs.recognise(f"page{number}", str(number) * 32)
        started.append(runs.start(REQUEST, f"page{number}"))
    for number in range(3):
        runs.leave(f"page{number}")
    finish(started[2])
    assert started[2].state == "stopped"
    assert not any(run.ended for run in started[:2])


def test_a_disk_that_refuses_takes_no_answer(engine, caplog):
    class Full(MemoryStore):
        def save(self, run, visitor):
            raise OSError(28, "No space left on device")

    runs = Runs(engine, lambda request: iter([answer("flipped")]), judge, store=Full())
    runs.recognise("page", VISITOR)
    run = runs.start(REQUEST, "page")
    finish(run)
    assert run.saved.wait(5)
    assert run.answer.record["status"] == "flipped"
    assert "could not be kept" in caplog.text


def test_a_store_that_refuses_an_answer_says_why(engine):
    class Small(MemoryStore):
        def save(self, run, visitor):
            raise TooMuch("this answer takes 99 MB; download it")

    runs = Runs(engine, lambda request: iter([answer("flipped")]), judge, store=Small())
    runs.recognise("page", VISITOR)
    run = runs.start(REQUEST, "page")
    finish(run)
    assert run.saved.wait(5)
    assert run.unkept == "this answer takes 99 MB; download it"
