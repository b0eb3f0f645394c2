"""Commands that ask more than one question: importance maps, several methods, evaluations."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from backends import imaging, service
from tests.conftest import TINY, write_tiny
from tests.studio.conftest import refusal


def random_picture(folder):
    path = folder / "x.png"
    values = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)
    Image.fromarray(values).save(path)
    return path


def other_class(bundle, path):
    seen = service.prepare(bundle, imaging.read_picture(path))
    return "b" if service.predict(bundle, seen).label != "b" else "c"


def test_importance_is_a_picture_on_demand(run, tiny, tmp_path):
    picture = random_picture(tmp_path)
    words = ("explain", picture, "--bundle", tiny, "--method", "leapfactual", "--region",
             "box:2,2,10,10", "--target", other_class(tiny, picture),
             "--out", tmp_path / "out")  # fmt: skip
    code, printed, _ = run(*words, "--importance")
    assert code == 0
    assert json.loads(printed)["importance"]["cell"] == 4
    shown = np.asarray(Image.open(tmp_path / "out" / "importance.png"))
    outside = shown[0, 0]
    assert (shown[12:] == outside).all()
    assert "importance" not in json.loads(run(*words)[1])
    assert not (tmp_path / "out" / "importance.png").exists(), "of an earlier answer"


def asked(tiny, tmp_path, method):
    picture = random_picture(tmp_path)
    return ("explain", picture, "--bundle", tiny, "--method", method, "--target",
            other_class(tiny, picture), "--out", tmp_path / "out")  # fmt: skip


def test_several_methods_answer_one_question(run, tiny, tmp_path):
    code, printed, _ = run(*asked(tiny, tmp_path, "leapfactual,rcsb"), "--set", "rcsb.steps=5",
                           "--set", "leapfactual.blending_leaps=2")  # fmt: skip
    assert code == 0
    methods = json.loads(printed)["methods"]
    assert list(methods) == ["leapfactual", "rcsb"]
    out = tmp_path / "out"
    for name, record in methods.items():
        assert record == json.loads((out / name / "result.json").read_text())
        assert (out / name / "counterfactual.png").is_file()
    assert methods["rcsb"]["settings"]["steps"] == 5
    assert methods["leapfactual"]["settings"]["blending_leaps"] == 2
    rows = list(csv.DictReader((out / "table.csv").open()))
    assert [row["method"] for row in rows] == list(methods)
    for row in rows:
        assert float(row["cout"]) == methods[row["method"]]["metrics"]["cout"]


def test_one_method_that_cannot_run_does_not_take_the_others_with_it(run, tmp_path):
    bundle = write_tiny(tmp_path / "bundle", without=("bridge",))
    code, printed, _ = run(*asked(str(bundle), tmp_path, "rcsb,leapfactual"))
    assert code == 0
    methods = json.loads(printed)["methods"]
    assert "bridge" in methods["rcsb"]["problem"]
    assert methods["leapfactual"]["status"]
    assert not (tmp_path / "out" / "rcsb").exists()
    rows = list(csv.DictReader((tmp_path / "out" / "table.csv").open()))
    assert "bridge" in rows[0]["problem"]


def test_several_values_and_a_second_model_are_answers_of_their_own(run, tiny, tmp_path):
    code, printed, _ = run(*asked(tiny, tmp_path, "leapfactual,rcsb"), "--set", "rcsb.steps=4,5",
                           "--second-model", "width")  # fmt: skip
    assert code == 0
    found = json.loads(printed)["methods"]
    ways = ["leapfactual", "rcsb-steps-4", "rcsb-steps-5"]
    assert list(found) == [f"{way}-{model}" for way in ways for model in ("classifier", "width")]
    for name, record in found.items():
        if "width" in name:
            assert "more than" in record["problem"], "it has no such class"
            continue
        assert record["second_opinion"]["model"] == "width"
        assert record == json.loads((tmp_path / "out" / name / "result.json").read_text())
    assert found["rcsb-steps-5-classifier"]["settings"]["steps"] == 5
    rows = list(csv.DictReader((tmp_path / "out" / "table.csv").open()))
    assert [row["method"] for row in rows] == list(found)
    assert (
        rows[2]["second_label"]
        == found[rows[2]["method"]]["second_opinion"]["counterfactual"]["label"]
    )
    report = (tmp_path / "out" / "report.html").read_text()
    for text in ("RCSB, Steps 4", "Width:", "--set rcsb.steps=4,5", "--second-model width"):
        assert text in report
    assert run(*asked(tiny, tmp_path, "rcsb"), "--set", "steps=4,5", "--seeds", "0,1")[0] == 2
    assert run(*asked(tiny, tmp_path, "rcsb"), "--second-model", "classifier")[0] == 2
    assert "steps" in run(*asked(tiny, tmp_path, "rcsb"), "--set", "steps=4,5000")[2]


def test_all_is_every_method_that_the_bundle_can_run(run, tmp_path):
    bundle = write_tiny(tmp_path / "bundle", without=set(TINY) - {"classifier", "bridge"})
    able = [n for n, m in service.about(str(bundle))["methods"].items() if m["problem"] is None]
    code, printed, _ = run(*asked(str(bundle), tmp_path, "all"), "--set", "steps=3")
    assert code == 0
    assert list(json.loads(printed)["methods"]) == able
    assert "rcsb" in able
    assert "leapfactual" not in able


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [("leapfactual,magic", "b", "magic"), ("leapfactual,rcsb", "moon", "choose from")],
)
def test_what_no_method_can_do_is_one_sentence(run, tiny, tmp_path, method, target, expected):
    outcome = run(
        "explain", random_picture(tmp_path), "--bundle", tiny, "--method", method,
        "--target", target, "--out", tmp_path / "out",
    )  # fmt: skip
    assert expected in refusal(outcome)
    assert not (tmp_path / "out").exists()


def test_several_seeds_and_their_spread(run, tiny, tmp_path):
    words = asked(tiny, tmp_path, "rcsb")
    code, printed, _ = run(*words, "--set", "steps=3", "--seeds", "1,4-5")
    assert code == 0
    told = json.loads(printed)
    assert list(told["seeds"]) == ["1", "4", "5"]
    assert told["spread"]["answers"] == 3
    lengths = [record["metrics"]["l1"] for record in told["seeds"].values()]
    assert len(set(lengths)) == 3
    assert told["spread"]["numbers"]["l1"]["mean"] == pytest.approx(np.mean(lengths))
    assert told["spread"]["numbers"]["l1"]["deviation"] == pytest.approx(np.std(lengths, ddof=1))
    for seed in (1, 4, 5):
        record = json.loads((tmp_path / "out" / f"seed{seed}" / "result.json").read_text())
        assert record == told["seeds"][str(seed)]
    rows = list(csv.DictReader((tmp_path / "out" / "table.csv").open()))
    assert [row["seed"] for row in rows] == ["1", "4", "5"]


@pytest.mark.parametrize(
    ("method", "seeds", "expected"),
    [("leapfactual", "0-2", "draws nothing"), ("rcsb,place", "0-2", "one method"),
     ("rcsb", "x", "cannot be read")],
)  # fmt: skip
def test_seeds_that_make_no_sense_are_refused(run, tiny, tmp_path, method, seeds, expected):
    outcome = run(*asked(tiny, tmp_path, method), "--seeds", seeds)
    assert expected in refusal(outcome)
    assert not (tmp_path / "out").exists()
