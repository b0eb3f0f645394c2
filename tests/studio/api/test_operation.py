"""What those who run a studio ask it."""

import time

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import REGISTRY

from backends import service
from backends.errors import StudioError
from studio.access import AccessPolicy
from studio.api.operation import disk_check, engine_check, routes
from studio.engines.local import LocalEngine
from studio.runs import Runs
from tests.studio.ui.test_page import ask


@pytest.fixture
def engine():
    engine = LocalEngine()
    yield engine
    engine.close()


def client(engine, checks, address="127.0.0.1"):
    runs = Runs(engine, service.explain, service.stopped)
    app = FastAPI(routes=routes(runs, AccessPolicy("demo"), checks))
    return TestClient(app, client=(address, 1))


def test_a_studio_that_is_well_says_so(engine, tmp_path):
    checks = {"engine": engine_check(engine), "disk": disk_check(tmp_path / "not/yet")}
    reply = client(engine, checks).get("/healthz")
    assert (reply.status_code, reply.json()) == (200, {"ok": True, "engine": "ok", "disk": "ok"})


def test_what_is_wrong_is_said(engine, monkeypatch, tmp_path):
    def broken():
        raise StudioError("the database does not answer")

    engine.close()
    monkeypatch.setattr("studio.api.operation.LEAST", 2**80)
    checks = {"engine": engine_check(engine), "database": broken, "disk": disk_check(tmp_path)}
    reply = client(engine, checks).get("/healthz")
    assert reply.status_code == 503
    assert reply.json()["database"] == "the database does not answer"
    assert "closed" in reply.json()["engine"]
    assert "MB are free" in reply.json()["disk"]


def test_figures_are_for_this_machine(engine):
    told = client(engine, {}).get("/metrics")
    assert told.status_code == 200
    assert 'studio_runs_going{state="waiting"} 0.0' in told.text
    assert client(engine, {}, "10.0.0.7").get("/metrics").status_code == 403
    proxied = {"X-Forwarded-For": "10.0.0.7"}
    assert client(engine, {}).get("/metrics", headers=proxied).status_code == 403


def test_a_run_is_counted_once(controller, picture):
    def count():
        labels = {"bundle": controller.bundle, "method": "leapfactual", "end": "done"}
        return REGISTRY.get_sample_value("studio_runs_total", labels) or 0.0

    before = count()
    controller.runs.start(ask(controller, picture), "me")
    until = time.monotonic() + 20
    while count() == before and time.monotonic() < until:
        time.sleep(0.05)
    assert count() == before + 1
