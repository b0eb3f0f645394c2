"""Warm processes answer as cold ones do, in milliseconds, and whatever happens to one is a
sentence."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from backends.confined import Limits, WarmProcesses
from backends.errors import BadInput, NotFound
from tests.backends.confined import jobs

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
SENTENCE = r"^it\.png cannot be read.*save it as PNG$"
LIMITS = Limits(seconds=20, memory=300_000_000, processor=2, file=10_000_000, patience=5)


@pytest.fixture(scope="module")
def warm():
    processes = WarmProcesses(jobs.prepared, remedy="save it as PNG")
    processes.start()
    yield processes
    processes.close()


def test_values_go_in_and_come_out_quickly(warm):
    assert warm.call(jobs.doubled, "it.png", LIMITS, number=[1, "é"]) == [1, "é"] * 2
    began = time.monotonic()
    for number in range(10):
        assert warm.call(jobs.doubled, "it.png", LIMITS, number=number) == 2 * number
    assert (time.monotonic() - began) / 10 < 0.3
    assert warm.call(jobs.printed, "it.png", LIMITS) == "well"


def test_errors_are_the_functions(warm):
    with pytest.raises(NotFound, match="no such thing"):
        warm.call(jobs.refused, "it.png", LIMITS)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (jobs.confused, {}),
        (jobs.crashed, {}),
        (jobs.ended, {"by": "SIGKILL"}),
        (jobs.ended, {"by": "SIGSEGV"}),
        (jobs.left, {"code": 3}),
        (jobs.spun, {}),
        (jobs.grown, {"size": 2_000_000_000}),
        (jobs.told, {"size": 20_000_000}),
        (jobs.opened, {}),
    ],
)
def test_any_death_is_a_sentence_and_the_next_is_served(warm, job, words):
    with pytest.raises(BadInput, match=SENTENCE):
        warm.call(job, "it.png", LIMITS, **words)
    assert warm.call(jobs.doubled, "it.png", LIMITS, number=4) == 8


def test_one_that_does_not_end_is_ended(warm):
    began = time.monotonic()
    with pytest.raises(BadInput, match=SENTENCE):
        warm.call(jobs.slept, "it.png", Limits(seconds=0.5, memory=300_000_000))
    assert time.monotonic() - began < 5
    assert warm.call(jobs.doubled, "it.png", LIMITS, number=4) == 8


def test_a_call_knows_nothing_of_the_one_before(warm):
    assert warm.call(jobs.remembered, "it.png", LIMITS, word="secret") == ["secret"]
    assert warm.call(jobs.remembered, "it.png", LIMITS, word="other") == ["other"]


def test_two_at_a_time_and_the_third_is_told(warm, tmp_path):
    threads = [
        threading.Thread(
            target=warm.call, args=[jobs.waited, "it.png", LIMITS],
            kwargs={"mark": str(tmp_path / str(number)), "seconds": 2},
        )
        for number in range(2)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    while len(list(tmp_path.iterdir())) < 2:
        time.sleep(0.02)
    with pytest.raises(BadInput, match="try again in a minute"):
        warm.call(jobs.doubled, "it.png", Limits(patience=0.1), number=1)
    for thread in threads:
        thread.join()


def test_nothing_stays_when_the_studio_is_killed():
    code = (
        "import os, signal\n"
        "from backends.confined import WarmProcesses\n"
        "from tests.backends.confined import jobs\n"
        "warm = WarmProcesses(jobs.prepared)\n"
        "warm.start()\n"
        "print(warm._idle[0].pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    pid, until = int(done.stdout), time.monotonic() + 10
    while time.monotonic() < until and os.path.exists(f"/proc/{pid}"):
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        if state == "Z":
            break
        time.sleep(0.05)
    assert time.monotonic() < until, "it goes on without its studio"
