"""Taking an answer away: reports, films, a zip of all, and the code that repeats it."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from backends import service
from backends.errors import NotFound
from studio import export
from studio.export import formats
from studio.export.snippets import repeat
from studio.runs import Run
from studio.translation import N_
from studio.ui.shared.controller import BundleController
from studio.ui.shared.take_away import TakeAwayMenu

__all__ = ["TakeAway"]

GIF, ZIP = "gif", "zip"
CHOICES = {name: one.title for name, one in formats.FORMATS.items()} | {
    GIF: N_("Film (GIF)"), ZIP: N_("All of it (zip)"),
}  # fmt: skip
GONE = N_("that answer is no longer kept; run it again")


class TakeAway:
    """The menu of the Explain tab, laid out inside the current Blocks."""

    def __init__(self, controller: BundleController) -> None:
        self._runs, self._results = controller.runs, controller.results
        self._menu = TakeAwayMenu("take-away", CHOICES, self.written)
        self.places = self._menu.places
        # Not a method of this page: the runs outlive it.
        self._runs.on_forget(partial(_forget, controller.results))

    def show(self, run: Run) -> dict[Any, Any]:
        """Updates for a run's present state."""
        if not (run.ended and run.answer):
            return self._menu.hide()
        return self._menu.offer(run.id, repeat(run.answer.record))

    def clear(self) -> dict[Any, Any]:
        """Updates where there is no answer."""
        return self._menu.hide()

    def written(self, which: str, name: str, owner: str) -> Path:
        """A file of a run's answer, made unless it is there.

        :param name: of :data:`CHOICES`.
        :raises NotFound: the run is no longer kept.
        :raises MissingPart: a package that makes such files is not installed.
        """
        run = self._runs.get(which)
        if run is None or run.answer is None:
            raise NotFound(GONE)
        if name in formats.FORMATS:
            formats.FORMATS[name].require()
        path = _folder(self._results, run) / _file(name)
        if not path.is_file():
            with tempfile.TemporaryDirectory(dir=self._results) as scratch:
                made = _make(Path(scratch), name, run)
                path.parent.mkdir(exist_ok=True)
                made.replace(path)
        if self._runs.get(which) is None:  # forgotten while this was written
            _forget(self._results, run)
            raise NotFound(GONE)
        return path


def _folder(results: Path, run: Run) -> Path:
    return results / f"taken-{run.id}"


def _forget(results: Path, run: Run) -> None:
    """Remove the files of a run that is no longer kept."""
    shutil.rmtree(_folder(results, run), ignore_errors=True)


def _file(name: str) -> str:
    special = {GIF: "trajectory.gif", ZIP: "answer.zip"}
    return special[name] if name in special else formats.FORMATS[name].file


def _make(scratch: Path, name: str, run: Run) -> Path:
    """Write a file somewhere into a folder; returns where."""
    assert run.answer is not None
    about = service.about(run.request.bundle)
    if name in formats.FORMATS:
        formats.write_answer(scratch, [name], run.answer, run.frames, about)
        return scratch / _file(name)
    folder = scratch / "answer"
    export.write(folder, run.answer, run.frames)
    if name == GIF:
        return folder / _file(GIF)
    formats.write_answer(folder, formats.available(), run.answer, run.frames, about)
    export.write_zip(scratch / _file(ZIP), folder)
    return scratch / _file(ZIP)
