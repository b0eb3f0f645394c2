"""The code that repeats a run really repeats it, to the last bit."""

import ast
import json
import shlex

import pytest
from PIL import Image

from studio.export.snippets import repeat, repeat_comparison

PICTURES = ["factual.png", "counterfactual.png", "region.png", "difference.png", "trajectory.gif"]
EXAMPLE = "assets/digits/examples/4_00004.png"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("first") / "answer"


def code(record, title):
    return next(one.code for one in repeat(record) if one.title == title)


def words(command):
    """A command's words, as a shell reads them."""
    return shlex.split(command.replace("\\\n", ""))


def pixels(file):
    """What is to be seen; counterfactual.png says in its text how its region was told, too."""
    with Image.open(file) as picture:
        return (picture.mode, picture.size, picture.tobytes())


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.parametrize(
    "question",
    [
        ["--method", "leapfactual", "--target", "9", "--region", "box:4,4,28,24"],
        ["--method", "rcsb", "--target", "9", "--region", "auto", "--set", "steps=20",
         "--importance"],
        ["--method", "diffeomorphic", "--target", "more than 4", "--model", "thickness"],
    ],
    ids=lambda question: question[1],
)  # fmt: skip
def test_the_same_bytes_from_the_library_and_the_command_line(question, run, tmp_path, monkeypatch):
    assert run("explain", EXAMPLE, *question, "--seed", 5, "--out", tmp_path)[0] == 0
    record = json.loads((tmp_path / "result.json").read_text())
    monkeypatch.chdir(tmp_path)
    python, studio, *rest = words(code(record, "Command line"))
    assert (python, studio, rest[0]) == ("python", "-m", "studio")
    assert run(*rest[1:-1], "by-command")[0] == 0
    exec(code(record, "Python").replace('"again"', '"by-library"'), {})
    for again in ("by-command", "by-library"):
        for name in PICTURES:
            assert pixels(tmp_path / again / name) == pixels(tmp_path / name), name
        repeated = json.loads((tmp_path / again / "result.json").read_text())
        for key in ("target", "settings", "seed", "counterfactual", "metrics", "status"):
            assert repeated[key] == record[key]


@pytest.mark.weights
@pytest.mark.slow
def test_the_same_bytes_for_a_comparison(run, tmp_path, monkeypatch):
    methods, seeds = ["leapfactual", "revise"], [0, 2]
    assert run("explain", EXAMPLE, "--method", ",".join(methods), "--target", "9",
               "--region", "box:4,4,28,24", "--out", tmp_path)[0] == 0  # fmt: skip
    inner = tmp_path / methods[0]
    record = json.loads((inner / "result.json").read_text())
    monkeypatch.chdir(inner)
    answers = [(record | {"method": m, "seed": seed}, {}) for m in methods for seed in seeds]
    library, command = (one.code for one in repeat_comparison(record, answers))
    exec(library, {})
    lines = command.replace("\\\n", "").splitlines()
    assert len(lines) == len(seeds)
    assert run(*shlex.split(lines[0])[3:-1], "by-command")[0] == 0
    for method in methods:
        first = pixels(tmp_path / method / "counterfactual.png")
        for again in ("again/seed0", "by-command"):
            assert pixels(inner / again / method / "counterfactual.png") == first


def test_settings_and_a_second_model_are_repeated(record):
    answers = [
        (record | {"method": "rcsb", "model": model}, {"steps": steps})
        for steps in (4, 6) for model in ("classifier", "oracle")
    ]  # fmt: skip
    library, command = (
        one.code for one in repeat_comparison(record, answers, ("classifier", "oracle"))
    )
    assert "variants={'rcsb': [{'steps': 4}, {'steps': 6}]}" in library
    assert "second_model='oracle'" in library
    asked = words(command)
    assert asked[asked.index("--set") + 1] == "rcsb.steps=4,6"
    assert asked[asked.index("--second-model") + 1] == "oracle"
    assert "--model" not in asked


@pytest.fixture
def record(answered):
    return answered[0].record


def test_a_hostile_name_stays_one_word(record):
    name = '--it\'s $(rm -rf ~) "x" \\ 四\n@/etc/passwd'
    changed = record | {"target": name, "bundle": "a b"}
    command = words(code(changed, "Command line"))
    assert f"--target={name}" in command
    assert command[command.index("--bundle") + 1] == "a b"
    assert f"target={name}" in words(code(changed, "HTTP"))
    for title in ("Python", "Client of a running studio"):
        tree = ast.parse(code(changed, title))
        constants = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
        assert name in constants


def test_settings_reach_every_snippet(record):
    for one in repeat(record):
        for name, value in record["settings"].items():
            assert name in one.code
            assert str(value) in one.code
        assert max(len(line) for line in one.code.splitlines() if "settings=" not in line) <= 100


def test_a_region_of_the_whole_picture_needs_no_mask(record):
    whole = record | {"region": {"source": "whole", "area": 1.0}}
    assert not any("region.png" in one.code for one in repeat(whole))
    assert all("region.png" in one.code for one in repeat(record))


def test_the_client_snippets_are_what_the_studio_offers(record, tmp_path):
    from studio.api.messages import QuestionMessage
    from studio.web.messages import FORM_TEXTS

    fields = QuestionMessage.model_fields
    http = words(code(record, "HTTP"))
    sent = [http[i + 1] for i, word in enumerate(http) if word in ("-F", "--form-string")]
    message = dict(part.partition("=")[::2] for part in sent)
    assert message.keys() <= fields.keys()
    del message["image"], message["mask"]
    question = QuestionMessage.model_validate(message, context={FORM_TEXTS: True})
    assert (question.target, question.seed) == (record["target"], record["seed"])
    assert question.settings == record["settings"]
