"""``faithfulness``: one command from planted shortcuts to conclusions, stopped and resumed."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from backends import bundles
from backends.errors import BadInput
from backends.faithfulness import bench
from backends.faithfulness.answers import answered
from backends.faithfulness.factors import FACTORS
from backends.faithfulness.questions import ask
from backends.faithfulness.shortcuts import pictures
from backends.faithfulness.worlds import CLEAN, CONTROL, place
from backends.targets.named import target_model

QUICK = ("--quick", "--workers", 1)
APART = ("--quick", "--workers", 2)  # in processes of their own


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("faithfulness") / "out"


def told(folder):
    return json.loads((folder / "table.json").read_text())


@pytest.mark.slow
@pytest.mark.weights
def test_the_planted_mark_is_found_by_one_method_and_the_control_ignores_it(run, folder):
    code, printed, _ = run("faithfulness", "--out", folder, *QUICK)
    assert code == 0
    table = told(folder)
    effects = {m["role"]: m["effect"] for m in table["models"]}
    assert effects["planted"] > 0.5
    assert abs(effects["clean"]) < 0.05
    rows = {r["method"]: r for r in table["rows"] if (r["strength"], r["region"]) == ("1", "whole")}
    assert set(rows) == {"leapfactual", "diffeomorphic_vae", "adversarial"}
    assert rows["diffeomorphic_vae"]["auroc"] >= 0.9
    assert rows["diffeomorphic_vae"]["conclusion"] == "found"
    assert f"{rows['leapfactual']['auroc']:.2f}" in printed
    assert all(one["sentence"] in printed for one in table["conclusions"])
    lines = list(csv.DictReader((folder / "table.csv").open()))
    assert len(lines) == len(table["rows"])
    page = (folder / "report.html").read_text()
    assert not re.search(r"(src|href)=\"(?!data:)", page), "the page asks for something outside"
    assert table["conclusions"][0]["sentence"].split(" (")[0] in page


@pytest.mark.slow
@pytest.mark.weights
def test_a_bench_that_was_stopped_ends_with_the_same_table(run, folder):
    before = {name: (folder / name).read_bytes() for name in ("table.json", "table.csv")}
    for path in [*(folder / "answers").iterdir(), *(folder / "effects").iterdir()][::2]:
        path.unlink()
    shutil.rmtree(folder / "models" / "mark-1-control")
    (folder / "table.json").unlink()
    code, _, _ = run("faithfulness", "--out", folder, *APART)
    assert code == 0
    assert {name: (folder / name).read_bytes() for name in before} == before


@pytest.mark.slow
@pytest.mark.weights
def test_both_controls_answer_alike_where_their_priors_were_not_retrained(folder):
    worlds = [place(folder / "models", "mark", *world) for world in ((1.0, CONTROL), (0.0, CLEAN))]
    mark, found = FACTORS["mark"], [bundles.get(str(world)) for world in worlds]
    judged = pictures(bundles.get("digits"), None, 0).judged
    asked = ask([target_model(one) for one in found], mark, judged, 2)
    for method, alike in (("adversarial", True), ("diffeomorphic_vae", False)):
        answers = [
            answered(one, mark, 1.0, asked, method, ["whole"], {"steps": 20}, 0) for one in found
        ]
        assert (answers[0]["rows"] == answers[1]["rows"]) == alike
        kept = [
            json.loads((folder / "answers" / f"mark-{world}-{method}.json").read_text())["rows"]
            for world in ("1-control", "0-clean")
        ]
        assert (kept[0] == kept[1]) == alike


@pytest.mark.slow
@pytest.mark.weights
def test_a_folder_keeps_to_its_pictures(run, folder):
    code, _, error = run("faithfulness", "--out", folder, *QUICK, "--seed", 1)
    assert code == 2
    assert "other strengths, pictures, settings or networks" in error


@pytest.mark.parametrize(("words", "reason"), [
    (("--factors", "colour"), "choose from: mark"), (("--strengths", "much"), "write 0.5"),
    (("--strengths", "2"), "at most 1"), (("--methods", "magic"), "no method 'magic'"),
    (("--regions", "nowhere"), "not known"),
])  # fmt: skip
def test_what_cannot_be_is_refused_in_a_sentence(run, tmp_path, words, reason):
    code, printed, error = run("faithfulness", "--out", tmp_path / "out", "--quick", *words)
    assert (code, printed) == (2, "")
    assert reason in error
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_a_plan_that_cannot_be_noted_is_refused_in_a_sentence(tiny):
    with pytest.raises(BadInput, match=r"/proc/nope cannot be written .* another folder"):
        next(bench.run(bench.ShortcutPlan(["adversarial"], bundle=tiny), Path("/proc/nope")))
