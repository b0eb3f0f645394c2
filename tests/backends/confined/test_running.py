"""Whatever happens to the confined process, the studio goes on and says so in a sentence."""

import os
import subprocess
import sys
import threading
import time

import pytest

from backends import confined
from backends.confined import Limits, limited
from backends.errors import BadInput, NotFound
from tests.backends.confined import jobs

pytest.importorskip("resource", reason="Windows has the time-out alone")
SENTENCE = r"^it\.zip cannot be read: it is damaged, or needs more"
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")


def test_values_go_in_and_come_out():
    assert limited(jobs.doubled, "it.zip", number=[1, "é"]) == [1, "é"] * 2
    assert limited(jobs.printed, "it.zip") == "well"


def test_our_own_errors_keep_their_kind():
    with pytest.raises(NotFound, match="no such thing; choose another"):
        limited(jobs.refused, "it.zip")


def test_only_marked_functions_run():
    with pytest.raises(ValueError, match="not allowed"):
        limited(jobs.unmarked, "it.zip")


@pytest.mark.parametrize(
    ("job", "arguments", "limits"),
    [
        (jobs.confused, {}, {}),
        (jobs.ended, {"by": "SIGKILL"}, {}),
        (jobs.ended, {"by": "SIGSEGV"}, {}),
        (jobs.ended, {"by": "SIGABRT"}, {}),
        (jobs.crashed, {}, {}),
        (jobs.left, {"code": 3}, {}),
        (jobs.left, {"code": 0}, {}),
        (jobs.slept, {}, {"seconds": 1}),
        (jobs.spun, {}, {"processor": 1}),
        (jobs.opened, {}, {}),
        (jobs.told, {"size": 2000}, {"reply": 1000}),
        pytest.param(jobs.grown, {"size": 10**9}, {"memory": 5 * 10**8}, marks=LINUX),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(value),
)
def test_every_death_is_a_sentence(job, arguments, limits):
    begun = time.monotonic()
    with pytest.raises(BadInput, match=SENTENCE):
        limited(job, "it.zip", Limits(**limits), **arguments)
    assert time.monotonic() - begun < 20


def test_a_file_has_a_greatest_length(tmp_path):
    with pytest.raises(BadInput, match=SENTENCE):
        limited(jobs.written, "it.zip", Limits(file=3_000_000), to=str(tmp_path / "x"), size=10**8)
    assert (tmp_path / "x").stat().st_size <= 3_000_000


def test_secrets_and_the_working_folder_stay_outside(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("raise SystemExit(7)")  # what a stranger may have put there
    found = limited(jobs.surroundings, "it.zip")
    assert not {"HF_TOKEN", "STUDIO_DATABASE", "PYTHONSTARTUP"} & set(found["environment"])
    assert found["folder"] != str(tmp_path)
    assert found["loaded"] == [], "a process starts fast without them"


def test_two_run_at_once_and_a_third_waits_or_is_refused(tmp_path):
    marks = [tmp_path / str(n) for n in range(confined.AT_ONCE)]
    threads = [
        threading.Thread(
            target=limited, args=(jobs.waited, "it.zip"), kwargs={"mark": str(mark), "seconds": 3}
        )
        for mark in marks
    ]
    for thread in threads:
        thread.start()
    while not all(mark.exists() for mark in marks):
        time.sleep(0.05)
    with pytest.raises(BadInput, match="reads 2 other files just now; try again"):
        limited(jobs.doubled, "it.zip", Limits(patience=0.1), number=1)
    assert limited(jobs.doubled, "it.zip", number=1) == 2, "with patience it has its turn"
    for thread in threads:
        thread.join()


@LINUX
def test_a_studio_that_is_killed_leaves_no_process_for_long(tmp_path):
    mark = tmp_path / "mark"
    code = (
        "from backends.confined import Limits, limited; from tests.backends.confined import jobs; "
        f"limited(jobs.waited, 'x', Limits(seconds=1), mark={str(mark)!r}, seconds=60)"
    )
    studio = subprocess.Popen([sys.executable, "-c", code], env=dict(
        os.environ, PYTHONPATH=os.pathsep.join(sys.path)
    ))  # fmt: skip
    while not mark.exists():
        time.sleep(0.05)
    children = _children(studio.pid)
    studio.kill()
    studio.wait()
    assert children
    deadline = time.monotonic() + 15
    while any(os.path.exists(f"/proc/{child}/exe") for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _children(parent):
    with open(f"/proc/{parent}/task/{parent}/children") as file:
        return file.read().split()
