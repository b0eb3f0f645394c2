"""Where a run stands among all: even turns, measured durations."""

import threading
from dataclasses import replace

import pytest

from studio.engines.core import Job
from studio.engines.owners import owner_at
from studio.engines.shares import TURN
from studio.runs import Runs
from studio.runs.durations import Durations
from studio.runs.place import QueuePlace, place_of, seconds_of_another
from studio.runs.run import Run
from tests.studio.runs.test_durations import add
from tests.studio.runs.test_run import REQUEST, answer, engine, finish, frame, judge

__all__ = ["engine"]


@pytest.fixture
def durations():
    found = Durations()
    add(found, "fake", 10.0, bundle="tiny")
    return found


def at(address, name="page", frames=0):
    run = Run(REQUEST, owner_at(name, address), job=Job(lambda: iter(()), "", lambda event: None))
    run.frames = [frame(n) for n in range(1, frames + 1)]
    return run


def test_alone_a_run_takes_its_own_time(durations):
    run = at("1.1.1.1")
    assert place_of(run, [run], durations) == QueuePlace(0, 1, 10.0)


def test_others_compute_as_long_as_this_one_or_to_their_end(durations):
    run, new, nearly = at("1.1.1.1"), at("2.2.2.2"), at("3.3.3.3", frames=4)
    place = place_of(run, [run, new, nearly], durations)
    assert place.people == 3
    assert place.seconds == pytest.approx(10 + 10 + 2)
    assert place_of(nearly, [run, new, nearly], durations).seconds == pytest.approx(2 + 2 + 2)


def test_a_quick_run_waits_for_as_much_of_a_slow_ones_turn():
    durations = Durations()
    add(durations, "fake", 0.3, bundle="tiny")
    quick, slow = at("1.1.1.1"), at("2.2.2.2")
    slow.request = replace(REQUEST, method="slow")
    add(durations, "slow", 2 * TURN, bundle="tiny")
    assert place_of(quick, [quick, slow], durations).seconds == pytest.approx(0.3 + TURN)
    assert place_of(slow, [quick, slow], durations).seconds == pytest.approx(2 * TURN + 0.3)


def test_many_runs_of_one_address_are_one_persons_turns(durations):
    run = at("1.1.1.1")
    flood = [at("2.2.2.2", f"page {n}") for n in range(8)]
    assert place_of(run, [run, *flood], durations) == QueuePlace(0, 2, 20.0)


def test_own_earlier_runs_come_first(durations):
    first, second = at("1.1.1.1"), at("1.1.1.1")
    second.started = first.started + 1
    assert place_of(second, [first, second], durations) == QueuePlace(1, 1, 20.0)
    assert place_of(first, [first, second], durations) == QueuePlace(0, 1, 10.0)


def test_an_unknown_method_has_no_time_until_its_steps_tell_it():
    run = at("1.1.1.1")
    assert place_of(run, [run], Durations()).seconds is None
    run.frames, run.job.seconds = [frame(1)], 3.0
    assert place_of(run, [run], Durations()).seconds == pytest.approx(12.0)


def test_somebody_new_is_told_what_to_expect(durations):
    running = at("1.1.1.1", frames=1)
    assert seconds_of_another("tiny", "fake", [running], durations) == pytest.approx(18.0)
    assert seconds_of_another("tiny", "other", [running], durations) is None


def test_durations_count_a_runs_own_steps_alone(engine):
    """Others' turns in between do not make a method slower."""
    release = threading.Event()

    def explain(request):
        yield frame(1)
        release.wait(0.3)
        yield answer("flipped")

    runs = Runs(engine, explain, judge)
    run = runs.start(REQUEST, owner_at("me", "1.1.1.1"))
    other = runs.start(REQUEST, owner_at("you", "2.2.2.2"))
    assert runs.people == 2
    finish(run)
    finish(other)
    assert 0.25 < runs.durations.of("tiny")["fake"] < 0.5
    assert runs.people == 0
