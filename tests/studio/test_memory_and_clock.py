"""Memory runs out, or the clock is set, in mid-run: a sentence, and the next person is served."""

import io
import time

import pytest
import torch
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from prometheus_client import REGISTRY

from backends import bundles, service
from studio.api.questions import ProgramQuestions
from studio.api.routes import routes
from studio.engines.local import LocalEngine
from studio.runs import Runs
from studio.runs.kept import KeptRuns
from tests.studio.runs.test_run import finish

FULL = [
    pytest.param(MemoryError(), id="host"),
    pytest.param(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), id="cuda"),
    pytest.param(RuntimeError("DefaultCPUAllocator: can't allocate memory"), id="torch-on-host"),
]


@pytest.fixture
def engine():
    engine = LocalEngine()
    yield engine
    engine.close()


@pytest.fixture
def runs(engine, tmp_path):
    return Runs(engine, service.explain, service.stopped, store=KeptRuns(tmp_path / "runs"))


@pytest.fixture
def png(picture):
    out = io.BytesIO()
    Image.fromarray(picture[..., 0]).save(out, "PNG")
    return out.getvalue()


def failing(network, error, after):
    """A network that has no room at one of its calls."""
    count = 0

    def hook(*_):
        nonlocal count
        count += 1
        if count == after:
            raise error

    return network.register_forward_hook(hook)


@pytest.mark.parametrize("error", FULL)
@pytest.mark.parametrize("after", [1, 2, 6])
def test_a_run_without_memory_ends_in_a_sentence(tiny, ask, runs, error, after):
    request = ask("place")
    hook = failing(bundles.get(tiny).part("classifier"), error, after)
    try:
        run = runs.start(request, "one")
        finish(run)
    finally:
        hook.remove()
    assert run.state == "failed"
    assert "memory" in run.reason
    assert run.failed.fault == "OutOfMemory"
    following = runs.start(request, "another")
    finish(following)
    assert following.state == "done"


@pytest.mark.parametrize("error", FULL)
def test_a_program_is_told_by_the_status(tiny, engine, png, error):
    runs = Runs(engine, service.explain, service.stopped)
    client = TestClient(FastAPI(routes=routes(ProgramQuestions(runs, lambda: [tiny]))))
    hook = failing(bundles.get(tiny).part("classifier"), error, 1)
    try:
        reply = client.post("/api/predict", data={"bundle": tiny}, files={"image": png})
    finally:
        hook.remove()
    assert reply.status_code == 507, reply.text
    assert "memory" in reply.json()["error"]
    reply = client.post("/api/predict", data={"bundle": tiny}, files={"image": png})
    assert reply.status_code == 200


def test_what_has_no_memory_to_be_judged_after_a_stop_keeps_its_reason(tiny, ask, runs):
    request = ask("place", settings={"steps": 900})
    run = runs.start(request, "one")
    until = time.monotonic() + 20
    while not run.frames and time.monotonic() < until:
        time.sleep(0.005)
    hook = failing(bundles.get(tiny).part("oracle"), MemoryError(), 1)
    try:
        run.stop()
        finish(run)
    finally:
        hook.remove()
    assert run.ended
    assert runs.engine.problem() == ""
    following = runs.start(ask("leapfactual"), "another")
    finish(following)
    assert following.state == "done"


@pytest.mark.parametrize("jump", [86_400, -86_400])
def test_a_clock_that_is_set_in_mid_run_changes_nothing(ask, runs, monkeypatch, jump):
    def seconds():
        labels = {"bundle": request.bundle, "method": "place"}
        return REGISTRY.get_sample_value("studio_run_seconds_sum", labels) or 0.0

    runs.recognise("page", "visitor" * 4)
    first = runs.start(ask("leapfactual"), "page")
    finish(first)
    assert first.saved.wait(20)
    request = ask("place", settings={"steps": 300})
    before, wall = seconds(), time.time
    run = runs.start(request, "page")
    until = time.monotonic() + 20
    while not run.frames and time.monotonic() < until:
        time.sleep(0.005)
    monkeypatch.setattr(time, "time", lambda: wall() + jump)
    finish(run)
    assert run.state == "done"
    assert run.saved.wait(20)
    assert 0 <= seconds() - before < 60
    kept = {one.id for one in runs.store.of("visitor" * 4)}
    assert kept == {first.id, run.id}
    assert runs.get(first.id) is not None
    assert runs.visitor_of("page") == "visitor" * 4
