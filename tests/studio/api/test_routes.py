"""Programs' questions over HTTP: one request, one answer, and one sentence where it cannot be."""

import asyncio
import base64
import io
import json
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from backends import service
from studio.access import AccessPolicy
from studio.api.messages import QuestionMessage
from studio.api.questions import GOING, Gone, ProgramQuestions
from studio.api.routes import routes
from studio.engines.local import LocalEngine
from studio.runs import Runs, TooMany


@pytest.fixture
def engine():
    engine = LocalEngine()
    yield engine
    engine.close()


@pytest.fixture
def questions(tiny, engine):
    runs = Runs(engine, service.explain, service.stopped)
    return ProgramQuestions(runs, lambda: [tiny])


@pytest.fixture
def client(questions):
    return TestClient(FastAPI(routes=routes(questions)), raise_server_exceptions=False)


@pytest.fixture
def png():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def target(client, png):
    said = client.post("/api/predict", files={"image": png}).json()["label"]
    return "b" if said != "b" else "c"


def picture(url):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


def test_one_request_with_a_file_answers(client, png, target):
    fields = {"target": target, "method": "leapfactual", "settings": '{"blending_leaps": 2}'}
    reply = client.post("/api/explain", data=fields, files={"image": ("4.png", png)})
    assert reply.status_code == 200, reply.text
    answer = reply.json()
    assert answer["record"]["target"] == target
    assert answer["record"]["settings"]["blending_leaps"] == 2
    assert {"counterfactual.png", "difference.png", "region.png"} <= set(answer["files"])
    assert picture(answer["files"]["counterfactual.png"]).shape == (16, 16)


def test_a_message_of_json_gives_the_same_bytes(client, png, target):
    fields = {"target": target, "method": "rcsb", "seed": 3, "settings": {"steps": 4}}
    url = "data:image/png;base64," + base64.b64encode(png).decode()
    form = client.post(
        "/api/explain", data=fields | {"settings": '{"steps": 4}'}, files={"image": png}
    )
    message = client.post("/api/explain", json=fields | {"image": url})
    assert (
        form.json()["files"]["counterfactual.png"] == message.json()["files"]["counterfactual.png"]
    )


def test_a_mask_is_the_region(client, png, target):
    mask = np.zeros((16, 16), np.uint8)
    mask[4:12, 4:12] = 255
    out = io.BytesIO()
    Image.fromarray(mask).save(out, "PNG")
    fields = {"target": target, "method": "adversarial", "settings": '{"steps": 3}'}
    files = {"image": png, "mask": out.getvalue()}
    answer = client.post("/api/explain", data=fields, files=files).json()
    before, after = (
        picture(answer["files"][f"{name}.png"]) for name in ("factual", "counterfactual")
    )
    assert (before == after)[mask == 0].all()
    assert answer["record"]["region"]["area"] == pytest.approx(0.25)


def test_a_zip_holds_what_the_command_line_writes(client, png, target):
    fields = {"target": target, "settings": '{"blending_leaps": 1, "injection_leaps": 0}'}
    reply = client.post(
        "/api/explain", data=fields, files={"image": png}, headers={"Accept": "application/zip"}
    )
    names = zipfile.ZipFile(io.BytesIO(reply.content)).namelist()
    assert {"result.json", "counterfactual.png", "trajectory.gif"} <= set(names)


def test_frames_are_streamed_before_the_answer(client, png, target):
    fields = {"target": target, "settings": '{"blending_leaps": 3, "injection_leaps": 0}'}
    reply = client.post(
        "/api/explain", data=fields, files={"image": png},
        headers={"Accept": "text/event-stream"},
    )  # fmt: skip
    events = [block.split("\n", 1) for block in reply.text.strip().split("\n\n")]
    assert [name for name, _ in events][-1] == "event: answer"
    assert events[0][0] == "event: frame"
    assert "counterfactual.png" in json.loads(events[-1][1].removeprefix("data: "))["files"]


def test_a_region_a_prediction_and_lists(client, png, tiny):
    found = client.post(
        "/api/region", data={"region": "box:2,2,10,10"}, files={"image": png}
    ).json()
    assert found["area"] == pytest.approx(0.25)
    assert picture(found["mask"]).sum() == 64 * 255
    said = client.post("/api/predict", files={"image": png}).json()
    assert sum(said["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    (about,) = client.get("/api/bundles").json()
    assert about["classes"] == ["a", "b", "c"]
    assert "leapfactual" in about["methods"]
    entries = {entry["name"]: entry for entry in client.get("/api/methods").json()}
    assert entries["rcsb"]["problem"] is None
    assert "steps" in entries["rcsb"]["settings"]["properties"]


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        ({}, 400, "the field 'target' is missing"),
        ({"target": "zebra"}, 400, "no class 'zebra'"),
        ({"target": "b", "method": "magic"}, 404, "no method 'magic'"),
        ({"target": "b", "bundle": "/etc"}, 404, "no bundle '/etc'"),
        ({"target": "b", "model": "nobody"}, 400, "no model 'nobody'"),
        ({"target": "b", "model": "/tmp/evil.py:make"}, 400, "only who runs the studio"),
        ({"target": "b", "model": "hf:somebody/model"}, 400, "only who runs the studio"),
        ({"target": "b", "model": "/tmp/evil.pt2 > 3"}, 400, "only who runs the studio"),
        ({"target": "b", "model": "/tmp/evil.pt2 > 3 > 4"}, 400, "only who runs the studio"),
        ({"target": "b", "region": "mask :/etc/passwd"}, 400, "send the mask itself"),
        (
            {"target": "b", "region": "whole but not mask\t:/etc/passwd"},
            400,
            "send the mask itself",
        ),
        (
            {"target": "b", "region": "whole but not whole and mask :/x"},
            400,
            "send the mask itself",
        ),
        ({"target": "b", "region": "mask:/etc/passwd"}, 400, "send the mask itself"),
        ({"target": "b", "region": "whole but not mask:/etc/passwd"}, 400, "send the mask itself"),
        ({"target": "b", "region": "mask:/etc/passwd (inverted) and auto"}, 400, "send the mask"),
        ({"target": "b", "region": "moon"}, 400, "region"),
        ({"target": "b", "seed": "many"}, 400, "seed"),
        ({"target": "b", "seed": "-1"}, 400, "seed"),
        ({"target": "b", "seed": "1" + "0" * 30}, 400, "seed"),
        ({"target": "b", "seed": "nan"}, 400, "seed"),
        ({"target": "b", "seed": "true"}, 400, "seed"),
        ({"target": "b", "settings": '{"solver_steps": NaN}'}, 400, "solver_steps"),
        ({"target": "b", "settings": '{"solver_steps": true}'}, 400, "solver_steps"),
        ({"target": "b", "settings": '{"blending_size": 1e999}'}, 400, "blending_size"),
        ({"target": "b", "settings": "{steps}"}, 400, "as a JSON object"),
        ({"target": "b", "settings": "[1]"}, 400, "settings"),
        ({"target": "b", "settings": '{"leaps": 2}'}, 400, "no setting 'leaps'"),
        ({"target": "b", "colour": "red"}, 400, "there is no field 'colour'"),
    ],
)
def test_what_cannot_be_is_one_sentence(client, png, fields, status, says):
    reply = client.post("/api/explain", data=fields, files={"image": png})
    assert reply.status_code == status, reply.text
    assert says in reply.json()["error"]


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"files": {"image": b""}}, "the image is missing|is empty"),
        ({"files": {"image": b"not a picture"}}, "cannot be read as a picture"),
        ({"json": {"target": "b"}}, "the image is missing"),
        ({"json": {"target": "b", "image": "%%%"}}, "no data URL"),
        ({"json": ["target"]}, "the message"),
        ({"content": b"\xff\xfe{"}, "cannot be read"),
        ({"content": b""}, "the field 'target' is missing"),
        ({"content": b"[" * 100_000}, "cannot be read"),
        ({"json": {"target": "b", "image": 5}}, "the image"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, "cannot be read"),
    ],
)
def test_a_picture_or_message_that_is_none(client, sent, says):
    import re

    sent = {"data": {"target": "b"}, **sent} if "files" in sent else sent
    reply = client.post("/api/explain", **sent)
    assert reply.status_code == 400, reply.text
    assert re.search(says, reply.json()["error"])


def test_nothing_is_kept_of_a_question(client, questions, png, target, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fields = {"target": target, "settings": '{"blending_leaps": 1, "injection_leaps": 0}'}
    assert client.post("/api/explain", data=fields, files={"image": png}).status_code == 200
    assert not questions.runs._runs
    assert not list(Path(tmp_path).iterdir())


def test_a_person_at_the_machine_may_name_a_model(tiny, engine, png, tmp_path):
    runs = Runs(engine, service.explain, service.stopped)
    app = FastAPI(
        routes=routes(ProgramQuestions(runs, lambda: [tiny], access=AccessPolicy("private")))
    )
    reply = TestClient(app).post(
        "/api/predict", data={"model": f"{tmp_path}/none.onnx"}, files={"image": png}
    )
    assert "only who runs" not in reply.json()["error"]
    code = tmp_path / "own.py"
    code.write_text("raise SystemExit")
    reply = TestClient(app).post(
        "/api/predict", data={"model": f"{code}:make"}, files={"image": png}
    )
    assert reply.status_code == 400, "code is never run through the page"


QUICK = {"settings": {"blending_leaps": 1, "injection_leaps": 0}}


def base64_of(content):
    return base64.b64encode(content).decode()


def test_json_is_understood_as_programs_send_it(client, png, target):
    wrapped = base64.encodebytes(png).decode()
    fields = {"image": wrapped, "target": target, "mask": None, "region": None} | QUICK
    form = {"content-type": "application/x-www-form-urlencoded"}  # as curl -d says
    reply = client.post("/api/explain", content=json.dumps(fields), headers=form)
    assert reply.status_code == 200, reply.text
    reply = client.post("/api/predict", data={"image": base64_of(png)})  # a form without files
    assert reply.status_code == 200, reply.text


def test_a_class_may_be_a_number(client, png):
    reply = client.post("/api/explain", json={"image": base64_of(png), "target": 9})
    assert "there is no class '9'" in reply.json()["error"]


@pytest.mark.parametrize("field", ["seed", "page", "feather"])
@pytest.mark.parametrize(
    "number", ["1" + "0" * 30, "-1", "0.5", "NaN", "1e999", "true", '"3"', '"many"', "[]", "{}"]
)
def test_a_number_is_a_number_in_json(client, png, field, number):
    content = f'{{"target": "b", "image": "{base64_of(png)}", "{field}": {number}}}'
    reply = client.post("/api/explain", content=content)
    assert reply.status_code == 400, reply.text
    assert field in reply.json()["error"] or "has 1 page" in reply.json()["error"]


def test_a_form_has_no_end_of_fields(client):
    content = "&".join(f"a{number}=1" for number in range(1000))
    form = {"content-type": "application/x-www-form-urlencoded"}
    reply = client.post("/api/explain", content=content, headers=form)
    assert (reply.status_code, reply.json()["error"]) == (
        400, "a form has at most 50 fields; send fewer",
    )  # fmt: skip


def test_half_a_character_in_a_fields_name_is_a_sentence(client):
    reply = client.post("/api/explain", content=b'{"target": "b", "\\ud800": 1}')
    assert (reply.status_code, set(reply.json())) == (400, {"error"})


@pytest.mark.parametrize("mask", [b"", b"not a picture"])
def test_a_mask_that_is_none_is_not_left_out_in_silence(client, png, target, mask):
    files = {"image": png, "mask": ("mask.png", mask)}
    reply = client.post("/api/explain", data={"target": target}, files=files)
    assert reply.status_code == 400, reply.text


def test_a_mask_and_a_region_are_not_both_taken(client, png, target):
    fields = {"target": target, "region": "box:1,1,3,3"}
    reply = client.post("/api/explain", data=fields, files={"image": png, "mask": png})
    assert (reply.status_code, reply.json()["error"]) == (400, "send a mask or a region, not both")


def test_the_form_of_the_answer_can_stand_in_the_address(client, png, target):
    fields = {"image": base64_of(png), "target": target} | QUICK
    archive = client.post("/api/explain?as=zip", json=fields)
    assert "result.json" in zipfile.ZipFile(io.BytesIO(archive.content)).namelist()
    events = client.post("/api/explain?as=events", json=fields)
    assert events.headers["content-type"].startswith("text/event-stream")
    reply = client.post("/api/explain?as=film", json=fields)
    assert (reply.status_code, reply.json()["error"][:3]) == (400, "as:")


def test_every_step_is_a_frame(client, png, target):
    settings = {"blending_leaps": 6, "injection_leaps": 0}
    fields = {"image": base64_of(png), "target": target, "settings": settings}
    reply = client.post("/api/explain?as=events", json=fields)
    frames = [line for line in reply.text.splitlines() if line == "event: frame"]
    assert len(frames) >= 6


def test_what_cannot_even_begin_is_no_stream(client, png):
    fields = {"image": base64_of(png), "target": "zebra"}
    reply = client.post("/api/explain?as=events", json=fields)
    assert (reply.status_code, set(reply.json())) == (400, {"error"})


def test_a_message_that_is_too_long_is_refused(client, monkeypatch):
    def parts():
        for _ in range(50):
            yield b" " * 1_000_000

    for content in (b" " * 41_000_000, parts()):  # with its length told, and without
        reply = client.post("/api/predict", content=content)
        assert (reply.status_code, set(reply.json())) == (413, {"error"})


def test_a_fault_of_the_studio_is_a_sentence_too(client, png, monkeypatch):
    def fails(*_):
        raise RuntimeError("secret/path")

    monkeypatch.setattr(ProgramQuestions, "predict", fails)
    reply = client.post("/api/predict", files={"image": png})
    assert reply.status_code == 500
    assert "secret" not in reply.json()["error"]


def test_who_leaves_stops_the_work(questions, png, target, monkeypatch):
    monkeypatch.setattr("studio.api.questions.HEARTBEAT", 0.05)
    kept = []
    start = questions.runs.start
    monkeypatch.setattr(
        questions.runs, "start", lambda *a, **b: kept.append(start(*a, **b)) or kept[-1]
    )
    long = {"blending_leaps": 300, "injection_leaps": 0}
    question = QuestionMessage(target=target, settings=long)

    async def leave():
        frames = []
        with pytest.raises(Gone):
            await questions.explain(question, png, None, "me", frames.append, lambda: bool(frames))
        async for _ in kept[0].watch(0.05):
            pass

    asyncio.run(leave())
    assert kept[0].state == "stopped"
    assert len(kept[0].frames) < 300
    assert not questions.runs.of("me")


def test_questions_of_one_address_may_wait(questions, png, target):
    long = {"blending_leaps": 100, "injection_leaps": 0}

    async def ask_often():
        question = QuestionMessage(target=target, settings=long)
        asked = (questions.explain(question, png, None, "me") for _ in range(GOING + 1))
        return await asyncio.gather(*asked, return_exceptions=True)

    found = asyncio.run(ask_often())
    assert [type(one) for one in found if isinstance(one, Exception)] == [TooMany]


def test_an_experts_file_has_a_page_and_a_window_and_gets_the_answer_back(client):
    values = np.random.default_rng(1).integers(0, 4000, (40, 60)).astype(np.uint16)
    out = io.BytesIO()
    Image.new("L", (20, 20)).save(
        out, "TIFF", save_all=True, append_images=[Image.fromarray(values)]
    )
    asked, files = {"page": 2, "window": "1000,3000"}, {"image": ("a.tif", out.getvalue())}
    said = client.post("/api/predict", data=asked, files=files).json()["label"]
    fields = {"target": "b" if said != "b" else "c", "method": "rcsb", "settings": '{"steps": 3}'}
    reply = client.post("/api/explain", data=asked | fields, files=files)
    assert reply.status_code == 200, reply.text
    told = reply.json()["record"]["picture"]
    assert (told["page"], told["window"]) == (2, [1000, 3000])
    assert picture(reply.json()["files"]["pasted.png"]).shape == (40, 60)
    refused = client.post("/api/explain", data=fields | {"window": "wide"}, files=files)
    assert refused.status_code == 400
    assert "CENTRE,WIDTH" in refused.text


def test_a_waiting_question_is_told_its_place(tiny, engine, png, target):
    """While its first step takes long, events say how many wait and how long."""

    def slow(request):
        time.sleep(1.5)
        yield from service.explain(request)

    questions = ProgramQuestions(Runs(engine, slow, service.stopped), lambda: [tiny])
    client = TestClient(FastAPI(routes=routes(questions)), raise_server_exceptions=False)
    nothing = {"waiting": 0, "running": 0, "people": 0, "seconds": None}
    assert client.get("/api/queue").json() == nothing
    fields = {"target": target, "method": "leapfactual", "settings": '{"blending_leaps": 1}'}
    for known in (False, True):
        reply = client.post("/api/explain?as=events", data=fields, files={"image": png})
        events = [block.split("\n", 1) for block in reply.text.strip().split("\n\n")]
        assert events[0][0] == "event: waiting"
        told = json.loads(events[0][1].removeprefix("data: "))
        assert (told["ahead"], told["people"]) == (0, 1)
        assert (told["seconds"] or 0) > 1 if known else told["seconds"] is None
        assert events[-1][0] == "event: answer"
    assert client.get("/api/queue").json()["seconds"] > 1
    assert client.get("/api/queue?bundle=none").status_code == 404


def test_a_model_that_is_not_shared_is_not_there_for_others(tiny, engine, png, monkeypatch):
    """But for the owner of an access code."""
    runs = Runs(engine, service.explain, service.stopped)
    questions = ProgramQuestions(
        runs, lambda: [tiny],
        hidden=lambda bundle, code: frozenset() if code == "ada's" else frozenset(["ours"]),
    )  # fmt: skip
    client = TestClient(FastAPI(routes=routes(questions)), raise_server_exceptions=False)
    usual = service.about(tiny)
    about = usual | {"models": usual["models"] | {"ours": None}}
    monkeypatch.setattr(service, "about", lambda name: about)
    ada = {"Authorization": "Bearer ada's"}
    (shown,) = client.get("/api/bundles").json()
    assert "ours" not in shown["models"]
    (shown,) = client.get("/api/bundles", headers=ada).json()
    assert "ours" in shown["models"]
    asked = {"target": "a", "model": "ours"}
    for path, fields in (("explain", asked), ("predict", {"model": "ours"}),
                         ("region", {"model": "ours"})):  # fmt: skip
        reply = client.post(f"/api/{path}", data=fields, files={"image": png})
        assert reply.status_code == 404
        assert "no model 'ours' for you here" in reply.json()["error"]
        allowed = client.post(f"/api/{path}", data=fields, files={"image": png}, headers=ada)
        assert "for you here" not in allowed.text
