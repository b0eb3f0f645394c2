"""What is loaded, and how threads wait, from the first moment of every way to start."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = {"diffusers", "torchmetrics", "torchvision", "transformers", "torchdiffeq", "sqlalchemy",
         "gradio", "pandas"}  # fmt: skip
EXPLAIN = """
import sys
from studio.cli.main import main
sys.argv = ["studio", "explain", sys.argv[1], "--method", "leapfactual", "--target", "3"]
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""


def python(code, *words, **settings):
    chosen = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
    usual = {key: value for key, value in os.environ.items() if key not in chosen}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], cwd=ROOT, capture_output=True, text=True,
        env=usual | settings, check=True,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("start", ["app", "studio.cli.main", "benchmarks", "tests"])
def test_threads_wait_passively_before_torch_is_loaded(start):
    code = f"import {start}, os, sys; print('torch' in sys.modules, os.environ['OMP_WAIT_POLICY'])"
    assert python(code).stdout.split() == ["False", "PASSIVE"]


@pytest.mark.slow
def test_openmp_heard_of_it():
    told = python("import backends, torch", OMP_DISPLAY_ENV="true").stderr
    assert re.search(r"OMP_WAIT_POLICY\s*=\s*'PASSIVE'", told)


@pytest.mark.parametrize(
    ("name", "value"), [("OMP_WAIT_POLICY", "ACTIVE"), ("GOMP_SPINCOUNT", "100")]
)
def test_a_persons_own_choice_stands(name, value):
    code = "import backends, os; print({k: v for k, v in os.environ.items() if k[:3] in P})"
    told = python(f"P = ('OMP', 'GOM', 'KMP'); {code}", **{name: value}).stdout
    assert f"'{name}': '{value}'" in told
    assert ("PASSIVE" in told, "BLOCKTIME" in told) == (False, False)


@pytest.mark.slow
@pytest.mark.weights
def test_an_explanation_loads_only_what_it_uses():
    picture = next((ROOT / "assets/digits/examples").glob("0_*.png"))
    loaded = {name.partition(".")[0] for name in python(EXPLAIN, picture).stderr.split()}
    assert "torch" in loaded
    assert not HEAVY & loaded


@pytest.mark.slow
def test_describing_a_bundle_loads_no_diffusion_library():
    code = "from backends import service; service.about('digits'); import sys; print(*sys.modules)"
    loaded = {name.partition(".")[0] for name in python(code).stdout.split()}
    assert not {"diffusers", "transformers", "torchmetrics", "torchvision"} & loaded
