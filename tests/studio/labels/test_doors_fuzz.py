"""Whatever is sent to the labelling routes: never a fault of the studio, and what was stored can be
exported in every format and imported again."""

import io
import json
import random

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from backends.errors import StudioError
from benchmarks.fuzz import served
from benchmarks.fuzz.damage import TEXTS, anything
from studio.engines.local import LocalEngine
from studio.labels import exchange
from studio.labels.api import answer_by, routes
from studio.labels.exchange.rows import iso, moment
from studio.labels.management import Management
from studio.labels.store import pictures, projects, responses, suggestions
from studio.labels.store.database import Database
from studio.labels.store.records import Setup, Suggestion
from studio.runs.background_tasks import BackgroundTasks
from tests.conftest import write_tiny
from tests.studio.labels.conftest import drawn

CLASSES = ["one", "-seven", "'=x", "naïve, “写”; |"]
MESSAGES = served.MESSAGES | {
    "manage/projects": {
        "project": {"name": "other", "bundle": "tiny", "classes": ["a", "b"], "votes": 2},
        "administrator": "Eve",
    },
    "manage/retrain": {"name": "ours", "rule": "majority", "settings": {"steps": 10}},
}
GOT = ("projects", "guidelines", "manage/retrain")
FORMATS = ("csv", "jsonl", "label-studio", "datasets")


@pytest.fixture
def store(tmp_path):
    opened = Database(str(tmp_path / "labels.db"))
    yield opened
    opened.close()


@pytest.fixture
def project(store):
    """Pictures with names that no file should have, people, and what a model says."""
    setup = Setup(name="ones", bundle="tiny", classes=CLASSES, votes=3, hints=True, blind=False)
    made, access = projects.create(store, setup, "Ada")
    names = ["a\0.png", "half \ud83d.png", "two\nlines.png", "=1+1.png", "x" * 5000 + ".png", " "]
    shown = (pixels for _, pixels in drawn(40))
    pictures.add(store, made, [(names[n % 6] * (n < 6), pixels) for n, pixels in enumerate(shown)])
    suggestions.add(store, made, [
        Suggestion(item.id, "=model ", "abc", "-seven", 0.75, {"one": 0.25, "-seven": 0.75})
        for item in pictures.items(store, made)[:5]
    ])  # fmt: skip
    return made, access.code


@pytest.fixture
def client(store, tmp_path, monkeypatch):
    engine = LocalEngine()
    monkeypatch.setattr("studio.labels.management.training.retrain", lambda *_: iter(()))
    managed = Management(engine, BackgroundTasks(engine), lambda: ["tiny"])
    app = FastAPI(routes=routes(lambda: store, managed))
    with TestClient(app, raise_server_exceptions=False) as made:
        yield made
    engine.close()


def mutated(draw, message):
    """A message with something changed, left out or added; its request is new, as a rule."""
    if draw.random() < 0.03:
        return anything(draw)
    found = dict(message)
    if "request" in found and draw.random() < 0.95:
        found["request"] = f"{draw.getrandbits(48):x}"
    if isinstance(found.get("item"), int):
        found["item"] = draw.randrange(1, 41)
    for _ in range(draw.choice([0, 1, 1, 1, 2])):
        key = draw.choice([*found, draw.choice(TEXTS)]) if found else draw.choice(TEXTS)
        inner = found.get(key)
        if isinstance(inner, dict) and draw.random() < 0.8:
            found[key] = mutated(draw, inner)
        elif draw.random() < 0.1:
            found.pop(key, None)
        else:
            found[key] = anything(draw)
    return found


def sent(draw, message):
    """The bytes of a message; some are no JSON."""
    content = json.dumps(message).encode()
    if draw.random() < 0.03:
        cut = draw.randrange(len(content) + 1)
        content = content[:cut] + draw.choice([b"\xff", b"\0", b"[" * 5000, b"", b"1" * 5000])
    return content


def code_of(draw, codes):
    """A header that says who asks; a fifth of them say something else."""
    if draw.random() < 0.8:
        return {"Authorization": f"Bearer {draw.choice(codes)}"}
    odd = [
        b"",
        b"Bearer",
        b"Bearer \xff\x80",
        b"Bearer [1]",
        b"Bearer null",
        b"x" * 3000,
        b"Basic ",
    ]
    return {"Authorization": draw.choice(odd)}


def checked(reply, what):
    """Not the studio's fault, and where it is the sender's, one sentence."""
    assert reply.status_code < 500, (what, reply.text)
    if reply.status_code >= 400:
        told = reply.json()
        assert set(told) == {"error"}, what
        assert told["error"], what
        assert "Traceback" not in told["error"], what


def all_of(database, name):
    """Everything that counts of a project, by its pictures."""
    project = projects.find(database, name)
    seen = {item.id: (item.picture, item.name) for item in pictures.items(database, project)}
    said = [
        (seen[r.item_id], r.annotator, r.kind, r.state, r.value, r.note, r.seconds,
         iso(moment(r.created)))
        for r in responses.standing(database, project, history=True)
    ]  # fmt: skip
    guessed = [
        (seen[s.item_id], s.agent, s.model_hash, s.value, s.score, s.probabilities)
        for s in suggestions.newest(database, project)
    ]
    return sorted(map(repr, said)), sorted(map(repr, guessed)), project.setup


def comes_back(database, name, folder):
    """Export in every format, as a folder and as a file, and import what can be elsewhere."""
    project = projects.find(database, name)
    before = all_of(database, name)
    for form in FORMATS:
        to = folder / f"{form}-{name}"
        exchange.export(database, project, to, form, history=True)
        other = Database(str(folder / f"{form}-{name}.db"))
        exchange.import_labels(other, None, to)
        assert all_of(other, name) == before, form
        other.close()
        again = exchange.import_labels(database, name, to)
        assert (again.items, again.responses, again.suggestions) == (0, 0, 0), form
    for ending in ("csv", "jsonl", "json"):
        exchange.export(database, project, folder / f"{name}.{ending}", history=True)
        again = exchange.import_labels(database, name, folder / f"{name}.{ending}")
        assert (again.items, again.responses, again.suggestions) == (0, 0, 0), ending


def test_no_message_is_a_fault_and_what_is_stored_comes_back(client, store, project, tmp_path):
    draw, (_, code) = random.Random(20_240_501), project
    codes = [code, code]
    joined = client.post("/labels/join", json=MESSAGES["join"]).json()
    codes.append(joined["code"])
    for number in range(1600):
        path = draw.choice([*MESSAGES, "answers", "answers", "together"])
        content = sent(draw, mutated(draw, MESSAGES[path]))
        reply = client.post(f"/labels/{path}", content=content, headers=code_of(draw, codes))
        checked(reply, (number, path, content))
        if path == "join" and reply.status_code == 200 and len(codes) < 6:
            codes.append(reply.json()["code"])
    found = projects.find(store, "ones")
    assert found.version > 200, "too little was stored to show anything"
    comes_back(store, "ones", tmp_path)


def test_no_address_is_a_fault(client, project):
    draw, (_, code) = random.Random(7), project
    for number in range(300):
        text = draw.choice(TEXTS).encode("utf-8", "replace").decode()
        path, params = draw.choice([
            *((got, {"x": text}) for got in GOT),
            ("manage/export", {"format": draw.choice([*FORMATS[:3], text]), "history": text}),
            (f"pictures/{'0' * 64}.png", {}), ("pictures/x%00y.png", {}),
        ])  # fmt: skip
        reply = client.get(f"/labels/{path}", params=params, headers=code_of(draw, [code]))
        checked(reply, (number, path, params))


def test_no_name_of_a_file_is_a_fault(client, store, tmp_path):
    bundle = str(write_tiny(tmp_path / "tiny"))
    setup = Setup(name="files", bundle=bundle, classes=["a", "b"])
    made, access = projects.create(store, setup, "Ada")
    head = {
        "Authorization": f"Bearer {access.code}",
        "Content-Type": "multipart/form-data; boundary=cut",
    }
    odd = ["..", ".", "/", "a/..", "x" * 300 + ".png", "é" * 200 + ".png"]
    for number, name in enumerate([*odd, *(f"{text}.png" for text in TEXTS)]):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16), np.uint8)
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "PNG")
        content = (  # as it is: a client's library would encode what is odd
            b'--cut\r\nContent-Disposition: form-data; name="files"; filename="'
            + name.encode("utf-8", "surrogatepass")
            + b'"\r\nContent-Type: image/png\r\n\r\n' + out.getvalue() + b"\r\n--cut--\r\n"
        )  # fmt: skip
        reply = client.post("/labels/manage/pictures", content=content, headers=head)
        checked(reply, name)
    assert len(pictures.items(store, made)) > 20
    comes_back(store, "files", tmp_path)


def test_no_answer_by_a_program_is_a_fault(store, project):
    draw, (made, code) = random.Random(11), project
    stored, told = 0, []
    for _ in range(1500):
        fields = mutated(draw, MESSAGES["answers"])
        try:
            answer_by(store, code if draw.random() < 0.9 else anything(draw), fields)
            stored += 1
        except StudioError as error:
            told.append(str(error))
    assert not [one for one in told if not one or "\n" in one]
    assert stored > 100
    assert projects.find(store, made.name).version <= stored


LABELLED = [f"{number}.png" for number in range(9)]
ROWS = (
    {"kind": "label", "item": "0.png", "annotator": "Bob", "value": "one", "note": "",
     "seconds": 1.0, "state": "submitted", "created": "2024-05-01T10:00:00Z"},
    {"kind": "adjudication", "item": "1.png", "annotator": "Ada", "value": "-seven"},
    {"kind": "suggestion", "item": "2.png", "agent": "clip", "model_hash": "abc", "value": "one",
     "score": 0.5, "probabilities": {"one": 0.5}},
    {"kind": "item", "item": "3.png", "names": ["three.png"]},
)  # fmt: skip


def test_no_file_is_a_fault_and_what_it_brought_comes_back(store, project, tmp_path):
    draw, (made, _) = random.Random(5), project
    pictures.add(store, made, [(f"{n}.png", pixels) for n, (_, pixels) in enumerate(drawn(9, 100))])
    path, taken, told = tmp_path / "some.jsonl", 0, []
    for _ in range(500):
        row = mutated(draw, draw.choice(ROWS))
        if isinstance(row, dict) and row.get("kind") == "item":
            row["item"] = "3.png"
        elif isinstance(row, dict) and row.get("item") in LABELLED:
            row["item"] = draw.choice(LABELLED)
        path.write_text(json.dumps(row) + "\n")
        try:
            done = exchange.import_labels(store, "ones", path)
            taken += done.responses + done.suggestions
        except StudioError as error:
            told.append(str(error))
    assert not [one for one in told if not one or "\n" in one]
    assert taken > 30
    comes_back(store, "ones", tmp_path)
