"""What programs and people are told of the routes."""

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from studio.api import routes as api
from studio.api.description import described
from studio.api.questions import ProgramQuestions
from studio.engines.inline import InlineEngine
from studio.labels import api as labels
from studio.labels.management import Management
from studio.labels.store.database import Database
from studio.runs import Runs
from studio.runs.background_tasks import BackgroundTasks


@pytest.fixture
def client(tiny, tmp_path):
    store, engine = Database(str(tmp_path / "labels.db")), InlineEngine()
    questions = ProgramQuestions(Runs(engine, None, None), lambda: [tiny])
    managed = Management(engine, BackgroundTasks(engine), lambda: [tiny])
    routes = [*api.routes(questions), *labels.routes(lambda: store, managed)]
    yield TestClient(FastAPI(routes=described(routes), openapi_url=None))
    store.close()


def test_one_document_describes_questions_and_labels(client):
    told = client.get("/api/openapi.json").json()
    body = told["paths"]["/api/explain"]["post"]["requestBody"]["content"]
    for form in ("multipart/form-data", "application/json"):
        assert {"image", "target", "method", "region", "mask", "settings", "seed"} <= set(
            body[form]["schema"]["properties"]
        )
    assert body["multipart/form-data"]["schema"]["properties"]["image"]["format"] == "binary"
    assert {f"/api/{name}" for name in ("predict", "region", "bundles", "methods")} <= set(
        told["paths"]
    )
    assert {f"/labels/{name}" for name in (
        "projects", "join", "next", "answers", "undo", "manage/projects", "manage/pictures",
        "manage/export", "manage/retrain",
    )} <= set(told["paths"])  # fmt: skip
    assert told["info"]["title"] == "Counterfactual Studio"


def test_the_page_for_people_loads_nothing(client):
    page = client.get("/api/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "POST /api/explain" in page.text
    assert "POST /labels/manage/retrain" in page.text
    assert not re.search(r"<(script|link|img|iframe)|url\(|@import", page.text)


@pytest.mark.parametrize(
    ("verb", "path", "status", "says"),
    [
        ("GET", "/api/nothing", 404, "/api/docs"),
        ("POST", "/labels/manage/nothing", 404, "there is no /labels/manage/nothing"),
        ("GET", "/api/explain", 405, "is asked by POST"),
        ("DELETE", "/labels/manage/retrain", 405, "is asked by GET, POST"),
    ],
)
def test_what_is_not_there_is_a_sentence(client, verb, path, status, says):
    reply = client.request(verb, path)
    assert (reply.status_code, set(reply.json())) == (status, {"error"})
    assert says in reply.json()["error"]
