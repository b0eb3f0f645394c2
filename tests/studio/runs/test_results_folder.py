"""The folder of a running studio goes with it, also what a killed one left, and no other's."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from studio.runs.results_folder import results_folder


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    return tmp_path


def test_all_that_is_temporary_lies_in_it_and_goes(temporary):
    with results_folder() as folder:
        (folder / "a.zip").write_text("x")
        left = Path(tempfile.mkdtemp())
        assert left.is_relative_to(folder)
        assert Path(os.environ["GRADIO_TEMP_DIR"]).is_relative_to(folder)
    assert list(temporary.iterdir()) == []
    assert tempfile.gettempdir() == str(temporary)
    assert "GRADIO_TEMP_DIR" not in os.environ


def test_what_a_killed_studio_left_goes_and_a_running_ones_stays(temporary):
    code = (
        "import time\n"
        "from studio.runs.results_folder import results_folder\n"
        "with results_folder() as folder:\n"
        "    (folder / 'a.zip').write_text('x')\n"
        "    print(folder, flush=True)\n"
        "    time.sleep(60)\n"
    )
    environment = os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    killed, running = (Path(process.stdout.readline().strip()) for process in processes)
    processes[0].send_signal(signal.SIGKILL)
    processes[0].wait()
    other = temporary / "counterfactual-studio-of-somebody"
    other.mkdir()
    try:
        assert killed.is_dir()
        with results_folder():
            assert not killed.exists()
            assert (running / "a.zip").is_file()
            assert other.is_dir(), "without our lock it may be anything"
    finally:
        processes[1].kill()
        processes[1].wait()
        time.sleep(0)
