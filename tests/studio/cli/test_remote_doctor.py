"""What `doctor --server` tells of studios that are well, broken, closed, or none."""

import socket
import threading
import time

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.middleware import Middleware

from backends import service
from backends.errors import StudioError
from studio.access import AccessPolicy, Gate
from studio.access.users import Users
from studio.api import operation
from studio.api.questions import ProgramQuestions
from studio.api.routes import routes
from studio.cli import remote_doctor
from studio.engines.local import LocalEngine
from studio.runs import Runs
from tests.studio.conftest import refusal


@pytest.fixture
def served(tiny):
    """Serve a studio; more checks, and who may come in -> its address."""
    running = []

    def serve(checks=None, access=AccessPolicy("private")):  # noqa: B008
        engine = LocalEngine()
        runs = Runs(engine, service.explain, service.stopped)
        found = {"engine": operation.engine_check(engine)} | (checks or {})
        app = FastAPI(
            routes=[*routes(ProgramQuestions(runs, lambda: [tiny])),
                    *operation.routes(runs, access, found)],
            middleware=[Middleware(Gate, access=access)],
        )  # fmt: skip
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        running.append((server, thread, engine))
        until = time.monotonic() + 20
        while not server.started and time.monotonic() < until:
            time.sleep(0.02)
        return f"http://127.0.0.1:{port}"

    yield serve
    for server, thread, engine in running:
        server.should_exit = True
        thread.join(20)
        engine.close()


def test_a_studio_that_is_well(served, run):
    code, printed, told = run("doctor", "--server", served())
    assert (code, told) == (0, "")
    lines = printed.splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] * 5, printed
    assert "engine" in lines[0]
    assert "ms" in lines[1]
    assert "version" in lines[2]
    assert "of a drawn 7" in lines[4]


def test_one_that_is_not(served, run):
    def broken():
        raise StudioError("the label store does not answer")

    code, printed, _ = run("doctor", "--server", served({"database": broken}))
    assert code == 1
    assert "broken   database: the label store does not answer" in printed


def test_one_where_people_log_in(served, run, monkeypatch):
    access = AccessPolicy("team", Users().with_user("ann", "a long password", True))
    address = served(access=access)
    code, printed, _ = run("doctor", "--server", address)
    assert code == 0
    assert "give --user" in printed
    monkeypatch.setenv("STUDIO_PASSWORD", "a long password")
    code, printed, _ = run("doctor", "--server", address, "--user", "ann")
    assert code == 0
    assert "of a drawn 7" in printed
    assert "password" not in printed


def test_another_version_is_told(served, run, monkeypatch):
    address = served()
    monkeypatch.setattr(remote_doctor, "studio_version", lambda: "9.9")
    code, printed, _ = run("doctor", "--server", address)
    assert code == 0
    assert "here it is 9.9" in printed


def test_none_is_there(run, served):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    code, printed, _ = run("doctor", "--server", f"http://127.0.0.1:{port}")
    assert code == 1
    assert "is it running?" in printed
    assert "is no address" in refusal(run("doctor", "--server", "studio.example.org"))
    assert "is no address" in refusal(run("doctor", "--server", "file:///etc/passwd"))
