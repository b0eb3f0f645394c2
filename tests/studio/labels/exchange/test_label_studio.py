"""Label Studio's own JSON, as its documentation and its exporter write it."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from backends.errors import BadInput
from studio.labels import exchange
from studio.labels.exchange import label_studio
from studio.labels.store import pictures, projects, responses, suggestions


def grey(value, size=(8, 8)):
    buffer = io.BytesIO()
    Image.new("L", size, value).save(buffer, "PNG")
    return buffer.getvalue()


def region(value, name="choice"):
    return {
        "value": {"choices": [value]}, "id": "Dx_aB91ISN", "from_name": name, "to_name": "image",
        "type": "choices", "origin": "manual",
    }  # fmt: skip


def annotation(number, result, **fields):
    return {
        "id": number, "completed_by": 10, "result": result, "was_cancelled": False,
        "ground_truth": False, "created_at": "2021-03-09T22:16:08.728353Z",
        "updated_at": "2021-03-09T22:16:08.728378Z", "draft_created_at": None, "lead_time": 4.288,
        "prediction": {}, "result_count": 0, "unique_id": f"u{number}", "import_id": None,
        "last_action": None, "task": 1, "project": 83, "updated_by": 10, "parent_prediction": None,
        "parent_annotation": None, "last_created_by": None,
    } | fields  # fmt: skip


def task(number, image, annotations, predictions=(), drafts=()):
    return {
        "id": number, "annotations": annotations, "file_upload": "1a2b3c4d-cat.png",
        "drafts": list(drafts), "predictions": list(predictions), "data": {"image": image},
        "meta": {}, "created_at": "2021-03-09T21:52:49.513742Z",
        "updated_at": "2021-03-09T22:16:08.746926Z", "inner_id": number, "total_annotations": 1,
        "cancelled_annotations": 0, "total_predictions": 0, "comment_count": 0,
        "unresolved_comment_count": 0, "last_comment_updated_at": None, "project": 83,
        "updated_by": 10, "comment_authors": [],
    }  # fmt: skip


@pytest.fixture
def exported(tmp_path):
    """What Label Studio exports of three pictures: one uploaded, one served, one in the task."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1a2b3c4d-cat.png").write_bytes(grey(10))
    (tmp_path / "dog.png").write_bytes(grey(20, (30, 20)))
    note = {"value": {"text": ["blurred", "cut"]}, "id": "n", "from_name": "remark",
            "to_name": "image", "type": "textarea"}  # fmt: skip
    tasks = [
        task(
            1, "/data/upload/83/1a2b3c4d-cat.png",
            [annotation(1, [region("cat"), note]),
             annotation(2, [region("dog")], completed_by={"id": 3, "email": "eve@example.org"})],
            [{"id": 5, "model_version": "model 1", "score": 0.75, "created_ago": "3 hours",
              "result": [region("cat")]}],
        ),
        task(2, "/data/local-files/?d=somewhere/dog.png",
             [annotation(3, [], was_cancelled=True), annotation(4, [], completed_by=11)]),
        task(3, f"data:image/png;base64,{base64.b64encode(grey(30)).decode()}",
             [annotation(5, [region("dog")], ground_truth=True)],
             drafts=[{"id": 1, "result": [region("cat")], "user": "eve@example.org",
                      "created_at": "2021-03-10T08:00:00.000000Z", "lead_time": 1.0,
                      "annotation": None},
                     {"id": 2, "result": [region("cat")], "user": "eve@example.org",
                      "annotation": 5}]),
    ]  # fmt: skip
    path = tmp_path / "project-83.json"
    path.write_text(json.dumps(tasks))
    return path


def prepared(picture):
    return np.asarray(picture.convert("L").resize((8, 8)))[..., None]


def test_its_export_is_read(database, exported):
    brought = exchange.import_labels(
        database, "pets", exported, bundle="digits", classes=["cat", "dog"], prepare=prepared
    )
    assert (brought.items, brought.responses, brought.suggestions) == (3, 7, 1)
    project = projects.find(database, "pets")
    items = pictures.items(database, project)
    assert [item.name for item in items] == ["cat.png", "dog.png", "task-3.png"]
    numbers = {item.id: n for n, item in enumerate(items)}
    said = sorted(
        (numbers[r.item_id], r.annotator, r.kind, r.state, r.value, r.note)
        for r in responses.standing(database, project)
    )
    assert said == [
        (0, "annotator 10", "label", "submitted", "cat", "blurred\ncut"),
        (0, "eve@example.org", "label", "submitted", "dog", ""),
        (1, "annotator 10", "label", "discarded", None, ""),
        (1, "annotator 11", "label", "submitted", None, ""),
        # Ground truth is what that person said, and what counts.
        (2, "annotator 10", "adjudication", "submitted", "dog", ""),
        (2, "annotator 10", "label", "submitted", "dog", ""),
        (2, "eve@example.org", "label", "draft", "cat", ""),
    ]
    first = responses.standing(database, project)[0]
    assert (first.seconds, first.created) == (4.288, 1615328168.728378)
    (guess,) = suggestions.newest(database, project)
    assert (guess.agent, guess.value, guess.score) == ("model 1", "cat", 0.75)
    # A draft that changes a submitted answer is none of its own.
    assert brought.left_out == {"drafts that change a submitted answer": 1}
    again = exchange.import_labels(database, "pets", exported, prepare=prepared)
    assert (again.items, again.responses, again.suggestions, again.repeated) == (0, 0, 0, 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[1].update(data={"image": "https://example.org/x.png"}),
         "task 2: item 'x.png' is not here"),
        (lambda t: t[0]["annotations"][0]["result"].append(region("dog")),
         "task 1 has several choices"),
        (lambda t: t[2].update(data={"image": "data:image/png;base64,ยง"}), "task 3: .* damaged"),
        (lambda t: t[2].update(data={"image": "data:image/png;base64,aGk="}),
         "task 3: .* cannot be read as a picture"),
        (lambda t: t[0].update(annotations=[region("cat")]), "task 1 .* JSON-MIN"),
        (lambda t: t[1].update(data={"image": "/../../../../../../../etc/hostname"}),
         "task 2: item 'hostname' is not here"),
    ],
)  # fmt: skip
def test_what_it_cannot_be_is_told_by_task(database, exported, change, message):
    tasks = json.loads(exported.read_text())
    change(tasks)
    exported.write_text(json.dumps(tasks))
    with pytest.raises(BadInput, match=message):
        exchange.import_labels(
            database, "pets", exported, bundle="digits", classes=["cat", "dog"], prepare=prepared
        )
    assert projects.listed(database) == []


def test_ours_has_the_form_that_it_documents(database, spoken, tmp_path):
    exchange.export(database, spoken, tmp_path / "out.json", history=True)
    exchange.export(database, spoken, tmp_path / "out", "label-studio")
    tasks = json.loads((tmp_path / "out.json").read_text())
    assert len(tasks) == 6
    first = tasks[0]["annotations"]
    assert [a["ground_truth"] for a in first] == [False, False, True]
    assert first[0]["result"][0] == {
        "id": "choice", "from_name": "choice", "to_name": "image", "type": "choices",
        "value": {"choices": ["one"]},
    }  # fmt: skip
    assert first[0]["lead_time"] == 1.25
    # Label Studio refuses a file that names people who are no members of it.
    assert "completed_by" not in first[0]
    assert first[1]["completed_by"] == {"email": "eve@example.org"}
    (prediction,) = tasks[0]["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("clip:@x", 0.625)
    # What was corrected is no second vote of the same person.
    assert [a["annotator"] for a in tasks[1]["annotations"]] == ["=Bob", "eve@example.org"]
    assert tasks[2]["annotations"][0]["was_cancelled"] is True
    assert tasks[3]["annotations"] == []
    assert len(tasks[3]["drafts"]) == 1
    # It makes a model of a draft's keys, so there may be no others.
    assert set(tasks[3]["drafts"][0]) == {"id", "result", "created_at", "lead_time", "user"}
    png = base64.b64decode(tasks[0]["data"]["image"].partition(",")[2])
    assert pictures.digest(pictures.array_of(png)) == tasks[0]["data"]["picture"]
    beside = json.loads((tmp_path / "out" / "tasks.json").read_text())
    assert (tmp_path / "out" / beside[0]["data"]["image"]).is_file()


def test_its_settings_fit_the_tasks(database, spoken, tmp_path):
    from xml.etree import ElementTree

    exchange.export(database, spoken, tmp_path / "out", "label-studio")
    view = ElementTree.parse(tmp_path / "out" / "label_config.xml").getroot()
    assert [c.get("value") for c in view.iter("Choice")] == ["one", "seven"]
    assert view.find("Choices").get("name") == label_studio.CHOICE
    assert view.find("TextArea").get("name") == label_studio.NOTE


def test_what_it_keeps_of_ours_comes_back(database, spoken, tmp_path, elsewhere):
    """Through Label Studio, which keeps these keys alone and makes the importing person's own."""
    exchange.export(database, spoken, tmp_path / "out.json")
    kept = []
    for old in json.loads((tmp_path / "out.json").read_text()):
        annotations = [
            annotation(a["id"], a["result"], was_cancelled=a["was_cancelled"],
                       ground_truth=a["ground_truth"], lead_time=a["lead_time"],
                       completed_by={"id": 1, **a.get("completed_by", {"email": "me@lab.org"})})
            for a in old["annotations"] if a["annotator"] != "Ada"
        ]  # fmt: skip
        kept.append({"id": old["id"], "data": old["data"], "meta": old["meta"],
                     "annotations": annotations, "drafts": [], "predictions": []})  # fmt: skip
    (tmp_path / "theirs.json").write_text(json.dumps(kept))
    brought = exchange.import_labels(elsewhere, None, tmp_path / "theirs.json")
    assert brought.people == ["me@lab.org", "eve@example.org"]
    project = projects.find(elsewhere, "ones")
    assert project.setup == spoken.setup
    values = [(r.annotator, r.state, r.value) for r in responses.standing(elsewhere, project)]
    assert sorted(values, key=str) == sorted([
        ("me@lab.org", "submitted", "one"), ("me@lab.org", "submitted", "seven"),
        ("eve@example.org", "submitted", "seven"), ("eve@example.org", "submitted", None),
        ("eve@example.org", "discarded", None),
    ], key=str)  # fmt: skip


@pytest.mark.parametrize(("lasting", "kept"), [(90_000.5, 86_400.0), (4.5, 4.5), (None, 0.0)])
def test_a_task_that_was_open_for_days_took_a_day(database, made, tmp_path, lasting, kept):
    project, _ = made(1)
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([task(1, "0.png", [annotation(1, [region("one")],
                                                              lead_time=lasting)])]))  # fmt: skip
    exchange.import_labels(database, "ones", path)
    assert [r.seconds for r in responses.standing(database, project)] == [kept]


@pytest.mark.parametrize("lasting", ["NaN", "Infinity", "-1"])
def test_a_time_that_is_none_is_refused(database, made, tmp_path, lasting):
    made(1)
    tasks = json.dumps([task(1, "0.png", [annotation(1, [region("one")], lead_time=7)])])
    path = tmp_path / "tasks.json"
    path.write_text(tasks.replace('"lead_time": 7', f'"lead_time": {lasting}'))
    with pytest.raises(BadInput, match="seconds"):
        exchange.import_labels(database, "ones", path)


@pytest.mark.parametrize("score", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_score_that_is_none_is_refused(database, made, tmp_path, score):
    project, _ = made(1)
    guess = {"result": [region("one")], "model_version": "m", "score": 7}
    path = tmp_path / "tasks.json"
    tasks = json.dumps([task(1, "0.png", [], predictions=[guess])])
    path.write_text(tasks.replace('"score": 7', f'"score": {score}'))
    with pytest.raises(BadInput, match="score"):
        exchange.import_labels(database, "ones", path)
    assert suggestions.newest(database, project) == []
