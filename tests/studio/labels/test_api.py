"""Labelling over HTTP."""

import json

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backends.errors import StudioError
from studio.labels.api import LONGEST, answer_by, routes
from studio.labels.store import class_examples, pictures, projects, responses
from studio.labels.store.database import StoreProblem


@pytest.fixture
def client(database):
    with TestClient(FastAPI(routes=routes(lambda: database))) as made:
        yield made


@pytest.fixture
def bob(client, made):
    made(6)
    code = client.post("/labels/join", json={"project": "ones", "name": "Bob"}).json()["code"]

    def call(path, **body):
        return client.post(
            f"/labels/{path}", json=body, headers={"Authorization": f"Bearer {code}"}
        )

    call.code = code
    return call


def test_a_session(client, database, bob):
    assert client.get("/labels/projects").json()["projects"][0]["classes"] == ["one", "seven"]
    first, second, third = bob("next", ahead=3).json()["items"]
    assert "name" not in first, "a file's name may begin with the true class"
    reply = bob("answers", item=first["id"], value="one", request="a", seconds=1.5, via="key")
    body = reply.json()
    assert (reply.status_code, body["number"]) == (200, 1)
    assert [item["id"] for item in body["items"]][:2] == [second["id"], third["id"]]
    assert body["progress"]["submitted"] == 1
    back = bob("undo", request="b").json()
    assert back["item"] == first["id"]
    assert back["items"][0] | {"votes": 0} == first | {"value": "one"}
    stored = responses.standing(database, projects.find(database, "ones"), history=True)
    assert [(r.state, r.value, r.via) for r in stored] == [
        ("submitted", "one", "key"), ("draft", "one", "undo"),
    ]  # fmt: skip


def test_an_answer_sent_twice_counts_once(database, bob):
    (item, *_) = bob("next").json()["items"]
    replies = [bob("answers", item=item["id"], value="one", request="a").json() for _ in range(3)]
    assert [reply["number"] for reply in replies] == [1, 1, 1]
    assert projects.find(database, "ones").version == 1


def test_pictures_need_a_code(client, database, bob):
    (item, *_) = bob("next").json()["items"]
    path = f"/labels/pictures/{item['picture']}.png"
    assert client.get(path).status_code == 401
    reply = client.get(path, headers={"Authorization": f"Bearer {bob.code}"})
    assert reply.headers["content-type"] == "image/png"
    assert pictures.digest(pictures.array_of(reply.content)) == item["picture"]


def test_pictures_of_other_projects_are_not_shown(client, bob, made):
    other, _ = made(0, name="other")
    code = client.post("/labels/join", json={"project": "other", "name": "Eve"}).json()["code"]
    (item, *_) = bob("next").json()["items"]
    path = f"/labels/pictures/{item['picture']}.png"
    reply = client.get(path, headers={"Authorization": f"Bearer {code}"})
    assert (reply.status_code, other.name) == (404, "other")


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("answers", {"item": 1, "value": "nine", "request": "a"}, 400, "no class"),
        ("answers", {"item": 999, "value": "one", "request": "a"}, 404, "no item"),
        ("answers", {"item": 1, "value": "one"}, 400, "request"),
        ("answers", {"item": 1, "state": "gone", "request": "a"}, 400, "state"),
        (
            "answers",
            {"item": 1, "value": "one", "request": "a", "note": "x" * LONGEST},
            413,
            "most",
        ),
        ("next", {"ahead": 0}, 400, "ahead"),
        ("undo", {}, 400, "request"),
    ],
)
def test_mistakes_are_sentences(bob, path, body, status, words):
    reply = bob(path, **body)
    assert reply.status_code == status
    assert words in reply.json()["error"]


def test_a_wrong_code_is_nobodys(client, made):
    made()
    reply = client.post("/labels/next", headers={"Authorization": "Bearer wrong"})
    assert reply.status_code == 401
    assert "nobody" in reply.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        {"note": "a\0b"}, {"note": "\ud83d"}, {"via": "\0"}, {"seconds": float("nan")},
        {"seconds": float("inf")}, {"item": 2**63}, {"request": "\0"}, {"value": ["one"]},
        {"item": None}, {"state": {}}, {"other": 1},
    ],
)  # fmt: skip
def test_what_cannot_be_stored_is_refused_alike(database, bob, client, body):

    content = {"item": 1, "value": "one", "request": "a"} | body
    reply = client.post(
        "/labels/answers", content=json.dumps(content),
        headers={"Authorization": f"Bearer {bob.code}"},
    )  # fmt: skip
    assert reply.status_code == 400
    assert reply.json()["error"]
    assert projects.find(database, "ones").version == 0


@pytest.mark.parametrize("content", ["", "[", "[]", "3", "null", '"a"'])
def test_what_is_no_message_is_a_sentence(bob, client, content):
    reply = client.post(
        "/labels/answers", content=content, headers={"Authorization": f"Bearer {bob.code}"}
    )
    assert (reply.status_code, set(reply.json())) == (400, {"error"})


@pytest.mark.parametrize("path", ["a%00b", "x" * 300])
def test_a_picture_that_is_none_is_a_sentence(bob, client, path):
    reply = client.get(
        f"/labels/pictures/{path}.png", headers={"Authorization": f"Bearer {bob.code}"}
    )
    assert reply.status_code in (400, 404)
    assert "error" in reply.json()


def test_a_message_needs_no_content_type_and_next_no_message(bob, client):
    reply = client.post("/labels/next", headers={"Authorization": f"Bearer {bob.code}"})
    assert reply.status_code == 200


def test_a_store_that_fails_is_not_the_callers_mistake(bob, database, monkeypatch):
    def fails(*_):
        raise StoreProblem("the disk is full; nothing was stored")

    monkeypatch.setattr(responses, "answer", fails)
    reply = bob("answers", item=1, value="one", request="a")
    assert (reply.status_code, reply.json()["error"][:16]) == (503, "the disk is full")


def test_an_answer_by_its_code(database, bob):
    fields = {"item": 1, "value": "one", "request": "a"}
    assert answer_by(database, bob.code, fields).number == 1
    for code, wrong in ((["x"], fields), (bob.code, fields | {"item": "x"})):
        with pytest.raises(StudioError):
            answer_by(database, code, wrong)


def test_one_answer_about_several_items(database, bob):
    held = bob("next", ahead=4, alike=True).json()["items"]
    items = [item["id"] for item in held[:3]]
    for _ in range(2):  # sent again it counts once
        reply = bob("together", items=items, value="one", request="a", seconds=6, via="grid")
    assert reply.json()["number"] == 3
    assert reply.json()["progress"]["submitted"] == 3
    stored = responses.standing(database, projects.find(database, "ones"))
    assert {(r.value, r.seconds, r.via) for r in stored} == {("one", 2.0, "grid")}
    back = bob("undo", request="b", ahead=4).json()
    assert {item["id"] for item in back["items"]} >= set(items)
    assert back["progress"]["submitted"] == 0
    assert bob("together", items=[], value="one", request="c").status_code == 400
    assert bob("together", items=[99_999], value="one", request="d").status_code == 404


def test_guidelines_and_their_pictures(client, database, bob):
    project = projects.find(database, "ones")
    setup = project.setup.model_copy(update={"instructions": "**Look** <b>here</b>"})
    projects.change(database, project, setup)
    class_examples.add(database, project, "seven", [np.full((8, 8, 1), 9, np.uint8)])
    code = {"Authorization": f"Bearer {bob.code}"}
    told = client.get("/labels/guidelines", headers=code).json()
    assert told["html"] == "<p><strong>Look</strong> &lt;b&gt;here&lt;/b&gt;</p>\n"
    ((name, (picture,)),) = told["examples"].items()
    assert name == "seven"
    assert client.get(f"/labels/pictures/{picture}.png", headers=code).status_code == 200
    assert client.get("/labels/guidelines").status_code == 401
