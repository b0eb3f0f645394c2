"""Runs on the workers of a Ray cluster, which is begun here with two of them."""

import os
import signal
import threading
import time
from functools import partial
from queue import SimpleQueue

import numpy as np
import pytest
from PIL import Image

from backends import bundles, service
from backends.core import Request
from backends.errors import BadInput, TooMuch
from studio.engines.budgets import Budgets
from studio.engines.core import Done, Failed, Queued, Stepped, Stopped, end_of
from studio.engines.ray import RayEngine
from studio.engines.workers import ATTEMPTS


def counted(count, pause=0.0):
    """Steps that say which process takes them."""
    for number in range(count):
        time.sleep(pause)
        yield number, os.getpid()


def refused():
    yield 0
    raise BadInput("there is no such class; choose another")


def fatal(file):
    """Ends its process at the third step, for as long as a file is there."""
    for number in range(6):
        if number == 3 and os.path.exists(file):
            os.remove(file)
            os.kill(os.getpid(), signal.SIGKILL)
        yield number


def always_fatal():
    yield 0
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def engine():
    opened = RayEngine(budgets=Budgets({"seconds": 0.5}))
    yield opened
    opened.close()


class Asker:
    def __init__(self, engine, work, owner="me", portable=True):
        self.events, self.ended = SimpleQueue(), threading.Event()
        self.job = engine.submit(work, owner, self.take, portable=portable)

    def take(self, event):
        self.events.put(event)
        if end_of(event):
            self.ended.set()

    def told(self, seconds=90):
        assert self.ended.wait(seconds), "no end came"
        found = []
        while not self.events.empty():
            found.append(self.events.get())
        return found


def items(events):
    return [event.item for event in events if isinstance(event, Stepped)]


def test_steps_come_in_order_from_elsewhere(engine):
    events = Asker(engine, partial(counted, 5)).told()
    assert events[0] == Queued(0)
    assert events[-1] == Done()
    assert [number for number, _ in items(events)] == [0, 1, 2, 3, 4]
    assert os.getpid() not in {pid for _, pid in items(events)}


def test_people_are_served_by_several_workers(engine):
    askers = [Asker(engine, partial(counted, 10, 0.05), owner=f"person {n}") for n in range(4)]
    workers = [{pid for _, pid in items(asker.told())} for asker in askers]
    assert all(len(one) == 1 for one in workers), "a run stays with its worker"
    assert len(set.union(*workers)) == 2


def test_a_stop_takes_effect_within_a_step(engine):
    asker = Asker(engine, partial(counted, 1000, 0.1))
    while not isinstance(asker.events.get(timeout=60), Stepped):
        pass
    begun = time.monotonic()
    asker.job.stop()
    assert asker.told(5)[-1] == Stopped()
    assert time.monotonic() - begun < 2


def test_a_persons_fault_keeps_its_kind(engine):
    end = Asker(engine, refused).told()[-1]
    assert end == Failed("there is no such class; choose another", "BadInput")


def test_what_a_lost_worker_had_begun_is_finished_elsewhere(engine, tmp_path):
    file = tmp_path / "fatal"
    file.touch()
    events = Asker(engine, partial(fatal, str(file))).told()
    assert items(events) == [0, 1, 2, 3, 4, 5]
    assert events[-1] == Done()
    assert not file.exists()


def test_a_job_that_ends_every_worker_is_given_up(engine):
    end = Asker(engine, always_fatal).told()[-1]
    assert isinstance(end, Failed)
    assert f"lost {ATTEMPTS} times" in end.reason
    assert Asker(engine, partial(counted, 2)).told()[-1] == Done()


def test_a_worker_answers_as_this_process_does(engine):
    found = bundles.get("digits")
    picture, _ = service.place("digits", Image.open(found.folder / found.own.examples[8].file))
    asked = Request(bundle="digits", method="rcsb", target="7", picture=picture,
                    settings={"steps": 4}, seed=3)  # fmt: skip
    here, there = (
        [*service.explain(asked)],
        items(Asker(engine, partial(service.explain, asked)).told()),
    )
    assert len(here) == len(there) > 2
    for mine, its in zip(here, there, strict=True):
        assert type(mine) is type(its)
    assert np.array_equal(here[-1].counterfactual, there[-1].counterfactual)


def test_what_is_not_portable_stays_here(engine):
    events = Asker(engine, lambda: counted(2), portable=False).told()
    assert {pid for _, pid in items(events)} == {os.getpid()}


def test_what_workers_compute_is_charged_to_whom_it_was_for(engine):
    asker = Asker(engine, partial(counted, 6, 0.1), owner="page@5.6.7.8")
    asker.told()
    assert 0.5 < asker.job.seconds < 5
    with pytest.raises(TooMuch, match="used the device"):
        engine.budgets.require("another page@5.6.7.8", "seconds")
