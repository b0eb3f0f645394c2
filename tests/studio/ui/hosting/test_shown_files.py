"""What visitors send and download is bounded in all, and goes with its run."""

import os
import time
from pathlib import Path

from gradio.processing_utils import save_file_to_cache

from studio.runs import Run
from studio.ui.hosting.shown_files import YOUNG, trim_shown


def written(folder, name, size, age):
    path = folder / name / "file"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_the_oldest_go_first_and_none_that_is_in_use(tmp_path):
    old, middle = written(tmp_path, "a", 100, 900), written(tmp_path, "b", 100, 500)
    new = written(tmp_path, "c", 500, YOUNG / 2)
    trim_shown(tmp_path, most=650)
    assert (old.parent.exists(), middle.exists(), new.exists()) == (False, True, True)
    trim_shown(tmp_path, most=10)
    assert (middle.exists(), new.exists()) == (False, True)
    trim_shown(tmp_path / "nowhere", most=10)


def test_a_runs_zip_goes_with_gradios_copy(controller, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "shown"))
    run = Run(None, "me")
    path = controller.results / f"counterfactual-{run.id}.zip"
    path.write_bytes(b"zip")
    copy = Path(save_file_to_cache(path, str(tmp_path / "shown")))
    assert copy.is_file()
    controller.forget(run)
    assert not path.exists()
    assert not copy.parent.exists()
    controller.forget(run)
