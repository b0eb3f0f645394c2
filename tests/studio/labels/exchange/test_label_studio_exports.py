"""What Label Studio's exports hold beside single choices is counted, or refused."""

import base64
import json

import pytest

from backends.errors import BadInput
from studio.labels import exchange
from studio.labels.store import pictures, projects, responses
from tests.studio.labels.exchange.test_label_studio import annotation, grey, prepared, region, task

IMAGE = "/data/upload/3/1a2b3c4d-0.png"
BOX = {"type": "rectanglelabels", "from_name": "box", "to_name": "image",
       "value": {"x": 1, "y": 1, "width": 5, "height": 5, "rectanglelabels": ["one"]}}  # fmt: skip
RATING = {"type": "rating", "from_name": "stars", "value": {"rating": 4}}
TAXONOMY = {"type": "taxonomy", "from_name": "tree", "value": {"taxonomy": [["one"]]}}
BOXED = {"type": "choices", "from_name": "choice",
         "value": {"x": 1, "y": 1, "width": 5, "height": 5, "choices": ["one"]}}  # fmt: skip
TEXT = {"type": "textarea", "from_name": "remark", "value": {"text": ["blurred"]}}
OPEN = {"type": "choices", "from_name": "other", "value": {"choices": []}}


@pytest.fixture
def place(tmp_path):
    """One database is enough here: what files hold does not depend on it."""
    return str(tmp_path / "labels.db")


@pytest.fixture
def bring(database, made, tmp_path):
    """Tasks -> what their import into a project with three pictures did."""
    made(3)

    def work(*tasks, **options):
        (tmp_path / "export.json").write_text(json.dumps(tasks))
        return exchange.import_labels(database, "ones", tmp_path / "export.json", **options)

    return work


@pytest.fixture
def said(database):
    """What people said, as it stands."""
    return lambda: sorted(
        (r.annotator, r.kind, r.state, r.value, r.note)
        for r in responses.standing(database, projects.find(database, "ones"))
    )


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("predictions", "predictions of which the file has only the number"),
        ("drafts", "drafts of which the file has only the number"),
        ("annotations", "annotations of which the file has only the number"),
    ],
)
def test_numbers_alone_are_skipped_and_counted(bring, said, field, reason):
    made = task(1, IMAGE, [annotation(1, [region("one")])])
    made[field] = [*made[field], 286, 287]
    assert bring(made).left_out == {reason: 2}
    assert said() == [("annotator 10", "label", "submitted", "one", "")]


@pytest.mark.parametrize("other", [BOX, RATING, TAXONOMY, BOXED, TEXT])
def test_what_is_no_choice_is_no_answer(bring, said, other):
    with pytest.raises(BadInput, match=r"holds nothing that a project can take \(annotations wit"):
        bring(task(1, IMAGE, [annotation(1, [other])]))
    done = bring(
        task(1, IMAGE, [annotation(1, [other])]),
        task(2, "1.png", [annotation(2, [region("one"), other])]),
    )
    assert done.responses == 1
    assert (
        sum(count for reason, count in done.left_out.items() if "without a choice" in reason) == 1
    )
    assert said() == [("annotator 10", "label", "submitted", "one", "blurred" * (other is TEXT))]
    beside = [reason for reason in done.left_out if reason.endswith("beside a choice")]
    assert bool(beside) == (other is not TEXT)


@pytest.mark.parametrize("result", [[], [OPEN]])
def test_an_empty_result_is_unsure(bring, said, result):
    assert bring(task(1, IMAGE, [annotation(1, result)])).left_out == {}
    assert said() == [("annotator 10", "label", "submitted", None, "")]


def test_a_prediction_without_a_class_is_counted(bring):
    prediction = {"id": 1, "result": [], "score": None}
    done = bring(task(1, IMAGE, [annotation(1, [region("one")])], [prediction]))
    assert (done.suggestions, done.left_out) == (0, {"predictions without a class": 1})


def test_ground_truth_is_an_answer_and_an_adjudication(bring, said):
    bring(task(1, IMAGE, [
        annotation(1, [region("one")], ground_truth=True),
        annotation(2, [region("seven")], completed_by=11),
        annotation(3, [], completed_by=12, ground_truth=True, was_cancelled=True),
    ]))  # fmt: skip
    assert said() == [
        ("annotator 10", "adjudication", "submitted", "one", ""),
        ("annotator 10", "label", "submitted", "one", ""),
        ("annotator 11", "label", "submitted", "seven", ""),
        ("annotator 12", "label", "discarded", None, ""),
    ]


def test_one_of_several_questions_can_be_chosen(bring, said):
    tasks = [
        task(1, IMAGE, [annotation(1, [region("good", "quality"), region("one", "digit")])]),
        task(2, "1.png", [annotation(2, [region("bad", "quality")])]),
    ]
    with pytest.raises(BadInput, match=r"several questions \(digit, quality\); .* --control"):
        bring(*tasks)
    with pytest.raises(BadInput, match=r"no question 'size' .* are: digit, quality"):
        bring(*tasks, control="size")
    done = bring(*tasks, control="digit")
    assert said() == [("annotator 10", "label", "submitted", "one", "")]
    assert done.left_out == {
        "choices (quality) beside a choice": 1,
        "annotations without a choice, with choices (quality)": 1,
    }


def two_uploads(folder):
    """Two pictures that were both called 001.png, one labelled one, one seven."""
    names = "1a2b3c4d-001.png", "9f8e7d6c-001.png"
    for name, value in zip(names, (10, 200), strict=True):
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(grey(value))
    return [
        task(n, f"/data/upload/3/{name}", [annotation(n, [region(value)])])
        for n, (name, value) in enumerate(zip(names, ("one", "seven"), strict=True), 1)
    ]


def test_two_uploads_of_one_name_are_two_items(database, bring, tmp_path):
    tasks = two_uploads(tmp_path / "images")
    done = bring(*tasks, prepare=prepared)
    assert (done.items, done.responses, done.replaced) == (2, 2, 0)
    project = projects.find(database, "ones")
    names = {item.id: item.name for item in pictures.items(database, project)}
    said = [(names[r.item_id], r.value) for r in responses.standing(database, project)]
    assert said == [("001.png", "one"), ("9f8e7d6c-001.png", "seven")]
    assert bring(*tasks, prepare=prepared).repeated == 2
    # Once their own names are known, they are told apart without their files, too.
    for path in (tmp_path / "images").iterdir():
        path.unlink()
    assert bring(*tasks).repeated == 2
    other = task(3, "/data/upload/3/77777777-001.png", [annotation(3, [region("one")])])
    with pytest.raises(BadInput, match=r"task 1: item '001\.png' is not here"):
        bring(other)


def test_two_uploads_are_not_one_picture_of_the_project(database, bring, said, tmp_path):
    project = projects.find(database, "ones")
    pictures.add(database, project, [("001.png", prepared_of(10))])
    with pytest.raises(BadInput, match=r"'1a2b3c4d-001\.png' and '9f8e7d6c-001\.png' may be '001"):
        bring(*two_uploads(tmp_path / "elsewhere"))
    (tmp_path / "001.png").write_bytes(grey(10))
    with pytest.raises(BadInput, match=r"task 2: both .* may be '001\.png'"):
        bring(*two_uploads(tmp_path / "elsewhere"), prepare=prepared)
    assert said() == []


def prepared_of(value):
    from PIL import Image

    return prepared(Image.new("L", (8, 8), value))


def test_a_task_may_have_other_fields_before_its_picture(bring, said):
    completion = {"id": 1, "result": [region("one")], "created_at": 1714564800}
    done = bring(
        {"data": {"question": "what?", "shot": IMAGE, "n": 3}, "completions": [completion]}
    )
    assert done.responses == 1
    with pytest.raises(BadInput, match=r"task 1 has several pictures \(a, b\)"):
        bring({"data": {"a": "0.png", "b": "1.png"}})
    with pytest.raises(BadInput, match="task 1 has no picture"):
        bring({"data": {"a": "some text", "b": "other text"}})


def test_a_path_stays_beside_the_file(bring, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "new.png").write_bytes(grey(7))
    (tmp_path / "sub" / "out.png").symlink_to("/etc/hostname")
    answer = [annotation(1, [region("one")])]
    assert bring(task(1, "/data/local-files/?d=pets/sub/new.png", answer), prepare=prepared).items
    with pytest.raises(BadInput, match=r"item 'out\.png' is not here"):
        bring(task(1, "/data/local-files/?d=pets/sub/out.png", answer))


def test_a_data_url_need_not_be_tidy(bring):
    text = base64.b64encode(grey(9)).decode()
    broken = f"data:image/png;base64,{text[:20]}\n {text[20:]}"
    assert bring(task(1, broken, []), prepare=prepared).items == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": []}, "task 1 .* is no task"),
        ({"annotations": {}}, "task 1 .* is no task"),
        ({"annotations": [{"id": 1}]}, "annotations.* JSON-MIN"),
        ({"annotations": [None]}, "task 1 .* is no task"),
        ({"predictions": [{"result": [region("one")], "score": float("nan")}]}, "task 1: score"),
        ({"annotations": [annotation(1, [region(7)])]}, "several choices in one answer"),
        ({"annotations": [annotation(1, [], lead_time=float("inf"))]}, "task 1: seconds"),
        ({"annotations": [annotation(1, [], updated_at="9999-12-31T23:59:59-05:00")]}, "9999"),
        ({"annotations": [annotation(1, [], updated_at={"a": 1})]}, "task 1: created"),
        ({"annotations": [annotation(1, [], completed_by={})]}, None),
        ({"meta": {"counterfactual_studio": {"project": []}}}, "no JSON object about a project"),
        ({"meta": {"counterfactual_studio": {"history": [[]], "names": 3}}}, None),
    ],
)
def test_a_task_of_another_form_is_a_sentence(bring, change, message):
    if message is None:
        bring(task(1, IMAGE, []) | change)
        return
    with pytest.raises(BadInput, match=message):
        bring(task(1, IMAGE, []) | change)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a": 1e999', "3", "\x00", '[{"data": {"a": "\\ud800"}}]']
)
def test_no_tasks_at_all(database, made, tmp_path, text):
    made(1)
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(BadInput, match="export"):
        exchange.import_labels(database, "ones", tmp_path / "a.json")
