"""pyproject.toml is the one place of dependencies, and lists all that is imported."""

import ast
import importlib.util
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

tomllib = pytest.importorskip("tomllib", reason="Python 3.11 reads TOML by itself")

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def plain(name: str) -> str:
    return name.lower().replace("_", "-")


def declared() -> set[str]:
    return {plain(re.match(r"[\w-]+", text)[0]) for text in PROJECT["dependencies"]}


def imported() -> set[str]:
    names = set()
    for path in [
        *ROOT.glob("backends/**/*.py"),
        *ROOT.glob("studio/**/*.py"),
        *ROOT.glob("counterfactual_studio/*.py"),
        ROOT / "app.py",
    ]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"backends", "counterfactual_studio", "studio"}


def test_requirements_are_those_of_pyproject():
    spec = importlib.util.spec_from_file_location("requirements", ROOT / ".ci/requirements.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (ROOT / "requirements.txt").read_text()
    assert written == module.requirements(), "run: make requirements"


def test_what_is_imported_is_declared():
    providers = packages_distributions()
    extras = {k: v for k, v in PROJECT["optional-dependencies"].items() if k != "dev"}
    optional = {re.match(r"[\w-]+", text)[0] for texts in extras.values() for text in texts}
    for name in imported() - optional:
        assert {plain(one) for one in providers[name]} & declared(), name


@pytest.mark.slow
def test_a_wheel_holds_the_packages_the_bundles_and_the_command(tmp_path):
    import zipfile

    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-q", "-w", tmp_path], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "studio/ui/static/canvas.js" in names
    assert "counterfactual_studio/library.py" in names
    assert "backends/assets/digits/bundle.json" in names
    assert not [name for name in names if name.startswith(("tests/", "assets/"))]
    entry = next(name for name in names if name.endswith("entry_points.txt"))
    assert "studio = studio.cli.main:main" in zipfile.ZipFile(wheel).read(entry).decode()
