"""The one folder of all that a running studio writes and does not keep: downloads, what gradio
shows, and whatever a thread has under way when the studio ends."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

__all__ = ["results_folder"]

PREFIX = "counterfactual-studio-"
LOCK = "in-use"
REMOVALS = 10  # attempts to remove it


@contextmanager
def results_folder() -> Iterator[Path]:
    """Make the folder, and remove it at the end, with those of studios that were killed.

    Gradio's copies of what it shows lie there, too: it deletes them by their content, under
    another studio that shows the same. So does what any thread writes to a temporary file: at the
    end threads are cut off, and their own ``with`` blocks do not end. It is the temporary folder
    meanwhile, from which gradio lets downloads be fetched.
    """
    _remove_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    named = "GRADIO_TEMP_DIR" in os.environ
    os.environ.setdefault("GRADIO_TEMP_DIR", str(folder / "shown"))
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        with FileLock(folder / LOCK):
            yield folder
    finally:
        tempfile.tempdir = before
        if not named:
            del os.environ["GRADIO_TEMP_DIR"]
        for _ in range(REMOVALS):  # a thread that still writes may add a file meanwhile
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(0.1)


def _remove_abandoned() -> None:
    """Remove the folders of studios that could not do it themselves, and of no other."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if not (folder / LOCK).is_file():
            continue
        try:
            with FileLock(folder / LOCK, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError, NotImplementedError):  # it is in use, or somebody else's
            continue
