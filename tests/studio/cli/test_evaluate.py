"""``evaluate``: a table, its CSV, and a page that needs nothing else."""

import csv
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backends.errors import BadInput
from studio.cli import options as asking
from studio.export.report import _cell
from tests.backends.evaluation.test_rows import with_examples
from tests.backends.metrics.test_judges import write_checkpoint
from tests.studio.conftest import refusal


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return with_examples(tmp_path_factory.mktemp("evaluate") / "bundle", without=("bridge",))


class Page(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))


def test_evaluate_writes_three_files_that_agree(run, bundle, tmp_path):
    out = tmp_path / "out"
    code, printed, told = run("evaluate", "--bundle", bundle, "--methods", "leapfactual,rcsb",
                              "--n", 4, "--regions", "whole,box:1,2,9,14",
                              "--out", out)  # fmt: skip
    assert code == 0
    assert printed.splitlines()[0].split()[:4] == ["method", "region", "Flip", "rate"]
    assert printed.count("box:1,2,9,14") == 3
    assert "flipped" in told
    assert {path.name for path in out.iterdir()} == {
        "table.json", "table.csv", "report.html", "answers.sqlite"
    }  # fmt: skip
    table = json.loads((out / "table.json").read_text())
    assert [(row["title"], row["region"]) for row in table["rows"]] == [
        ("LeapFactual", "whole"), ("LeapFactual, standard", "whole"),
        ("LeapFactual", "box:1,2,9,14"), ("LeapFactual, standard", "box:1,2,9,14"),
        ("RCSB", "whole"), ("RCSB", "box:1,2,9,14"),
    ]  # fmt: skip
    first, *_, last = table["rows"]
    assert first["n"] == 4
    assert set(first["flip_rate"]) == {"mean", "sem", "low", "high"}
    assert "seconds" not in first, "the same question gives the same rows"
    assert table["seconds"][0] > 0
    assert "bridge" in last["problem"]
    assert table["metrics"]["flip_rate"]["direction"] == "higher"
    lines = list(csv.DictReader((out / "table.csv").open()))
    assert float(lines[0]["ssim"]) == first["ssim"]["mean"]
    assert float(lines[0]["ssim_sem"]) == first["ssim"]["sem"]
    assert lines[-1]["flip_rate"] == ""
    text = (out / "report.html").read_text()
    assert "could not run" in text
    assert not re.search(r"(src|href)=\"(?!data:)", text), "the page asks for something outside"
    assert "http" not in text
    tags = Page(text).tags
    pictures = [attributes for tag, attributes in tags if tag == "img"]
    # The factual, rebuilt, the answer, two heatmaps; of a method's own answer also the search.
    assert len(pictures) == 4 * 4 * 5 + 2 * 4
    assert '"blending_leaps": 15' in text.replace("&#34;", '"'), "all settings"
    assert '"torch": ' in text.replace("&#34;", '"'), "versions"
    assert table["configurations"][0]["blending_leaps"] == 15
    calls = table["calls"][0]
    assert {"target_model", "velocity"} <= set(calls)
    total = sum(network["forward"] + network["backward"] for network in calls.values())
    assert total == first["nfe"]
    assert all(attributes["alt"] for attributes in pictures)
    assert all(attributes.get("scope") for tag, attributes in tags if tag == "th")
    assert ("html", {"lang": "en"}) in tags
    assert "light dark" in text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--methods", "magic"), "leapfactual"),
        (("--methods", "rcsb"), "bridge"),
        (("--n", "99"), "lower --n"),
        (("--n", "0"), "--n"),
        (("--pairs", "4"), "write random"),
        (("--pairs", "a:moon"), "choose from"),
        (("--regions", "moon"), "use whole"),
        (("--engine", "steam"), "local"),
        (("--set", "leapfactual.moon=1"), "has no setting"),
        (("--set", "rcsb.steps=1"), "not among the chosen"),
        (("--seeds", "many"), "seeds"),
        (("--regions", "freeform:30-20"), "10-20"),
        (("--data", "nowhere"), "idx"),
    ],
)
def test_what_cannot_be_evaluated_is_one_sentence(run, bundle, tmp_path, words, expected):
    options = {"--methods": "leapfactual", "--n": "2"} | dict([words])
    code, printed, told = run("evaluate", "--bundle", bundle, "--out", tmp_path / "out",
                              *(word for pair in options.items() for word in pair))  # fmt: skip
    assert code == 2
    assert printed == ""
    error = told.splitlines()[-1]
    assert error.startswith("error: ")
    assert expected in error
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".*"))


def test_pairs_are_read(tmp_path):
    wanted = [("4", "9"), ("3", "8")]
    assert asking.pairs_in("4:9,3:8") == wanted
    assert asking.pairs_in(",".join(["4:9"] * 400)) == [("4", "9")] * 400
    assert asking.pairs_in("random") == asking.pairs_in("nearest") == []
    for name, text in {"a.txt": "4:9\n\n3 : 8\n", "b.csv": "source,target\n4,9\n3,8\n"}.items():
        (tmp_path / name).write_text(text)
        assert asking.pairs_in(str(tmp_path / name)) == wanted
    (tmp_path / "c.txt").write_text("4\n")
    with pytest.raises(BadInput, match="one pair"):
        asking.pairs_in(str(tmp_path / "c.txt"))


def test_cells_say_what_is_not_known_and_what_they_are_sorted_by():
    value = {"mean": 0.5, "sem": 0.125, "low": 0.25, "high": 0.75}
    assert _cell(value) == {
        "text": "0.5 [0.25, 0.75]", "number": 0.5, "title": "standard error 0.12"
    }  # fmt: skip
    nothing = {"mean": None, "sem": None, "low": None, "high": None}
    assert _cell(nothing)["text"] == _cell(None)["text"] == "–"
    assert _cell(nothing)["number"] is None
    assert _cell({"mean": 1.0, "sem": None, "low": None, "high": None})["text"] == "1"
    assert "median 0.2" in _cell(value | {"median": 0.2})["title"]


@pytest.mark.slow
def test_a_mask_file_is_a_region_of_an_evaluation(run, bundle, tmp_path):
    mask = np.zeros((16, 16), np.uint8)
    mask[2:6, 3:11] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    region = f"mask:{tmp_path / 'mask.png'}"
    code, _, told = run(
        "evaluate", "--bundle", bundle, "--methods", "adversarial", "--n", "2",
        "--regions", f"whole,{region}", "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 0, told
    rows = json.loads((tmp_path / "out/table.json").read_text())["rows"]
    assert [row["region"] for row in rows] == ["whole", region]
    assert rows[1]["region_area"] == 32 / 256
    assert rows[1]["change_outside"]["mean"] == 0


def test_settings_seeds_and_random_strokes_are_rows_and_the_answers_are_kept(run, bundle, tmp_path):
    out = tmp_path / "out"
    code, printed, told = run(
        "evaluate", "--bundle", bundle, "--methods", "leapfactual,adversarial", "--n", 3,
        "--regions", "whole,freeform:20-30", "--set", "adversarial.steps=1,2", "--seeds", "0-1",
        "--pairs", "nearest", "--keep", "--out", out,
    )  # fmt: skip
    assert code == 0, told
    rows = json.loads((out / "table.json").read_text())["rows"]
    assert [(row["title"], row["region"]) for row in rows[4:]] == [
        (f"Adversarial (baseline), steps={steps}", region)
        for steps in (1, 2) for region in ("whole", "freeform:20-30")
    ]  # fmt: skip
    assert "Adversarial (baseline), steps=1" in printed
    assert 0.2 <= rows[2]["region_area"] <= 0.3
    from datasets import load_dataset

    data = load_dataset("imagefolder", data_dir=str(out / "counterfactuals"), split="train",
                        cache_dir=str(tmp_path / "cache"))  # fmt: skip
    assert len(data) == 3 * len(rows), "neither method draws anything, so one seed is enough"
    first = data[0]
    assert (first["method"], first["picture"], first["seed"]) == ("leapfactual", 0, 0)
    factual, image, region = (np.asarray(first[k]) for k in ("factual", "image", "region"))
    assert image.shape[:2] == region.shape[:2] == (16, 16)
    assert (np.asarray(factual) != image).any()
    masked = next(row for row in data if row["region_source"] == "freeform:20-30")
    inside = np.asarray(masked["region"].convert("L")) > 0
    same = np.asarray(masked["factual"].convert("L")) == np.asarray(masked["image"].convert("L"))
    assert same[~inside].all()


def test_a_table_lands_where_one_works_and_other_files_stay(run, bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("latent.npy", "report.pdf"):
        (tmp_path / name).write_bytes(b"mine")
    code, _, told = run("evaluate", "--bundle", bundle, "--methods", "leapfactual", "--n", 2,
                        "--out", ".")  # fmt: skip
    assert code == 0, told
    assert {path.name for path in tmp_path.iterdir()} == {
        "table.json", "table.csv", "report.html", "answers.sqlite", "latent.npy", "report.pdf"
    }  # fmt: skip


def test_a_table_says_which_checkpoint_was_given_but_not_where_it_lay(run, bundle, tmp_path):
    path, _ = write_checkpoint(tmp_path)
    out = tmp_path / "out"
    code, _, told = run("evaluate", "--bundle", bundle, "--methods", "leapfactual", "--n", 2,
                        "--simsiam", path, "--out", out)  # fmt: skip
    assert code == 0, told
    text = (out / "table.json").read_text()
    assert json.loads(text)["simsiam"] == hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    assert str(path.parent) not in text


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_a_folder_that_cannot_be_written_is_told_before_anything_is_computed(
    run, bundle, monkeypatch
):
    monkeypatch.setattr("studio.runs.evaluations.carried_out", pytest.fail)
    told = refusal(run("evaluate", "--bundle", bundle, "--methods", "leapfactual", "--n", 2,
                       "--out", "/proc/nope"))  # fmt: skip
    assert told == (
        "error: /proc/nope cannot be written (No such file or directory); give --out another "
        "folder\n"
    )
