"""Imports run one way, and the page opens without torch."""

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


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_direction(path):
    names, place = imported(path), path.relative_to(ROOT).as_posix()
    if place.startswith("backends/"):
        assert not {"gradio", "studio", "app"} & {package(n) for n in names}
    if place.startswith("studio/"):
        assert "torch" not in {package(n) for n in names}
    if place.startswith("studio/") and not place.startswith("studio/ui/"):
        assert "gradio" not in {package(n) for n in names}
    if place.startswith(("studio/engines/", "studio/runs.py", "studio/export.py")):
        assert not any(n.startswith(("studio.ui", "studio.cli")) for n in names)
    if place.startswith("backends/methods/"):
        assert not any(n.startswith("backends.methods.") for n in names)
    if place.startswith("backends/") and place != "backends/registry.py":
        concrete = [n for n in names if n.startswith("backends.methods.")]
        assert not concrete, "only the registry names a method"
    if place.startswith(("backends/priors/", "backends/targets/", "backends/metrics/")):
        assert not any(n.startswith("backends.methods") for n in names)


def test_page_imports_without_torch():
    code = "import studio.ui.page, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def torch_loads(path: Path) -> list[str]:
    """Every call of a ``load`` that torch has, as it is written."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return [text for call in calls if (text := ast.unparse(call)).startswith("torch.load(")]


def test_no_pickle_is_loaded():
    for path in FILES:
        assert not {"pickle", "dill", "joblib"} & {package(n) for n in imported(path)}
        for call in torch_loads(path):
            assert path.parent == ROOT / "backends/conversion", "only converters read checkpoints"
            assert "weights_only=True" in call, "a checkpoint may hold tensors and nothing else"
