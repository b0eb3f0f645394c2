"""How the page is served: what is swept, and whose pictures are decoded where."""

import io
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

from backends.core import Request
from backends.errors import NotFound
from studio.labels.store import interactive_runs, projects
from studio.labels.store.database import Database
from studio.labels.store.records import Setup
from studio.runs.background_tasks import BackgroundTasks
from studio.runs.kept import KeptRuns
from studio.ui.serving import STYLES, _sweeps, free_port
from studio.ui.shared.label_controller import LabelController
from studio.ui.shared.static import FOLDER

ROOT = Path(__file__).parents[3]
# A proxy for the outside, as hospitals have one; a studio asks itself without it.
CLOSED = "http://127.0.0.1:9"


def test_every_style_reaches_the_page():
    assert sorted(STYLES) == sorted(path.name for path in FOLDER.glob("*.css"))


@pytest.fixture
def swept(controller, tmp_path):
    """What is swept, of a studio with a store of answers and of labels."""
    labels = LabelController(str(tmp_path / "labels.db"), BackgroundTasks(controller.runs.engine))
    controller.runs.store = KeptRuns(tmp_path / "runs")

    def make():
        return _sweeps(controller.results, controller.runs, labels)

    return make


def test_old_files_answers_and_projects_are_swept(swept, controller, tmp_path, monkeypatch):
    store = Database(str(tmp_path / "labels.db"))
    projects.create(store, Setup(name="ones", bundle="digits", classes=["a", "b"]), "Ada")
    old = controller.results / "counterfactual-x.zip"
    old.write_text("x")
    os.utime(old, (time.time() - 3 * 86_400,) * 2)
    always = {"uploads and downloads", "answers", "evaluations", "unfinished runs"}
    assert set(swept()) == always, "projects stay unless asked"
    monkeypatch.setenv("STUDIO_RESULTS_DAYS", "2")
    monkeypatch.setenv("STUDIO_PROJECT_DAYS", "30")
    for sweep in swept().values():
        sweep()
    assert not old.exists()
    assert projects.find(store, "ones").name == "ones", "it is new"
    store.close()


def test_runs_that_wait_for_a_person_are_swept(swept, picture, tmp_path, monkeypatch):
    store = Database(str(tmp_path / "labels.db"))
    run = interactive_runs.begin(store, Request("digits", "leapfactual", "4", picture), "Bob")
    swept()["unfinished runs"]()
    assert interactive_runs.find(store, run.id)
    now = time.time()
    monkeypatch.setattr("studio.ui.serving.steady_time", lambda: now + 31 * 86_400)
    assert swept()["unfinished runs"]() == 1
    with pytest.raises(NotFound):
        interactive_runs.find(store, run.id)
    store.close()


def children(pid: int) -> list[str]:
    """The command lines of a process's children."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            stat = (place / "stat").read_text().rsplit(")", 1)[1].split()
            if int(stat[1]) == pid:
                found.append((place / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(("mode", "confined"), [("demo", True), ("private", False)])
def test_strangers_pictures_are_decoded_elsewhere(tiny, picture, tmp_path, mode, confined):
    port = free_port("127.0.0.1")
    environment = os.environ | {
        "PYTHONPATH": str(ROOT), "STUDIO_PORT": str(port), "STUDIO_BUNDLE": tiny,
        "STUDIO_MODE": mode, "STUDIO_HOME": str(tmp_path), "TMPDIR": str(tmp_path),
        "http_proxy": CLOSED, "https_proxy": CLOSED, "all_proxy": CLOSED,
    }  # fmt: skip
    address, log = f"http://127.0.0.1:{port}", tmp_path / "log.txt"
    out = io.BytesIO()
    Image.fromarray(picture[..., 0]).save(out, "PNG")
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=environment, stderr=file,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        for _ in range(480):
            try:
                urllib.request.urlopen(f"{address}/healthz", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.25)
        before = children(process.pid)
        request = urllib.request.Request(
            f"{address}/api/predict", out.getvalue(), {"Content-Type": "image/png"}
        )
        boundary = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        request.data = boundary + out.getvalue() + b"\r\n--x--\r\n"
        request.add_header("Content-Type", "multipart/form-data; boundary=x")
        with urllib.request.urlopen(request, timeout=60) as reply:
            assert reply.status == 200
        ready = [line for line in (*before, *children(process.pid)) if "import serve" in line]
        assert bool(ready) == confined
    finally:
        process.terminate()
        assert process.wait(60) == 143
    ours = ("confined-", "picture-", "counterfactual-")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(ours)] == []


@pytest.mark.slow
def test_options_are_not_ignored():
    done = subprocess.run(
        [sys.executable, "app.py", "--port", "7999"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "python -m studio serve --help" in done.stderr
    assert "Traceback" not in done.stderr
