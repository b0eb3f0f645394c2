"""Where files lie, what they may import, and that no pickle is loaded."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = [*ROOT.glob("backends/**/*.py"), *ROOT.glob("studio/**/*.py"), ROOT / "app.py"]


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def package(name: str) -> str:
    return name.split(".")[0]


# What may lie loose in a folder; everything else belongs into one of its packages.
LOOSE = {
    "backends": {"core", "errors", "sentences", "registry", "settings", "files", "version"},
    "studio": {"__main__"},
    # What people and what programs come in by, where that is served, and its colours.
    "studio/ui": {"page", "functions", "serving", "theme"},
    "studio/labels": {"api", "management"},
}


@pytest.mark.parametrize("folder", LOOSE)
def test_few_files_lie_loose(folder):
    loose = {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}
    assert loose <= LOOSE[folder]


def test_only_the_registry_names_a_method():
    """The direction of imports is checked by import-linter (pyproject.toml); this is not, since
    the registry names methods by strings."""
    for path in FILES:
        place = path.relative_to(ROOT).as_posix()
        if not place.startswith("backends/methods/"):
            concrete = {name for name in imported(path) if name.startswith("backends.methods.")}
            assert all(name.startswith("backends.methods.common") for name in concrete), place


@pytest.mark.slow
def test_page_imports_without_torch():
    code = "import studio.ui.page, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def torch_loads(path: Path) -> list[str]:
    """Every call of a ``load`` that torch has, as it is written."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return [text for call in calls if (text := ast.unparse(call)).startswith("torch.load(")]


def called(path: Path) -> list[tuple[str, dict[str, ast.expr]]]:
    """Calls like ``module.function(...)``: their name and keyword arguments."""
    return [
        (ast.unparse(node.func), {word.arg: word.value for word in node.keywords if word.arg})
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_pickle_is_loaded(path):
    """Published checkpoints are read as plain tensors; pickled arrays by a class that makes
    nothing else (tests/backends/conversion/test_checkpoints.py)."""
    restricted = path == ROOT / "backends/conversion/checkpoints.py"
    assert not {"dill", "joblib", "cloudpickle"} & {package(n) for n in imported(path)}
    assert restricted or "pickle" not in imported(path)
    for name, words in called(path):
        assert name not in ("pickle.load", "pickle.loads", "pickle.Unpickler")
        if name == "torch.load":
            assert ast.unparse(words["weights_only"]) == "True"
