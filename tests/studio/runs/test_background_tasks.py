"""Long work for a project goes on by itself, one of a name at a time."""

import asyncio
import threading

import pytest

from backends.errors import BadInput
from studio.engines.local import LocalEngine
from studio.runs.background_tasks import BackgroundTasks


@pytest.fixture
def tasks():
    engine = LocalEngine()
    yield BackgroundTasks(engine)
    engine.close()


def watched(task):
    async def watch():
        async for _ in task.watch():
            pass

    asyncio.run(asyncio.wait_for(watch(), 10))
    return task


def test_the_newest_of_what_it_yields_is_known(tasks):
    task = watched(tasks.start("count", lambda: iter([1, 2, 3])))
    assert (task.state, task.news) == ("done", 3)
    assert not tasks.going("count")


def test_one_of_a_name_at_a_time(tasks):
    go = threading.Event()

    def work():
        yield "begun"
        go.wait(10)
        yield "over"

    first = tasks.start("same", work)
    assert tasks.start("same", work) is first
    go.set()
    watched(first)
    assert tasks.start("same", lambda: iter(())) is not first


def test_a_stop_ends_it_at_its_next_step(tasks):
    closed = threading.Event()

    def work():
        try:
            while True:
                yield "step"
        finally:
            closed.set()

    task = tasks.start("endless", work)
    assert tasks.going("endless")
    tasks.stop("other")
    tasks.stop("endless")
    assert watched(task).state == "stopped"
    assert closed.is_set() or task.news is None


def test_a_failure_is_a_sentence(tasks):
    def work():
        raise BadInput("label some pictures first")
        yield

    task = watched(tasks.start("fails", work))
    assert (task.state, task.reason) == ("failed", "label some pictures first")
