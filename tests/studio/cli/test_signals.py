"""A signal in mid-run: the usual exit code, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from studio.labels.store import projects
from studio.labels.store.database import Database
from studio.labels.store.records import Setup
from tests.backends.training.own_pictures import write_tree

ROOT = Path(__file__).parents[3]
# Steps for minutes; the file tells that the run has begun.
SLOW = """
import itertools, sys, tempfile, threading
from pathlib import Path
from types import SimpleNamespace
import torch
from backends import evaluation, service
from backends.evaluation import domain
from backends.service import fitting, retraining
from studio.labels.tasks import retrain as labelled

begun = Path(sys.argv.pop(1))

def slow(*_, **__):
    if threading.current_thread() is not threading.main_thread():
        tempfile.mkdtemp()  # which this thread cannot remove when it is cut off
    weights = torch.rand(400, 400, requires_grad=True)
    for step in itertools.count():
        (weights @ weights).sum().backward()
        begun.touch()
        yield SimpleNamespace(
            index=step, method="rcsb", region="whole", share=0.5, overall=0.5, left=None
        )

evaluation.evaluate = service.explain = service.warm = slow
labelled.rows_for_training = labelled.label_counts = lambda *_: {}
domain.train = domain.make = fitting.fit = retraining.retrain = slow
"""
COMMAND = "from studio.cli.main import main\nmain()"
PAGE = f"import runpy\nrunpy.run_path({str(ROOT / 'app.py')!r}, run_name='__main__')"


@pytest.fixture
def interrupted(tiny, tmp_path, picture):
    """A program, its words, a signal -> exit code and stderr of a run that the signal ended."""
    Image.fromarray(picture[..., 0]).save(tmp_path / "picture.png")
    (tmp_path / "temporary").mkdir()

    def call(program, words, number):
        begun = tmp_path / "begun"
        process = subprocess.Popen(
            [sys.executable, "-c", SLOW + program, begun, *words], cwd=tmp_path,
            stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {
                "TMPDIR": str(tmp_path / "temporary"), "PYTHONPATH": str(ROOT),
                "STUDIO_BUNDLE": tiny, "STUDIO_PORT": "0", "OMP_NUM_THREADS": "1",
            },
        )  # fmt: skip
        try:
            while not begun.exists():
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.05)
            process.send_signal(number)
            _, told = process.communicate(timeout=60)
        finally:
            process.kill()
        return process.returncode, told

    return call


WORDS = {
    "explain": "explain picture.png --method rcsb --target b --out out",
    "evaluate": "evaluate --methods rcsb --n 2 --out out",
    "serve": "serve --port 0",
    "train": "train own --minutes 5",
    "fit": "fit classifier",
    "new": "new cells --images pictures --out out",
    "retrain": "labels retrain ones --database labels.db",
}
WITHOUT_BUNDLE = ("train", "new", "retrain")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "number", "code"),
    [
        ("explain", signal.SIGINT, 130),
        ("evaluate", signal.SIGTERM, 143),
        ("serve", signal.SIGINT, 130),
        ("serve", signal.SIGTERM, 143),
        ("app", signal.SIGTERM, 143),
        ("app", signal.SIGINT, 130),
        ("train", signal.SIGINT, 130),
        ("train", signal.SIGTERM, 143),
        ("fit", signal.SIGTERM, 143),
        ("new", signal.SIGINT, 130),
        ("retrain", signal.SIGTERM, 143),
    ],
)
def test_a_signal_in_mid_run_leaves_nothing(interrupted, tiny, tmp_path, command, number, code):
    words = WORDS[command].split() if command in WORDS else []
    words += ["--bundle", tiny] if words and command not in WITHOUT_BUNDLE else []
    if command == "retrain":
        store = Database(str(tmp_path / "labels.db"))
        projects.create(store, Setup(name="ones", bundle=tiny, classes=["a", "b"]), "Ada")
        store.close()
    ended, told = interrupted(COMMAND if words else PAGE, words, number)
    assert (ended, told.count("terminate called"), told.count("Traceback")) == (code, 0, 0), told
    left = {path.name for path in (*tmp_path.iterdir(), *(tmp_path / "temporary").iterdir())}
    labels = {"labels.db", "labels.db.lock"}
    assert left <= {"picture.png", "temporary", "begun", "gradio", *labels}


@pytest.mark.slow
def test_a_training_that_is_terminated_leaves_whole_files_and_goes_on(tmp_path):
    """The real one: what it had learnt is there, nothing is half-written."""
    write_tree(tmp_path / "pictures")
    environment = os.environ | {
        "PYTHONPATH": str(ROOT), "STUDIO_HOME": str(tmp_path), "OMP_NUM_THREADS": "1",
        "STUDIO_BUNDLES": str(tmp_path / "bundles"), "TMPDIR": str(tmp_path),
    }  # fmt: skip

    def command(*words):
        return subprocess.Popen(
            [sys.executable, "-m", "studio", *words], cwd=tmp_path, env=environment, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip

    made = command("new", "squares", "--images", "pictures", "--size", "32", "--minutes", "0")
    _, told = made.communicate(timeout=120)
    assert made.returncode == 0, told
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        training = command("train", "squares", "--minutes", "5", "--parts", "classifier")
        seen = ""
        while "step" not in seen:
            more = training.stderr.read(1)
            assert more, seen
            seen += more
        training.send_signal(number)
        training.stderr.read()
        assert training.wait(60) == code
        left = [path.name for path in tmp_path.rglob("*") if path.name.endswith(".part")]
        assert left == []
        json.loads((tmp_path / "bundles" / "squares" / "bundle.json").read_text())


class Destroyed:
    """Somebody presses Ctrl-C while it goes."""

    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass


def test_a_signal_while_an_object_is_destroyed_is_not_lost():
    program = (
        "import time\n"
        "from studio.cli.signals import interruptible\n"
        "from tests.studio.cli.test_signals import Destroyed\n"
        "def command():\n"
        "    Destroyed()\n"
        "    time.sleep(30)\n"
        "interruptible(command)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=25, check=False)
    assert ended.returncode == 130
