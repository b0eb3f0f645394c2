"""A project made, filled, exported and trained by a program."""

import asyncio
import io
import threading
import time
import zipfile

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from backends import imaging
from backends.errors import NotFound
from studio.access import AccessPolicy
from studio.engines.budgets import Budgets
from studio.engines.local import LocalEngine
from studio.labels.api import routes
from studio.labels.management import Management
from studio.labels.store.database import Database
from studio.runs.background_tasks import BackgroundTasks


@pytest.fixture
def engine():
    made = LocalEngine(budgets=Budgets({"megapixels": 150.0}))
    yield made
    made.close()


@pytest.fixture
def client(tmp_path, tiny, engine):
    store = Database(str(tmp_path / "labels.db"))
    managed = Management(engine, BackgroundTasks(engine), lambda: [tiny])
    with TestClient(FastAPI(routes=routes(lambda: store, managed))) as made:
        yield made
    store.close()


@pytest.fixture
def code(client, tiny):
    setup = {"name": "ours", "bundle": tiny, "classes": ["a", "b"]}
    reply = client.post("/labels/manage/projects", json={"project": setup, "administrator": "Ada"})
    assert reply.json()["administrator"] == "Ada"
    return reply.json()["code"]


def by(code):
    return {"Authorization": f"Bearer {code}"}


def png(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 30), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def add(client, code, *contents):
    files = [("files", (f"{i}.png", content)) for i, content in enumerate(contents)]
    return client.post("/labels/manage/pictures", files=files, headers=by(code))


def test_pictures_and_zips_are_put_in_and_what_is_none_is_told(client, code):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("more/7.png", png(7))
    files = [("files", ("a.png", png(1))), ("files", ("more.zip", out.getvalue())),
             ("files", ("bad.png", b"x" * 40_000))]  # fmt: skip
    told = client.post("/labels/manage/pictures", files=files, headers=by(code)).json()
    assert (told["seen"], told["new"]) == (2, 2)
    assert len(told["refused"]) == 1
    assert "bad.png" in told["refused"][0]
    assert add(client, code, png(1)).json()["new"] == 0


def test_labels_are_exported_in_every_format(client, code):
    add(client, code, *(png(i) for i in range(3)))
    for item in client.post("/labels/next", json={}, headers=by(code)).json()["items"]:
        message = {"item": item["id"], "value": "a", "request": str(item["id"])}
        client.post("/labels/answers", json=message, headers=by(code))
    for form, starts in (("csv", b"\xef\xbb\xbf"), ("jsonl", b"{"), ("label-studio", b"[")):
        reply = client.get(f"/labels/manage/export?format={form}", headers=by(code))
        assert reply.status_code == 200, reply.text
        assert reply.content.startswith(starts)
    whole = client.get("/labels/manage/export?format=datasets", headers=by(code)).content
    assert "project.json" in zipfile.ZipFile(io.BytesIO(whole)).namelist()
    assert client.get("/labels/manage/export?format=pdf", headers=by(code)).status_code == 400


def test_a_model_is_trained_and_its_state_told(client, code):
    assert client.get("/labels/manage/retrain", headers=by(code)).json()["state"] == "idle"
    add(client, code, *(png(i) for i in range(12)))
    for number, item in enumerate(
        client.post("/labels/next", json={"ahead": 12}, headers=by(code)).json()["items"]
    ):
        message = {"item": item["id"], "value": "ab"[number % 2], "request": str(item["id"])}
        client.post("/labels/answers", json=message, headers=by(code))
    settings = {"steps": 10, "drawn": 0, "held_out": 0}
    reply = client.post("/labels/manage/retrain", json={"settings": settings}, headers=by(code))
    assert reply.status_code == 202
    deadline = time.monotonic() + 60
    while (state := client.get("/labels/manage/retrain", headers=by(code)).json())["state"] == (
        "going"
    ) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert state["state"] == "done", state
    assert state["learnt"]["rows"] == 12


def test_only_the_administrator_manages(client, code):
    guest = client.post("/labels/join", json={"project": "ours", "name": "Bob"}).json()["code"]
    for held, status in (({}, 401), (by("nonsense"), 401), (by(guest), 400)):
        reply = client.get("/labels/manage/export", headers=held)
        assert reply.status_code == status
        assert reply.json()["error"]
    assert "administrator's access code" in reply.json()["error"]


@pytest.mark.parametrize(
    ("setup", "status"),
    [({}, 400), ({"name": "x", "bundle": "/etc", "classes": ["a", "b"]}, 404), ({"name": 3}, 400)],
)
def test_a_project_that_cannot_be_is_one_sentence(client, setup, status):
    reply = client.post("/labels/manage/projects", json={"project": setup})
    assert reply.status_code == status
    assert isinstance(reply.json()["error"], str)


def test_a_model_is_shared_by_its_projects_administrator(client, code, tiny, monkeypatch):
    from studio.labels.tasks import retrain

    shared = {"one": False}

    def share(store, project, name, wanted):
        if name not in shared:
            raise NotFound(f"no trained model {name!r}")
        shared[name] = wanted

    def of_people(store, bundle):
        return {"one": retrain.TrainedModel("one", "ours", {"a": 3}, shared["one"])}

    monkeypatch.setattr(retrain, "models", lambda store, project: ["one"])
    monkeypatch.setattr(retrain, "of_people", of_people)
    monkeypatch.setattr(retrain, "share", share)
    entry = {"name": "one", "shared": False, "counts": {"a": 3}}
    assert client.get("/labels/manage/models", headers=by(code)).json() == [entry]
    reply = client.post("/labels/manage/share", json={"model": "one"}, headers=by(code))
    assert reply.json() == [entry | {"shared": True}]
    told = {"model": "one", "shared": False}
    assert client.post("/labels/manage/share", json=told, headers=by(code)).json() == [entry]
    missing = client.post("/labels/manage/share", json={"model": "x"}, headers=by(code))
    assert missing.status_code == 404
    assert client.post("/labels/manage/share", json=told).status_code == 401
    guest = client.post("/labels/join", json={"project": "ours", "name": "Bob"}).json()["code"]
    refused = client.post("/labels/manage/share", json=told, headers=by(guest))
    assert "does not administer" in refused.json()["error"]


def test_another_projects_name_of_a_model_is_refused_at_once(client, code, tiny):
    setup = {"name": "theirs", "bundle": tiny, "classes": ["a", "b"]}
    made = client.post("/labels/manage/projects", json={"project": setup, "administrator": "Eve"})
    first = client.post("/labels/manage/retrain", json={"name": "one"}, headers=by(code))
    assert first.status_code == 202
    eve = by(made.json()["code"])
    reply = client.post("/labels/manage/retrain", json={"name": "One"}, headers=eve)
    assert reply.status_code == 400
    assert "another project's" in reply.json()["error"]


BODY = (
    b'--cut\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n%s\r\n'
    b"--cut--\r\n"
)


async def uploaded(client, code, receive, address="127.0.0.1"):
    """The status of an upload whose body ``receive`` gives."""
    told = []
    scope = {
        "type": "http", "method": "POST", "path": "/labels/manage/pictures", "query_string": b"",
        "root_path": "", "scheme": "http", "client": (address, 0), "server": ("studio", 80),
        "http_version": "1.1", "asgi": {"version": "3.0"}, "headers": [
            (b"content-type", b"multipart/form-data; boundary=cut"),
            (b"authorization", f"Bearer {code}".encode()),
        ],
    }  # fmt: skip

    async def send(message):
        told.append(message)

    await client.app(scope, receive, send)
    return told[0]["status"]


async def unread():
    raise AssertionError("the body is read")


def test_an_upload_without_the_right_or_the_code_is_not_read(client, code, tiny, engine, tmp_path):
    assert asyncio.run(uploaded(client, "nonsense", unread)) == 401
    guest = client.post("/labels/join", json={"project": "ours", "name": "Bob"}).json()["code"]
    assert asyncio.run(uploaded(client, guest, unread)) == 400
    store = Database(str(tmp_path / "labels.db"))
    demo = AccessPolicy("demo")
    managed = Management(engine, BackgroundTasks(engine), lambda: [tiny], demo)
    strangers = TestClient(FastAPI(routes=routes(lambda: store, managed)))
    assert asyncio.run(uploaded(strangers, code, unread)) == 403
    store.close()


def test_few_uploads_of_one_address_go_on_at_once(client, code):
    async def visitors():
        going, waiting = asyncio.Semaphore(0), asyncio.Event()

        async def slowly():
            going.release()
            await waiting.wait()
            return {"type": "http.request", "body": BODY % png(3), "more_body": False}

        tasks = [asyncio.create_task(uploaded(client, code, slowly)) for _ in range(2)]
        for _ in tasks:
            await going.acquire()
        refused = await uploaded(client, code, unread)
        elsewhere = asyncio.create_task(uploaded(client, code, slowly, "127.0.0.2"))
        await going.acquire()
        waiting.set()
        done = await asyncio.gather(*tasks, elsewhere)
        return refused, done, await uploaded(client, code, slowly)

    assert asyncio.run(visitors()) == (429, [200, 200, 200], 200)


@pytest.mark.parametrize("sent", [{}, {"data": {"files": "x"}}, {"content": b"\0"}])
def test_an_upload_without_files_is_one_sentence(client, code, sent):
    reply = client.post("/labels/manage/pictures", headers=by(code), **sent)
    assert reply.status_code == 400
    assert "files" in reply.json()["error"]


def test_a_damaged_form_is_one_sentence(client, code):
    head = by(code) | {"Content-Type": "multipart/form-data; boundary=cut"}
    for content in (b"--cut", b"\0" * 9, BODY.replace(b"; name=", b"; n=")):
        reply = client.post("/labels/manage/pictures", content=content, headers=head)
        assert reply.status_code == 400, reply.text
        assert isinstance(reply.json()["error"], str)


def test_pictures_are_decoded_off_the_engine_and_count_for_their_address(
    client, code, engine, monkeypatch
):
    threads, owners, submit = set(), set(), engine.submit
    read = imaging.read_picture

    def reading(source):
        threads.add(threading.current_thread().name)
        return read(source)

    def submitted(work, owner, *rest, **options):
        owners.add(owner)
        return submit(work, owner, *rest, **options)

    monkeypatch.setattr(imaging, "read_picture", reading)
    monkeypatch.setattr(engine, "submit", submitted)
    assert add(client, code, png(1), png(2)).json()["new"] == 2
    assert all(name.startswith("decode-files") for name in threads), threads
    assert owners == {"labels ours@testclient"}
    bad = add(client, code, b"x" * 4000, b"y" * 4000, b"z" * 4000)
    assert bad.status_code == 429
    assert "megapixels" in bad.json()["error"]
    assert "Retry-After" in bad.headers
