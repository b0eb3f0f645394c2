"""What the README says is so."""

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import typer.main

from backends import bundles, registry
from benchmarks.readme import MARK, spliced
from studio.cli import main as cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_front_matter_comes_first_and_fits_the_requirements():
    head = README.split("---")[1]
    assert "sdk: gradio" in head
    assert "app_file: app.py" in head
    assert len(re.search(r"short_description: (.*)", head)[1]) <= 60
    assert "gradio>=6.31,<7" in (ROOT / "requirements.txt").read_text()


def test_tables_are_the_measured_ones():
    shown = {mark[2] for mark in MARK.finditer(README)}
    kept = (ROOT / "benchmarks/results").glob("*.md")
    assert shown == {path.relative_to(ROOT).as_posix() for path in kept}
    assert spliced(README) == README, "run: python -m benchmarks.readme"


def test_commands_exist():
    commands = typer.main.get_command(cli.app).commands
    found = re.findall(r"^python -m studio (.+)$", README, re.MULTILINE)
    assert len(found) >= 4
    for line in found:
        words = shlex.split(line)
        command = commands[words[0]]
        if hasattr(command, "commands"):
            command, words = command.commands[words[1]], words[1:]
        options = {o for parameter in command.params for o in parameter.opts}
        assert {w for w in words if w.startswith("--")} <= options
        for word in words:
            if word.startswith("assets/"):
                assert (ROOT / word).is_file()
    for module in re.findall(r"python -m (benchmarks\.\w+)", README):
        assert find_spec(module)


def test_pictures_exist():
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).is_file()


def test_settings_named_in_the_readme_exist():
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
