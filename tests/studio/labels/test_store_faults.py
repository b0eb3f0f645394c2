"""The label store is damaged, cut, deleted, replaced or held while the studio runs: nothing is
acknowledged that is not stored, people are told what to do, and others go on."""

import base64
import io
import os
import shutil
import socket
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from backends import service
from studio.api.questions import ProgramQuestions
from studio.api.routes import routes as api_routes
from studio.engines.core import Done
from studio.engines.local import LocalEngine
from studio.labels.api import routes
from studio.labels.store import pictures, projects, responses
from studio.labels.store.database import Database, StoreProblem
from studio.labels.store.pressure import Pressure, Stuck
from studio.labels.store.records import Setup
from studio.labels.tasks.off_engine import off_engine
from studio.runs import Runs
from tests.studio.labels.conftest import drawn


@pytest.fixture
def path(tmp_path):
    return tmp_path / "labels.db"


@pytest.fixture
def store(path):
    opened = Database(str(path))
    project, _ = projects.create(
        opened, Setup(name="ones", bundle="digits", classes=["one", "seven"]), "Ada"
    )
    pictures.add(opened, project, drawn(300))
    yield opened
    opened.close()


@pytest.fixture
def client(store):
    with TestClient(FastAPI(routes=routes(lambda: store))) as made:
        yield made


def joined(client, name):
    code = client.post("/labels/join", json={"project": "ones", "name": name}).json()["code"]
    return {"Authorization": f"Bearer {code}"}


def asked(client, who):
    return client.post("/labels/next", json={}, headers=who).json()["items"][0]["id"]


def answered(client, who, item, request="r"):
    body = {"item": item, "value": "one", "request": request}
    return client.post("/labels/answers", json=body, headers=who)


def settled(path):
    """Let the main file hold everything, and close the connections' own copies."""
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def emptied(path):
    os.truncate(path, 0)


def scribbled(path):
    with path.open("rb+") as file:
        file.write(os.urandom(path.stat().st_size))


def deleted(path):
    path.unlink()


def replaced(path):
    path.unlink()
    Database(str(path)).close()


@pytest.mark.parametrize("harm", [cut, emptied, scribbled, deleted, replaced])
def test_nothing_is_acknowledged_that_is_not_stored(client, store, path, tmp_path, harm):
    who = joined(client, "Bob")
    item = asked(client, who)
    assert answered(client, who, item, "first").status_code == 200
    settled(path)
    good = shutil.copy(path, tmp_path / "good.db")
    following = asked(client, who)
    settled(path)
    harm(path)
    for number in range(16):
        reply = answered(client, who, following, f"later{number}")
        assert reply.status_code == 503, reply.text
        assert "nothing was stored" in reply.json()["error"]
    shutil.copy(good, path)  # a copy is brought back, and the studio started again
    for left in (f"{path}-wal", f"{path}-shm"):
        if os.path.exists(left):
            os.unlink(left)
    again = Database(str(path))
    kept = responses.standing(again, projects.find(again, "ones"), history=True)
    assert [r.value for r in kept] == ["one"]
    with TestClient(FastAPI(routes=routes(lambda: again))) as started:
        assert answered(started, who, following, "after").status_code == 200
    again.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_any_more(client, path):
    who = joined(client, "Bob")
    item = asked(client, who)
    path.chmod(0o444)
    reply = answered(client, who, item)
    assert reply.status_code == 503
    assert "permissions" in reply.json()["error"]
    path.chmod(0o644)
    assert answered(client, who, item).status_code == 200


def test_a_store_that_sqlite_takes_for_read_only(client, store):
    who = joined(client, "Bob")
    item = asked(client, who)
    store.engine.dispose()
    from sqlalchemy import event

    @event.listens_for(store.engine, "connect")
    def read_only(connection, record):
        connection.execute("PRAGMA query_only = ON")

    reply = answered(client, who, item)
    assert reply.status_code == 503
    assert "may not be written" in reply.json()["error"]
    event.remove(store.engine, "connect", read_only)
    store.engine.dispose()
    assert answered(client, who, item).status_code == 200


@pytest.fixture
def held(path):
    """Hold the store as another program that writes does; returns a function that lets go."""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    def hold():
        other.execute("BEGIN IMMEDIATE")
        return lambda: other.execute("ROLLBACK")

    yield hold
    other.close()


class Server:
    """Labels and questions, served as the studio serves them."""

    def __init__(self, app):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self.server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        until = time.monotonic() + 20
        while not self.server.started and time.monotonic() < until:
            time.sleep(0.05)
        return self.address

    def __exit__(self, *_):
        self.server.should_exit = True
        self.thread.join(20)


@pytest.mark.slow
def test_a_held_store_delays_nobody_else(store, held, tiny, picture, client):
    """45 people answer while another program writes for 12 seconds: predictions, pages and the
    engine go on; what was refused can be sent again, and what was acknowledged is there."""
    engine = LocalEngine()
    asks = ProgramQuestions(Runs(engine, service.explain, service.stopped), lambda: [tiny])
    app = FastAPI(routes=[*routes(lambda: store), *api_routes(asks)])
    people = [joined(client, f"person {number}") for number in range(45)]
    items = [asked(client, who) for who in people]
    out = io.BytesIO()
    Image.fromarray(picture[..., 0]).save(out, "PNG")
    url = "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
    ended = []
    with Server(app) as address, ThreadPoolExecutor(50) as threads:
        session = httpx.Client(base_url=address, timeout=60)
        predicted = {"image": url, "bundle": tiny}
        assert session.post("/api/predict", json=predicted).status_code == 200
        project = projects.find(store, "ones")
        let_go = held()
        began = time.monotonic()
        engine.submit(lambda: _written(store, project), "model", ended.append)
        replies = [
            threads.submit(answered, session, who, item)
            for who, item in zip(people, items, strict=True)
        ]
        waits = {"/api/predict": [], "/labels/projects": [], "/api/bundles": []}
        while time.monotonic() < began + 12:
            for path, seconds in waits.items():
                begun = time.monotonic()
                sent = (
                    session.post(path, json=predicted) if "predict" in path else session.get(path)
                )
                assert sent.status_code == 200, sent.text
                seconds.append(time.monotonic() - begun)
            time.sleep(0.1)
        let_go()
        replies = [reply.result() for reply in replies]
        assert {reply.status_code for reply in replies} <= {200, 503}
        assert sum(reply.status_code == 503 for reply in replies) >= 30
        for (who, item), reply in zip(zip(people, items, strict=True), replies, strict=True):
            if reply.status_code == 503:
                assert "nothing was stored" in reply.json()["error"]
                assert answered(session, who, item).status_code == 200
        until = time.monotonic() + 10
        while not any(isinstance(event, Done) for event in ended) and time.monotonic() < until:
            time.sleep(0.05)
    engine.close()
    assert isinstance(ended[-1], Done), ended[-1]
    for path, seconds in waits.items():
        # Two seconds until it is known that the store is stuck, then nobody waits.
        assert max(seconds) < 3.5, (path, max(seconds))
        assert np.median(seconds) < 0.5, (path, np.median(seconds))
    stored = responses.standing(store, projects.find(store, "ones"), history=True)
    assert len(stored) == 45


def _written(store, project):
    """Work on the engine that stores something."""
    yield from off_engine(lambda: projects.invite(store, project, "late", projects.ANNOTATOR))
    yield "written"


def test_who_comes_when_others_wait_in_vain_is_told_at_once(monkeypatch):
    monkeypatch.setattr("studio.labels.store.pressure.STUCK", 0.2)
    pressure, inside, let_go = Pressure(), threading.Semaphore(0), threading.Event()

    def hold():
        with pressure:
            inside.release()
            let_go.wait(10)

    holders = [threading.Thread(target=hold) for _ in range(4)]
    for thread in holders:
        thread.start()
        inside.acquire()
    time.sleep(0.25)
    begun = time.monotonic()
    with pytest.raises(Stuck), pressure:
        pass
    assert time.monotonic() - begun < 0.1
    let_go.set()
    for thread in holders:
        thread.join()
    with pressure:
        pass


def test_who_waits_gets_in_when_the_others_get_on():
    pressure, done = Pressure(), []

    def work(number):
        with pressure:
            time.sleep(0.02)
            done.append(number)

    threads = [threading.Thread(target=work, args=[number]) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 40


def test_a_stuck_store_is_a_sentence(store, monkeypatch):
    class Full:
        def __enter__(self):
            raise Stuck

        def __exit__(self, *_): ...

    monkeypatch.setattr(store, "_pressure", Full())
    with pytest.raises(StoreProblem, match=r"others wait.*nothing was stored"):
        projects.join(store, projects.find(store, "ones"), "Bob")
