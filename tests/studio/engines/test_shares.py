"""Who has had how much of the device, on one worker and on several."""

import threading
import time
from functools import partial

import pytest

from studio.engines.core import Job, Stepped, end_of
from studio.engines.local import LocalEngine
from studio.engines.ray import PortableJob, Worker, worker_for
from studio.engines.shares import TURN, Shares


def test_who_comes_begins_with_the_least_that_others_have_had():
    shares = Shares()
    shares.come("a")
    shares.spend("a", 3)
    shares.come("b")
    shares.spend("b", 4)
    shares.come("c")
    assert [shares[one] for one in "abc"] == [3, 7, 3]


def test_who_left_with_more_than_others_is_remembered_while_they_wait():
    shares = Shares()
    for one, seconds in (("a", 1), ("b", 5), ("c", 2)):
        shares.raise_to(one, seconds)
    shares.forget({"c"})
    assert [shares[one] for one in "abc"] == [0, 5, 2]
    shares.come("a")
    assert shares["a"] == 2, "time is not saved up"
    shares.forget(())
    assert shares["b"] == 0


def test_a_share_is_never_lowered():
    shares = Shares()
    shares.raise_to("a", 5)
    shares.raise_to("a", 3)
    assert shares["a"] == 5


@pytest.mark.parametrize(
    ("had", "worker"),
    [
        ([[], []], 0),
        ([[9.0], []], 1),  # nobody waits beside a worker that has nothing to do
        ([[0.0, 0.0], [0.0]], 1),
        ([[9.0, 9.0], [1.0]], 1),  # few are not balanced by many
        ([[5.0] * 12, [9.0] * 13], 1),  # those of the slower worker are behind
        ([[9.0] * 12, [5.0] * 13], 0),
        ([[5.0] * 12, [9.0] * 19], 0),
    ],
)
def test_a_job_goes_where_few_are_and_nobody_is_behind(had, worker):
    assert worker_for(had) == worker


def paused(count):
    for number in range(count):
        time.sleep(0.02)
        yield number


def test_what_an_address_had_of_other_workers_counts_on_this_one():
    worker, order, begun = Worker(), [], threading.Event()

    def follow(number, owner, used):
        work = partial(paused, 12)
        for event, seconds in worker.run(number, PortableJob(work, owner), 0, used):
            if isinstance(event, Stepped):
                order.append(owner)
                assert seconds > 0.01
                begun.set()

    first = threading.Thread(target=follow, args=(1, "rich@1.1.1.1", 9.0))
    second = threading.Thread(target=follow, args=(2, "poor@2.2.2.2", 2.0))
    first.start()
    assert begun.wait(5)
    second.start()
    first.join(20)
    second.join(20)
    came = order.index("poor@2.2.2.2")
    assert order[came : came + 11] == ["poor@2.2.2.2"] * 11, "who has had less comes first"
    assert order.count("rich@1.1.1.1") == 12


def tenth(number):
    return number / 10


def test_a_whole_job_counts_as_a_turn_at_least():
    job = Job(lambda: iter(()), "me", lambda event: None, progress=tenth)
    job.seconds = 0.01
    job.note(Stepped(4))
    assert job.due(False) == 0.4 * TURN
    job.note(Stepped(2))
    assert job.due(False) == 0, "what was charged stays so"
    job.seconds = 0.9 * TURN
    assert job.due(False) == pytest.approx(0.5 * TURN)
    assert job.due(True) == pytest.approx(0.1 * TURN), "whoever ends early had a turn"
    job.seconds = 5 * TURN
    assert job.due(True) == pytest.approx(4 * TURN), "minutes are charged as minutes"


def test_who_comes_first_does_not_pay_for_loading_the_networks():
    job = Job(lambda: iter(()), "me", lambda event: None, progress=tenth)
    job.seconds = 5 * TURN
    job.note(Stepped(1))
    assert job.due(False) == TURN
    job.seconds += 0.5 * TURN
    job.note(Stepped(2))
    assert job.due(False) == pytest.approx(0.5 * TURN), "later steps count in full"


def test_a_job_that_is_no_whole_is_charged_its_seconds():
    job = Job(lambda: iter(()), "me", lambda event: None, seconds=0.5)
    job.note(Stepped("anything"))
    assert (job.due(False), job.due(True)) == (0.5, 0)
    long = Job(lambda: iter(()), "me", lambda event: None, seconds=9 * TURN)
    long.note(Stepped("anything"))
    assert long.due(True) == 9 * TURN


def test_who_chose_a_slow_method_gets_as_many_answers():
    engine, ended, all_ended = LocalEngine(), [], threading.Event()

    def steps(seconds):
        for number in range(10):
            time.sleep(seconds)
            yield number + 1

    def ask(owner, seconds, left):
        def sink(event):
            if end_of(event):
                ended.append(owner)
                if left > 1:
                    ask(owner, seconds, left - 1)
                elif len(ended) == 8:
                    all_ended.set()

        engine.submit(partial(steps, seconds), owner, sink, progress=tenth)

    try:
        ask("slow@1.1.1.1", 0.02, 4)
        ask("quick@2.2.2.2", 0.002, 4)
        assert all_ended.wait(20)
    finally:
        engine.close()
    for end in range(2, 9, 2):
        assert ended[:end].count("slow@1.1.1.1") == end // 2


def test_who_just_had_a_quick_run_is_told_at_once_what_the_model_says():
    engine, told = LocalEngine(), []
    answered, predicted = threading.Event(), threading.Event()

    def long():
        for _ in range(300):
            time.sleep(0.005)
            told.append("long")
            yield 0

    def end(event):
        if end_of(event):
            told.append("answer")
            answered.set()

    def prediction(event):
        if end_of(event):
            told.append("prediction")
            predicted.set()

    try:
        engine.submit(long, "other@2.2.2.2", lambda event: None, progress=tenth)
        engine.submit(lambda: iter([0]), "me@1.1.1.1", end, progress=tenth)
        assert answered.wait(5)
        engine.submit(lambda: iter([1]), "me@1.1.1.1", prediction, "quick")
        assert predicted.wait(5)
    finally:
        engine.close()
    assert told.index("prediction") - told.index("answer") < 10
