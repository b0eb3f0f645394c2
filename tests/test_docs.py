"""What the README and docs/ say is so."""

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer.main
import yaml

from backends import bundles, registry
from backends.regions import grounding
from benchmarks.documents import DOCUMENTS, MARK, spliced
from studio.cli import main as cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
}
COMMANDS = [
    (page, line)
    for page, text in PAGES.items()
    for line in re.findall(r"^(?:python -m )?studio (.+)$", text, re.MULTILINE)
]


def test_front_matter_comes_first_and_fits_the_requirements():
    head = yaml.safe_load(README.split("---")[1])
    assert (head["sdk"], head["app_file"]) == ("gradio", "app.py")
    assert len(head["short_description"]) <= 60
    assert head["preload_from_hub"] == head["models"] == [grounding.HUB]
    assert head["suggested_hardware"].startswith("zero")  # or its engine would not be chosen
    assert head["hf_oauth"] is True
    assert head["hf_oauth_scopes"] == ["write-repos"]  # what a visitor's push needs
    assert "gradio>=6.31,<7" in (ROOT / "requirements.txt").read_text()


def test_the_readme_is_short():
    assert len(README.split("---", 2)[2].splitlines()) <= 140  # without what a Space reads


def test_tables_are_the_measured_ones():
    texts = [document.read_text() for document in DOCUMENTS]
    shown = [mark[2] for text in texts for mark in MARK.finditer(text)]
    kept = (ROOT / "benchmarks/results").glob("*.md")
    assert sorted(shown) == sorted(path.relative_to(ROOT).as_posix() for path in kept)
    for text in texts:
        assert spliced(text) == text, "run: python -m benchmarks.documents"


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_commands_exist(page, line):
    commands = typer.main.get_command(cli.app).commands
    words = shlex.split(line, comments=True)
    command = commands[words[0]]
    if hasattr(command, "commands"):
        command, words = command.commands[words[1]], words[1:]
    options = {o for parameter in command.params for o in parameter.opts}
    assert {w for w in words if w.startswith("--")} <= options
    for word in words:
        if word.startswith("assets/"):
            assert (ROOT / word).exists()


def test_commands_and_benchmarks_are_found():
    assert len(COMMANDS) >= 20
    texts = [text for page, text in PAGES.items() if page != "CHANGELOG.md"]
    modules = {m for text in texts for m in re.findall(r"-m (benchmarks\.\w+)", text)}
    assert modules
    for module in modules:
        assert find_spec(module), module


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_exist(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGES[page]):
        if not target.startswith(("http://", "https://")):
            assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page):
    folders = "backends|studio|tests|benchmarks|assets|docs"
    for name in re.findall(rf"`((?:{folders})/[\w./-]*)`", PAGES[page]):
        assert (ROOT / name).exists(), name


def test_rcsb_settings_named_in_the_docs_exist():
    fields = registry.method("rcsb").Config.model_fields
    for name in ("scale", "truncation", "smoothing", "view", "composite_estimate"):
        assert name in fields


def test_no_file_is_over_ten_megabytes():
    for path in (ROOT / "assets").rglob("*"):
        if "checkpoints" not in path.parts:
            assert path.stat().st_size <= 10_000_000, path


def test_digits_bundle_is_whole_and_as_good_as_asked():
    bundle = bundles.find("digits")
    manifest = bundle.own  # what was retrained meanwhile lies elsewhere
    assert set(manifest.parts) >= {
        "classifier", "oracle", "autoencoder", "velocity", "bridge", "flow", "density",
        "latent_autoencoder", "denoiser", "latent_ensemble", "gan", "thickness",
        "pixel_denoiser",
    }  # fmt: skip
    for name, part in manifest.parts.items():
        assert bundle.problem(name) is None
        assert part.trained.command.startswith("python -m studio train")
        assert part.trained.quality
        assert part.licence
    quality = {name: part.trained.quality for name, part in manifest.parts.items()}
    assert quality["classifier"]["test_accuracy"] >= 0.99
    assert quality["oracle"]["test_accuracy"] >= 0.994
    assert quality["flow"]["test_bits_per_dimension"] <= 1.35
    assert quality["thickness"]["test_r2"] >= 0.95
    own, other = (quality["density"][f"test_log_density{x}"] for x in ("", "_other_class"))
    assert own > other
    sizes = [(bundle.folder / part.file).stat().st_size for part in manifest.parts.values()]
    assert sum(sizes) <= 60_000_000
    labels = [example.label for example in manifest.examples]
    assert all(labels.count(name) == 40 for name in manifest.class_names)
    for example in manifest.examples:
        assert (bundle.folder / example.file).is_file()
