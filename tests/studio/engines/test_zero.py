"""The studio on a Space with ZeroGPU: a stand-in lends processes, and forbids CUDA elsewhere."""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from types import ModuleType

import pytest
from gradio_client import Client, handle_file

from backends.errors import TooMuch
from studio import engines
from studio.engines.budgets import Budgets
from studio.engines.core import end_of
from studio.engines.local import LocalEngine

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
FOUR = ROOT / "assets/digits/examples/4_00004.png"


class Space:
    """The studio as a Space starts it."""

    def __init__(self, folder, **more):
        from studio.ui.serving import free_port

        self.port, self.log = free_port("127.0.0.1"), folder / "log.jsonl"
        environment = os.environ | {
            "SPACES_ZERO_GPU": "true", "ZEROGPU_LOG": str(self.log), "STUDIO_HOST": "127.0.0.1",
            "STUDIO_PORT": str(self.port), "PYTHONPATH": f"{HERE / 'zerogpu'}{os.pathsep}{ROOT}",
            "STUDIO_HOME": str(folder), "STUDIO_DEVICE": "cuda", **more,
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        for _ in range(600):
            try:
                urllib.request.urlopen(self.url, timeout=30).read()
                return self
            except OSError:
                assert self.process.poll() is None, self.process.stderr.read()
                time.sleep(0.1)
        raise AssertionError("the studio does not answer")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)

    def entries(self, key):
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line[key] for line in lines if key in line]


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    with Space(tmp_path_factory.mktemp("space")) as found:
        yield found


@pytest.fixture
def client(space):
    return Client(space.url, verbose=False)


def asked(client, **more):
    question = {"image": handle_file(FOUR), "target": "9", "method": "leapfactual"} | more
    return client.submit(**question, api_name="/explain")


def waited(there):
    """Whether something comes true within half a minute."""
    for _ in range(300):
        if there():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.weights
def test_a_run_is_computed_where_the_card_is_and_answers_as_anywhere(space, client):
    said = client.predict(image=handle_file(FOUR), api_name="/predict")
    assert space.entries("seconds") == []  # a moment's work waits for no card
    job = asked(client)
    record = job.result(timeout=120)[0]
    assert record["status"] == "flipped"
    assert record["factual"]["label"] == next(iter(said["probabilities"])) == "4"
    assert len(job.outputs()) > 2  # frames came on the way
    assert asked(client).result(timeout=120)[0]["metrics"] == record["metrics"]
    first, second = space.entries("seconds")
    assert first == 60
    assert 10 <= second < 60  # as long as the first one took, and a little
    assert space.entries("visitor") == [True, True]  # whose quota it is
    assert space.entries("decorated") == ["on_card"]
    assert space.entries("touched") == []
    assert set(space.entries("ended")) == {0}


@pytest.mark.weights
def test_a_refusal_inside_keeps_its_sentence(client):
    with pytest.raises(Exception, match="already says '4'; choose another target"):
        asked(client, target="4").result(timeout=120)


@pytest.mark.weights
def test_a_stop_ends_the_process_with_the_card(space, client):
    before = len(space.entries("ended"))
    job = asked(client, method="rcsb", settings={"steps": 500})
    assert waited(lambda: len(job.outputs()) > 1)
    job.cancel()
    assert waited(lambda: len(space.entries("ended")) > before)
    assert space.entries("ended")[-1] == 0
    assert asked(client).result(timeout=120)[0]["status"] == "flipped"


@pytest.mark.weights
def test_what_zerogpu_refuses_is_told(tmp_path):
    with Space(tmp_path, ZEROGPU_REFUSES="1") as space:
        job = asked(Client(space.url, verbose=False))
        with pytest.raises(Exception, match=r"You have exceeded your quota\); try again later"):
            job.result(timeout=120)


def slow():
    for number in range(3):
        time.sleep(0.1)
        yield number


def test_the_time_with_a_card_is_charged_to_whom_it_was_for(monkeypatch):
    lends = ModuleType("spaces")
    lends.GPU = lambda duration: lambda work: work
    monkeypatch.setitem(sys.modules, "spaces", lends)
    engine, ended = engines.opened("zero", budgets=Budgets({"seconds": 0.1})), threading.Event()
    try:
        job = engine.submit(
            slow, "page@5.6.7.8", lambda event: end_of(event) and ended.set(), portable=True
        )
        assert ended.wait(20)
        assert job.seconds > 0.1
        with pytest.raises(TooMuch, match="used the device"):
            engine.budgets.require("another page@5.6.7.8", "seconds")
    finally:
        engine.close()


def test_the_engine_is_chosen_by_where_it_runs(monkeypatch):
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    engine = engines.opened("auto")
    assert isinstance(engine, LocalEngine)
    engine.close()
    monkeypatch.setitem(sys.modules, "spaces", None)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    with pytest.raises(engines.zero.MissingPart, match="pip install spaces"):
        engines.opened("auto")
