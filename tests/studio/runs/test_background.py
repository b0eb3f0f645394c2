"""Long work for a project goes on by itself, one of a name at a time."""

import asyncio
import threading

import pytest

from backends.errors import BadInput
from studio.engines.local import LocalEngine
from studio.runs.background import Chores


@pytest.fixture
def chores():
    engine = LocalEngine()
    yield Chores(engine)
    engine.close()


def watched(chore):
    async def watch():
        async for _ in chore.watch():
            pass

    asyncio.run(asyncio.wait_for(watch(), 10))
    return chore


def test_the_newest_of_what_it_yields_is_known(chores):
    chore = watched(chores.start("count", lambda: iter([1, 2, 3])))
    assert (chore.state, chore.news) == ("done", 3)
    assert not chores.going("count")


def test_one_of_a_name_at_a_time(chores):
    go = threading.Event()

    def work():
        yield "begun"
        go.wait(10)
        yield "over"

    first = chores.start("same", work)
    assert chores.start("same", work) is first
    go.set()
    watched(first)
    assert chores.start("same", lambda: iter(())) is not first


def test_a_stop_ends_it_at_its_next_step(chores):
    closed = threading.Event()

    def work():
        try:
            while True:
                yield "step"
        finally:
            closed.set()

    chore = chores.start("endless", work)
    assert chores.going("endless")
    chores.stop("other")
    chores.stop("endless")
    assert watched(chore).state == "stopped"
    assert closed.is_set() or chore.news is None


def test_a_failure_is_a_sentence(chores):
    def work():
        raise BadInput("label some pictures first")
        yield

    chore = watched(chores.start("fails", work))
    assert (chore.state, chore.reason) == ("failed", "label some pictures first")
