"""What is old goes, what is new stays, and a clock that jumps deletes nothing."""

import os
import threading
import time

import pytest

from studio.runs.kept import KeptRuns
from studio.runs.retention import DAY, Sweeper, remove_older
from studio.runs.steady_clock import BELIEVED, SteadyClock
from tests.studio.runs.test_kept import ME, answered


class Clocks:
    """A wall clock that can be set, and seconds that go on."""

    def __init__(self):
        self.wall, self.steady = 1_000_000.0, 50.0

    def clock(self):
        return SteadyClock(lambda: self.wall, lambda: self.steady)

    def pass_(self, seconds):
        self.wall += seconds
        self.steady += seconds

    def set_(self, seconds):
        self.wall += seconds


@pytest.mark.parametrize("jump", [DAY, -DAY, 400 * DAY, -400 * DAY])
def test_a_clock_that_jumps_and_is_set_right_changes_nothing(jump):
    clocks = Clocks()
    clock, before = clocks.clock(), clocks.wall
    clocks.pass_(100)
    clocks.set_(jump)
    assert clock() == before + 100
    clocks.pass_(3600)
    assert clock() == before + 3700
    clocks.set_(-jump)
    assert clock() == before + 3700


def test_a_jump_that_stays_is_followed_in_the_end():
    clocks = Clocks()
    clock = clocks.clock()
    clocks.set_(40 * DAY)
    clock()
    clocks.pass_(BELIEVED + 1)
    assert clock() == clocks.wall


def test_a_clock_that_is_kept_right_is_followed():
    clocks = Clocks()
    clock = clocks.clock()
    for _ in range(100):
        clocks.pass_(600)
        clocks.set_(2)
        assert clock() == clocks.wall


@pytest.mark.parametrize("jump", [DAY, -DAY, 4000 * DAY])
def test_kept_answers_outlast_a_jump(tmp_path, jump):
    clocks = Clocks()
    store = KeptRuns(tmp_path / "runs", days=1, clock=clocks.clock())
    runs = [answered(), answered()]
    store.save(runs[0], ME)
    clocks.set_(jump)
    clocks.pass_(1200)
    store.save(runs[1], ME)
    store.sweep()
    assert {kept.id for kept in store.of(ME)} == {run.id for run in runs}
    assert store.load(runs[0].id) is not None


def test_kept_answers_go_by_their_age_though_nobody_keeps_new_ones(tmp_path):
    clocks = Clocks()
    store = KeptRuns(tmp_path / "runs", days=30, clock=clocks.clock())
    run = answered()
    store.save(run, ME)
    (place,) = (tmp_path / "runs").glob(f"*/{run.id}")
    os.utime(place, (clocks.wall, clocks.wall))
    clocks.pass_(29 * DAY)
    store.sweep()
    assert store.load(run.id) is not None
    clocks.pass_(2 * DAY)
    store.sweep()
    assert list((tmp_path / "runs").iterdir()) == []


def test_old_files_go_and_new_ones_stay(tmp_path):
    old, new = tmp_path / "some" / "old.zip", tmp_path / "some" / "new.zip"
    deep = tmp_path / "taken" / "deep" / "a.pdf"
    for path in (old, new, deep):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    before = time.time() - 2 * DAY
    for path in (old, deep):
        os.utime(path, (before, before))
    assert remove_older(tmp_path, 1) == 2
    assert new.is_file()
    assert not old.exists()
    assert not deep.exists()
    assert remove_older(tmp_path, 0) == 0
    assert remove_older(tmp_path / "none", 1) == 0


def test_a_sweep_that_fails_does_not_keep_the_others(caplog):
    done = threading.Event()

    def broken():
        raise OSError("disk")

    sweeper = Sweeper({"one": broken, "other": done.set}, pause=0.01)
    sweeper.start()
    assert done.wait(5)
    sweeper.close()
    assert "old one could not be deleted" in caplog.text
