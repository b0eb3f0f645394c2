"""The command line: one JSON object, or one sentence and exit code 2 with nothing half-written."""

import io
import json
import re
import shlex
import socket
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from backends import bundles, version
from tests.studio.conftest import refusal

ROOT = Path(__file__).parents[3]
DIGITS = bundles.ASSETS / "digits"
FOUR = next(iter(sorted((DIGITS / "examples").glob("4_*.png"))))


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.parametrize("method", ["leapfactual", "rcsb"])
def test_explain_writes_everything_and_leaves_the_outside_alone(run, method, tmp_path):
    out = tmp_path / "out"
    code, printed, _ = run(
        "explain", FOUR, "--bundle", "digits", "--method", method, "--target", "9",
        "--region", "auto", "--out", out,
    )  # fmt: skip
    assert code == 0
    record = json.loads(printed)
    assert record["flipped"] is True
    assert record["status"] == "flipped"
    assert record["factual"]["label"] == "4"
    assert record["counterfactual"]["label"] == "9"
    assert record == json.loads((out / "result.json").read_text())
    assert {"bundle", "method", "target", "seed", "settings", "status", "flipped", "factual",
            "counterfactual", "region", "metrics", "nfe", "seconds"} <= set(record)  # fmt: skip
    written = {
        "factual.png", "counterfactual.png", "region.png", "difference.png",
        "signed_difference.png", "trajectory.gif", "result.json", "report.html",
    }  # fmt: skip
    if method == "leapfactual":  # it has an autoencoder, and two answers
        written |= {
            "latent.npy", "reconstruction.png", "difference_from_reconstruction.png",
            "alternative_standard.png", "alternative_standard_difference.png",
            "alternative_standard_latent.npy",
        }  # fmt: skip
    assert {p.name for p in out.iterdir()} == written
    before, after, region = (
        np.asarray(Image.open(out / f"{n}.png")) for n in ("factual", "counterfactual", "region")
    )
    assert np.array_equal(before, np.asarray(Image.open(FOUR)))
    assert np.array_equal(before[region == 0], after[region == 0])
    assert not np.array_equal(before, after)
    assert Image.open(out / "trajectory.gif").n_frames > 2


def test_reports_and_films_are_written_where_they_are_asked_for(run, tiny, ask, tmp_path):
    asked, picture = ask("leapfactual"), tmp_path / "a.png"
    Image.fromarray(asked.picture[..., 0]).save(picture)
    words = ["explain", picture, "--bundle", tiny, "--target", asked.target, "--out", tmp_path]
    assert run(*words, "--method", "leapfactual", "--formats", "pdf,strip")[0] == 0
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "filmstrip.png").is_file()
    assert not (tmp_path / "report.html").exists()
    assert run(*words, "--method", "leapfactual")[0] == 0
    assert (tmp_path / "report.html").is_file()
    assert not (tmp_path / "report.pdf").exists(), "an earlier answer's"
    assert run(*words, "--method", "leapfactual,place")[0] == 0
    assert {p.parent.name for p in tmp_path.rglob("report.html")} == {
        tmp_path.name, "leapfactual", "place"
    }  # fmt: skip
    code, printed, told = run(*words, "--method", "leapfactual", "--formats", "docx")
    assert (code, printed) == (2, "")
    assert "choose from: html, pdf, strip, mp4" in told


@pytest.mark.weights
def test_same_seed_same_bytes(run, tmp_path):
    outs = [tmp_path / name for name in "ab"]
    for out in outs:
        run("explain", FOUR, "--method", "rcsb", "--target", "9", "--seed", "3",
            "--set", "steps=10", "--out", out)  # fmt: skip
    pictures = [(out / "counterfactual.png").read_bytes() for out in outs]
    assert pictures[0] == pictures[1]


@pytest.mark.weights
def test_a_mask_file_is_a_region(run, tmp_path):
    mask = Image.new("L", (32, 32))
    mask.paste(255, (4, 2, 20, 14))
    mask.save(tmp_path / "mask.png")
    code, printed, _ = run(
        "explain", FOUR, "--method", "leapfactual", "--target", "9",
        "--region", f"mask:{tmp_path / 'mask.png'}", "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 0
    assert json.loads(printed)["region"]["area"] == 16 * 12 / 1024
    saved = Image.open(tmp_path / "out" / "region.png")
    assert np.array_equal(np.asarray(saved), np.asarray(mask))


def picture(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def small_mask(tmp_path, size, value):
    buffer = io.BytesIO()
    Image.new("L", size, value).save(buffer, "PNG")
    return picture(tmp_path, "mask.png", buffer.getvalue())


BAD = {
    "missing picture": (lambda t: ["explain", t / "no.png"], "check the path"),
    "empty picture": (lambda t: ["explain", picture(t, "e.png", b"")], "empty"),
    "unreadable picture": (lambda t: ["explain", picture(t, "u.png", b"hello")], "cannot be read"),
    "empty mask": (
        lambda t: ["explain", FOUR, "--region", f"mask:{small_mask(t, (32, 32), 0)}"], "is empty",
    ),
    "mask of another size": (
        lambda t: ["explain", FOUR, "--region", f"mask:{small_mask(t, (20, 20), 255)}"], "20x20",
    ),
    "box outside": (lambda t: ["explain", FOUR, "--region", "box:0,0,40,40"], "32x32"),
    "unknown region": (lambda t: ["explain", FOUR, "--region", "moon"], "use whole"),
    "unknown target": (lambda t: ["explain", FOUR, "--target", "eleven"], "choose from"),
    "target is the prediction": (lambda t: ["explain", FOUR, "--target", "4"], "already says"),
    "unknown method": (lambda t: ["explain", FOUR, "--method", "magic"], "leapfactual"),
    "unknown setting": (lambda t: ["explain", FOUR, "--set", "magic=1"], "it has"),
    "setting out of bounds": (
        lambda t: ["explain", FOUR, "--set", "blending_leaps=-3"], "blending_leaps",
    ),
    "setting without value": (lambda t: ["explain", FOUR, "--set", "steps"], "key=value"),
    "area out of bounds": (lambda t: ["explain", FOUR, "--region", "auto:area=7"], "area"),
    "wrong bundle": (lambda t: ["explain", FOUR, "--bundle", t / "nothing"], "digits"),
    "out is a file": (
        lambda t: ["explain", FOUR, "--out", picture(t, "file", b"x")], "give --out a folder",
    ),
    "out in a file": (
        lambda t: ["explain", FOUR, "--out", picture(t, "file", b"x") / "sub"], "give --out",
    ),
    "bundle that no folder is called": (
        lambda t: ["explain", FOUR, "--bundle", "x" * 300], "digits",
    ),
    "out that no folder is called": (
        lambda t: ["explain", FOUR, "--out", t / ("x" * 300)], "no folder can be called",
    ),
    "picture that no file is called": (lambda t: ["explain", t / ("x" * 300)], "x" * 300),
    "seed out of bounds": (lambda t: ["explain", FOUR, "--seed", 2**64], "--seed"),
    "port out of bounds": (lambda t: ["serve", "--port", "99999"], "--port"),
    "missing option": (lambda t: ["train", "mnist"], "--out"),
    "unknown command": (lambda t: ["explian"], "explian"),
    "unknown engine": (lambda t: ["serve", "--engine", "steam"], "local"),
    "unknown part": (lambda t: ["train", "mnist", "--out", t, "--parts", "magic"], "choose from"),
    "no data": (lambda t: ["train", t, "--out", t / "b", "--parts", "classifier"], "idx"),
}  # fmt: skip


@pytest.mark.weights
@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence(run, case, tmp_path):
    words, expected = BAD[case]
    words = words(tmp_path)
    if words[0] == "explain":
        for option, value in (("--method", "leapfactual"), ("--target", "9"),
                              ("--out", tmp_path / "out")):  # fmt: skip
            if option not in words:
                words += [option, value]
    assert expected in refusal(run(*words))
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_damaged_weight_file_is_one_sentence(run, tiny, tmp_path):
    import shutil

    copy = shutil.copytree(tiny, tmp_path / "bundle")
    (copy / "velocity.safetensors").write_bytes(b"damaged")
    Image.new("L", (16, 16), 9).save(tmp_path / "x.png")
    code, _, told = run("explain", tmp_path / "x.png", "--bundle", copy, "--method",
                        "leapfactual", "--target", "c", "--out", tmp_path / "out")  # fmt: skip
    if "already says" in told:
        code, _, told = run("explain", tmp_path / "x.png", "--bundle", copy, "--method",
                            "leapfactual", "--target", "a")  # fmt: skip
    assert code == 2
    assert "damaged" in told
    assert told.count("\n") == 1
    code, _, told = run("bundles", "check", copy)
    assert code == 2
    assert "damaged" in told


def test_port_in_use(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, _, told = run("serve", "--port", taken.getsockname()[1])
    assert code == 2
    assert "is in use" in told


@pytest.mark.weights
def test_lists_checks_and_doctor(run):
    assert "digits" in run("bundles", "list")[1]
    code, printed, _ = run("bundles", "check", "digits")
    assert code == 0
    assert printed.count("whole") == len(bundles.find("digits").manifest.parts)
    code, printed, _ = run("doctor")
    assert code == 0
    assert "missing" not in printed


def test_as_a_program():
    """From another folder too, and without a traceback."""
    root = Path(__file__).parents[3]
    result = subprocess.run(
        [sys.executable, "-m", "studio", "explain", "nothing.png", "--method", "rcsb",
         "--target", "9"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == "error: there is no file nothing.png; check the path\n"


def test_a_training_records_the_command_that_repeats_it(run, monkeypatch, tmp_path):
    commands = []

    def train(cookbook, data, out, names, device, command):
        commands.append(shlex.split(command))
        return iter(())

    monkeypatch.setattr("backends.training.recipe.train", train)
    words = ["train", "faces", "--out", (tmp_path / "b").as_posix(), "--parts", "density"]
    for more in ([], ["--recipe", "faces"]):
        assert run(*words, *more)[0] == 0
        assert commands.pop() == ["python", "-m", "studio", *words, *more]


@pytest.mark.weights
def test_spectrum_prints_and_plots(run, tmp_path):
    plot = tmp_path / "deep" / "spectrum.png"
    code, printed, _ = run("spectrum", FOUR, "--prior", "autoencoder", "--out", plot)
    assert code == 0
    values = json.loads(printed)["singular_values"]
    assert len(values) == 32
    assert values == sorted(values, reverse=True)
    assert Image.open(plot).width > 400


@pytest.mark.weights
def test_a_regressor_is_asked_for_more(run):
    code, printed, _ = run(
        "explain", FOUR, "--model", "thickness", "--method", "diffeomorphic_vae",
        "--target", "more than 4.5",
    )  # fmt: skip
    record = json.loads(printed)
    assert code == 0
    assert record["metrics"]["factual_value"] < 4.5 < record["metrics"]["value"]


def test_the_version_is_pyprojects_installed_or_not(run, monkeypatch):
    wanted = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    monkeypatch.setattr(version, "version", Mock(side_effect=PackageNotFoundError))
    assert run("--version")[:2] == (0, f"{wanted[1]}\n")
    monkeypatch.setattr(version, "version", Mock(return_value="9.8.7"))
    assert run("--version")[:2] == (0, "9.8.7\n")


@pytest.mark.parametrize("named", ["option", "environment"])
def test_a_store_that_cannot_be_opened_is_refused_before_the_page_is_served(
    run, tiny, tmp_path, monkeypatch, named
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    bad = str(picture(tmp_path, "not.db", b"no database " * 100))
    words = ["--database", bad] if named == "option" else []
    if named == "environment":
        monkeypatch.setenv("STUDIO_DATABASE", bad)
    code, _, told = run("serve", "--bundle", tiny, "--port", 0, *words)
    assert code == 2
    assert re.fullmatch(r"error: the label store at .* cannot be opened: .*\n", told)
    assert not list(tmp_path.glob("counterfactual-studio-*"))
