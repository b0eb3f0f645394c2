"""Engines, with fakes: order, fairness, stop within a step, faults contained."""

import threading
import time
from functools import partial

import pytest

from backends.errors import BadInput
from studio.engines.core import Done, Failed, Queued, Stepped, Stopped
from studio.engines.inline import InlineEngine
from studio.engines.local import LocalEngine
from studio.engines.owners import owner_at


class Log:
    """A sink that remembers, and lets a test wait for the end."""

    def __init__(self):
        self.events, self.ended = [], threading.Event()

    def __call__(self, event):
        self.events.append(event)
        if isinstance(event, (Done, Failed, Stopped)):
            self.ended.set()

    @property
    def items(self):
        return [e.item for e in self.events if isinstance(e, Stepped)]

    def wait(self):
        assert self.ended.wait(5), "the job never ended"
        return self.events[-1]


@pytest.fixture(params=[InlineEngine, LocalEngine])
def engine(request):
    engine = request.param()
    yield engine
    engine.close()


@pytest.fixture
def local():
    engine = LocalEngine()
    yield engine
    engine.close()


class Gate:
    """Holds the engine's thread inside a first job until everything else is queued."""

    def __init__(self, engine):
        self.open = threading.Event()
        engine.submit(self._wait, "gate", Log())

    def _wait(self):
        self.open.wait(5)
        yield


def test_steps_then_done(engine):
    log = Log()
    engine.submit(lambda: iter("abc"), "me", log)
    assert log.wait() == Done()
    assert log.items == ["a", "b", "c"]


def test_what_a_person_can_mend_is_told(engine):
    def work():
        yield 1
        raise BadInput("the region is empty; brush one")

    log = Log()
    engine.submit(work, "me", log)
    assert log.wait() == Failed("the region is empty; brush one", "BadInput")


def test_a_fault_does_not_take_the_engine_with_it(engine, caplog):
    def work():
        yield 1 / 0

    broken, after = Log(), Log()
    engine.submit(work, "me", broken)
    engine.submit(lambda: iter([1]), "me", after)
    assert "ZeroDivisionError" in broken.wait().reason
    assert after.wait() == Done()
    assert "a run failed" in caplog.text


class Panic(BaseException):
    """As Rust's PanicException, which no ``except Exception`` holds."""


@pytest.mark.parametrize("panic", [Panic, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_nothing_that_a_job_raises_ends_the_engine(local, panic):
    def work():
        yield 1
        raise panic("over")

    def cleaned():
        try:
            yield 1
            yield 2
        finally:
            raise panic("over")

    broken, after = Log(), Log()
    local.submit(work, "me", broken)
    local.submit(cleaned, "me", Log()).stop()
    local.submit(lambda: iter([1]), "you", after)
    assert "the run failed inside" in broken.wait().reason
    assert after.wait() == Done()
    assert local.problem() == ""


def test_a_step_that_does_not_end_is_given_up():
    engine, release = LocalEngine(longest=0.2), threading.Event()

    def hangs():
        yield 1
        release.wait(20)
        yield 2

    stuck, after = Log(), Log()
    engine.submit(hangs, "me", stuck)
    engine.submit(lambda: iter("ab"), "you", after)
    assert "took longer than 0.2 seconds" in stuck.wait().reason
    assert after.wait() == Done(), "the next person is served"
    assert engine.problem() == ""
    release.set()
    time.sleep(0.1)
    assert stuck.items == [1], "what comes late is heard by nobody"
    last = Log()
    engine.submit(lambda: iter([1]), "me", last)
    assert last.wait() == Done()
    engine.close()


def test_a_failing_clean_up_or_listener_does_not_take_the_engine_with_it(local, caplog):
    def work():
        try:
            while True:
                yield 1
        finally:
            raise RuntimeError("clean-up")

    def deaf(event):
        if not isinstance(event, Queued):
            raise RuntimeError("listener")

    first, after = Log(), Log()
    job = local.submit(work, "me", first)
    job.stop()
    assert first.wait() == Stopped()
    local.submit(lambda: iter([1]), "me", deaf)
    local.submit(lambda: iter([1]), "me", after)
    assert after.wait() == Done()


def test_out_of_memory_is_a_sentence(engine):
    class OutOfMemoryError(RuntimeError): ...

    def work():
        yield 1
        raise OutOfMemoryError("CUDA out of memory")

    log = Log()
    engine.submit(work, "me", log)
    assert "not enough memory" in log.wait().reason


def test_stop_takes_effect_within_a_step_and_closes_the_generator(engine):
    closed = threading.Event()

    def work():
        try:
            for i in range(10_000):
                yield i
                time.sleep(0.001)
        finally:
            closed.set()

    class Stopper(Log):
        job, stops_itself = None, isinstance(engine, InlineEngine)

        def __call__(self, event):
            super().__call__(event)
            if isinstance(event, Stepped) and event.item == 3 and self.stops_itself:
                self.job.stop()

    log = Stopper()
    if isinstance(engine, InlineEngine):
        import studio.engines.core as module

        original = module.Job

        def spy(*args):
            log.job = original(*args)
            return log.job

        module.Job = spy
        try:
            engine.submit(work, "me", log)
        finally:
            module.Job = original
        assert log.items == [0, 1, 2, 3]
    else:
        log.job = engine.submit(work, "me", log)
        while not log.items:
            time.sleep(0.001)
        taken = len(log.items)
        log.job.stop()
        assert log.wait() == Stopped()
        assert len(log.items) <= taken + 2
    assert log.wait() == Stopped()
    assert closed.is_set()


def test_owners_take_turns_and_an_owners_jobs_keep_their_order(local):
    order = []

    def steps(name):
        for i in range(3):
            order.append(f"{name}{i}")
            yield

    gate = Gate(local)
    logs = [Log() for _ in range(3)]
    local.submit(lambda: steps("a"), "ann", logs[0])
    local.submit(lambda: steps("A"), "ann", logs[1])
    local.submit(lambda: steps("b"), "bob", logs[2])
    gate.open.set()
    for log in logs:
        log.wait()
    assert order.index("b2") < order.index("A0"), "bob must not wait for ann's second job"
    assert [s for s in order if s[0] in "ab"][:4] in (
        ["a0", "b0", "a1", "b1"],
        ["b0", "a0", "b1", "a1"],
    )
    assert order.index("a2") < order.index("A0")


def test_quick_jobs_go_first(local):
    order = []

    def long():
        for i in range(5):
            order.append(f"long{i}")
            yield

    def quick():
        order.append("quick")
        yield

    gate = Gate(local)
    first, second = Log(), Log()
    local.submit(long, "ann", first)
    local.submit(quick, "bob", second, "quick")
    gate.open.set()
    first.wait()
    second.wait()
    assert order[0] == "quick"


def test_idle_jobs_wait_for_all_others_at_every_step(local):
    order, halfway = [], threading.Event()

    def idle():
        for i in range(3):
            order.append(f"idle{i}")
            if i == 1:
                halfway.set()
                arrived.wait(5)
            yield

    def fair():
        for i in range(3):
            order.append(f"fair{i}")
            yield

    arrived = threading.Event()
    first, second = Log(), Log()
    local.submit(idle, "studio", first, "idle")
    assert halfway.wait(5)
    local.submit(fair, "ann", second)
    arrived.set()
    assert isinstance(first.wait(), Done)
    assert order == ["idle0", "idle1", "fair0", "fair1", "fair2", "idle2"]


def test_quick_jobs_do_not_starve_long_ones(local):
    """Two askers without a pause, as in 200 jobs of 10 ms."""
    ended = threading.Event()

    def ask():
        while not ended.is_set():
            log = Log()
            local.submit(lambda: iter([time.sleep(0.01)]), f"asker {threading.get_ident()}", log,
                         "quick")  # fmt: skip
            log.wait()

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    long = Log()
    local.submit(lambda: iter(range(5)), "me", long)
    assert long.wait() == Done()
    ended.set()
    for asker in askers:
        asker.join()


@pytest.mark.parametrize("turn", ["quick", "fair"])
def test_an_address_has_one_turn_however_it_calls_itself(local, turn):
    gate, order = Gate(local), []

    def steps(name):
        for _ in range(4):
            order.append(name)
            yield

    logs = [Log() for _ in range(6)]
    for n in range(5):
        who = owner_at(f"session {n}", "6.6.6.6")
        local.submit(partial(steps, "many"), who, logs[n], turn)
    local.submit(partial(steps, "one"), owner_at("me", "7.7.7.7"), logs[5], turn)
    gate.open.set()
    for log in logs:
        assert log.wait() == Done()
    assert order[:8] == ["many", "one"] * 4


def test_an_address_has_its_share_of_time_and_not_of_steps(local):
    """Somebody asks without a pause, by long steps and by short jobs; another one's run of short
    steps takes not much longer than both would need in turn."""
    ended = threading.Event()

    def hoard(turn, name):
        while not ended.is_set():
            log = Log()
            who = owner_at(name, "6.6.6.6")
            local.submit(lambda: iter([time.sleep(0.05)]), who, log, turn)
            log.wait()

    hoarders = [
        threading.Thread(target=hoard, args=(turn, f"{turn} {n}"))
        for turn in ("quick", "fair") for n in range(4)
    ]  # fmt: skip
    for one in hoarders:
        one.start()
    time.sleep(0.5)
    start, run = time.monotonic(), Log()

    def steps():
        for _ in range(20):
            time.sleep(0.02)
            yield

    local.submit(steps, owner_at("me", "7.7.7.7"), run)
    assert run.wait() == Done()
    seconds = time.monotonic() - start
    ended.set()
    for one in hoarders:
        one.join()
    assert seconds < 2, "0.4 alone, 0.8 in turn"


def test_a_newcomer_does_not_go_before_whom_an_idle_job_outlasts(local):
    """A training goes on for hours; who has computed for long then shares with who comes."""
    ended, first = threading.Event(), Log()

    def training():
        while not ended.is_set():
            time.sleep(0.001)
            yield

    def steps(count, seconds=0.0):
        for _ in range(count):
            time.sleep(seconds)
            yield

    local.submit(training, "studio", Log(), "idle")
    local.submit(partial(steps, 20, 0.02), owner_at("old", "6.6.6.6"), first)
    assert first.wait() == Done()
    order, logs = [], [Log(), Log()]

    def told(name):
        for _ in range(5):
            order.append(name)
            time.sleep(0.01)
            yield

    gate = Gate(local)
    for name, address, log in (("new", "7.7.7.7", logs[0]), ("old", "6.6.6.6", logs[1])):
        local.submit(partial(told, name), owner_at(name, address), log)
    gate.open.set()
    for log in logs:
        assert log.wait() == Done()
    ended.set()
    assert "old" in order[:3], "in turn, not one after the other"


def test_owners_of_one_address_take_turns(local):
    gate, order = Gate(local), []

    def steps(name):
        for _ in range(3):
            order.append(name)
            yield

    logs = [Log(), Log()]
    for name, log in zip("ab", logs, strict=True):
        local.submit(partial(steps, name), owner_at(name, "10.0.0.1"), log)
    gate.open.set()
    for log in logs:
        log.wait()
    assert order == ["a", "b"] * 3


def test_queue_position_is_told(local):
    gate = Gate(local)
    logs = [Log(), Log()]
    for log in logs:
        local.submit(lambda: iter([1]), "ann", log)
    gate.open.set()
    assert [log.events[0] for log in logs] == [Queued(0), Queued(1)]
    for log in logs:
        log.wait()


def test_close_stops_what_waits():
    engine = LocalEngine()
    gate = Gate(engine)
    log = Log()
    engine.submit(lambda: iter(range(10**9)), "ann", log)
    threading.Timer(0.05, gate.open.set).start()
    engine.close()
    assert log.wait() == Stopped()


def test_engine_overhead_is_small(local):
    log = Log()
    start = time.perf_counter()
    local.submit(lambda: iter(range(1000)), "me", log)
    log.wait()
    assert time.perf_counter() - start < 1


def test_a_job_that_nobody_watches_gives_way_and_comes_back(local):
    """At once, in the middle of its work."""
    order, began, held = [], threading.Event(), threading.Event()

    def work(name):
        for step in range(4):
            if name == "left" and step == 1:
                began.set()
                held.wait(5)
            order.append(name)
            yield step

    left, here = Log(), Log()
    job = local.submit(partial(work, "left"), owner_at("a", "1.1.1.1"), left)
    assert began.wait(5)
    local.change_turn(job, "idle")
    local.submit(partial(work, "here"), owner_at("b", "2.2.2.2"), here)
    held.set()
    assert here.wait() == Done()
    assert left.wait() == Done()
    assert order == ["left", "left", *["here"] * 4, "left", "left"]

    began.clear(), held.clear(), order.clear()
    left, here = Log(), Log()
    job = local.submit(partial(work, "left"), owner_at("a", "1.1.1.1"), left)
    assert began.wait(5)
    local.change_turn(job, "idle")
    local.submit(partial(work, "here"), owner_at("b", "2.2.2.2"), here)
    local.change_turn(job, "fair")
    held.set()
    assert (here.wait(), left.wait()) == (Done(), Done())
    assert order.index("left", 2) < 7, "they take turns again"


def test_an_ended_job_is_given_no_turns(local):
    log = Log()
    job = local.submit(lambda: iter([1]), "me", log)
    log.wait()
    time.sleep(0.05)
    local.change_turn(job, "idle")
    after = Log()
    local.submit(lambda: iter([1]), "me", after)
    assert after.wait() == Done()


def test_a_jobs_seconds_are_those_of_its_own_steps(local):
    def slow(seconds):
        for _ in range(3):
            time.sleep(seconds)
            yield

    one, other = Log(), Log()
    first = local.submit(partial(slow, 0.05), owner_at("a", "1.1.1.1"), one)
    local.submit(partial(slow, 0.1), owner_at("b", "2.2.2.2"), other)
    one.wait()
    assert 0.14 < first.seconds < 0.3
