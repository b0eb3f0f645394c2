"""The real studio, asked by curl as the documentation says."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def address():
    from studio.ui.serving import free_port

    port = free_port("127.0.0.1")
    command = [sys.executable, "-m", "studio", "serve", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    found = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{found}/api/bundles", timeout=30).read()
            break
        except OSError:
            assert process.poll() is None
            time.sleep(0.2)
    yield found
    process.terminate()
    process.wait(30)


def documented():
    text = (ROOT / "docs/api.md").read_text().replace("\\\n", " ")
    return [line for line in re.findall(r"^curl .*$", text, re.MULTILINE) if "/api/explain" in line]


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("line", documented())
def test_the_documented_request_is_answered(address, tmp_path, line):
    shutil.copy(ROOT / "assets/digits/examples/4_00004.png", tmp_path / "4.png")
    words = shlex.split(line.replace("http://127.0.0.1:7860", address))
    done = subprocess.run([*words, "--silent"], cwd=tmp_path, capture_output=True, check=True)
    if "-o" in words:
        names = subprocess.run(
            [sys.executable, "-m", "zipfile", "-l", "answer.zip"], cwd=tmp_path,
            capture_output=True, check=True,
        )  # fmt: skip
        assert b"counterfactual.png" in names.stdout
        return
    answer = json.loads(done.stdout)
    assert answer["record"]["status"] == "flipped"
    assert answer["record"]["target"] == "9"
    assert answer["files"]["counterfactual.png"].startswith("data:image/png;base64,")
