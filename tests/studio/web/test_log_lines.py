"""The log's lines are JSON, tell of each run, and hold no picture, code, cookie or password."""

import base64
import http.cookiejar
import io
import json
import logging
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

from backends import service
from studio.access.users import Users
from studio.engines.local import LocalEngine
from studio.labels.store import invitations, projects
from studio.labels.store.database import Database
from studio.labels.store.records import Setup
from studio.runs import Runs
from studio.ui.serving import free_port
from studio.web.log_lines import JsonLines, pseudonym, redacted
from tests.studio.runs.test_run import finish

ROOT = Path(__file__).parents[3]


def line_of(message, *args, **more):
    record = logging.LogRecord("studio.x", logging.INFO, "x.py", 1, message, args, None)
    for name, value in more.items():
        setattr(record, name, value)
    return json.loads(JsonLines().format(record))


def test_a_line_has_its_fields():
    line = line_of("run %s", "ended", fields={"run": "abc", "seconds": 1.5})
    assert line["message"] == "run ended"
    assert (line["level"], line["logger"], line["run"], line["seconds"]) == (
        "info", "studio.x", "abc", 1.5,
    )  # fmt: skip
    assert line["time"].endswith("+00:00")
    assert "\n" not in JsonLines().format(
        logging.LogRecord("x", logging.INFO, "x", 1, "two\nlines", (), None)
    )


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abc.def-123", "abc.def-123"),
        ("{'authorization': 'Basic YW5uOnB3'}", "YW5uOnB3"),
        ("(b'cookie', b'studio-session=s3cr3t; a=b')", "s3cr3t"),
        ("Set-Cookie: studio-session=s3cr3t; HttpOnly", "s3cr3t"),
        ("GET /?invitation=T0ken_x-1&a=b", "T0ken_x-1"),
        ('{"code": "C0de-of_ann", "item": 3}', "C0de-of_ann"),
        ("password='open sesame'", "open"),
        ("postgresql://user:s3cr3t@host/name", "s3cr3t"),
        ("image=data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==", "iVBORw0KGgo"),
        ("x" + base64.b64encode(bytes(range(256))).decode(), "AAECAwQFBgcICQ"),
    ],
)
def test_secrets_are_left_out(text, secret):
    assert secret not in redacted(text)
    assert redacted(text) != ""
    assert secret not in json.dumps(line_of("%s", text))


def test_what_is_no_secret_stays():
    text = "the label store at /srv/labels.db cannot be written: the disk is full"
    assert redacted(text) == text
    for text in ("4 of 9 items, code path taken", "status_code=500 for /api/predict"):
        assert redacted(text) == text


def test_each_run_is_told_once(ask, caplog):
    engine = LocalEngine()
    runs = Runs(engine, service.explain, service.stopped)
    with caplog.at_level(logging.INFO, "studio"):
        run = runs.start(ask("leapfactual"), "page@127.0.0.1")
        finish(run)
    engine.close()
    (told,) = [r.fields for r in caplog.records if r.message == "run ended"]
    assert told["run"] == run.id[:8]
    assert run.id not in json.dumps(told), "who has all of the id may see the run"
    assert told["owner"] == pseudonym("page@127.0.0.1")
    assert (told["method"], told["end"]) == ("leapfactual", "done")
    assert 0 <= told["seconds"] < 60


@pytest.fixture
def studio(tmp_path, tiny):
    """A team's studio that logs JSON; its address, and what it has logged."""
    Users().with_user("ann", "open sesame please", True).write(tmp_path / "users.json")
    port = free_port("127.0.0.1")
    environment = os.environ | {
        "PYTHONPATH": str(ROOT), "STUDIO_LOG_FORMAT": "json", "STUDIO_PORT": str(port),
        "STUDIO_HOME": str(tmp_path), "STUDIO_BUNDLE": tiny, "STUDIO_MODE": "team",
        "STUDIO_USERS": str(tmp_path / "users.json"), "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    log = tmp_path / "log.txt"
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=environment, stderr=file,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        address = f"http://127.0.0.1:{port}"
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/healthz", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.25)
        yield address, log
        process.terminate()
        process.wait(30)


@pytest.mark.slow
def test_a_studios_log_holds_no_secret(studio, tiny, picture, ask, tmp_path):
    address, log = studio
    store = Database(os.environ["STUDIO_DATABASE"])
    project, access = projects.create(
        store, Setup(name="ones", bundle=tiny, classes=["a", "b"]), "Ada"
    )
    token = invitations.make(store, project)
    basic = base64.b64encode(b"ann:open sesame please").decode()
    cookies = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
    out = io.BytesIO()
    Image.fromarray(picture[..., 0]).save(out, "PNG")
    shown = base64.b64encode(out.getvalue()).decode()

    def send(path, body=None, authorization=f"Basic {basic}"):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        try:
            with opener.open(urllib.request.Request(address + path, data, headers)) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    assert send("/")[0] == 200
    assert send(f"/?invitation={token}")[0] == 200
    asked = {"image": f"data:image/png;base64,{shown}", "target": ask("place").target}
    assert send("/api/explain", asked | {"bundle": tiny})[0] == 200
    assert send("/api/explain", asked | {"bundle": tiny, "target": "nothing"})[0] == 400
    assert send("/labels/next", {}, f"Bearer {access.code}")[0] == 200
    assert send("/labels/next", {"code": access.code}, f"Bearer {access.code}")[0] == 400
    cookies.clear()
    assert (
        send("/api/bundles", authorization="Basic " + base64.b64encode(b"a:b").decode())[0] == 401
    )
    text = log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    ended = [line for line in lines if line["message"] == "run ended"]
    assert [line["end"] for line in ended] == ["done", "failed"]
    for secret in (access.code, token, basic, "sesame", shown[:40], "studio-session="):
        assert secret not in text, secret
    store.close()
