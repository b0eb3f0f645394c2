"""Taking a comparison away: reports, a film strip of all answers, a zip, and the code that repeats
it."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from backends import service
from studio.export import formats
from studio.export.comparison_report import Compared
from studio.export.labels import answer_titles
from studio.export.snippets import repeat_comparison
from studio.runs.comparison import Comparison, Comparisons
from studio.translation import N_
from studio.ui.shared.take_away import TakeAwayMenu

__all__ = ["ComparisonTakeAway"]

ZIP = "zip"
CHOICES = {name: one.title for name, one in formats.FORMATS.items() if one.comparison} | {
    ZIP: N_("All of it (zip)")
}


class ComparisonTakeAway:
    """The menu of the Compare tab, laid out inside the current Blocks."""

    def __init__(self, comparisons: Comparisons) -> None:
        self._comparisons = comparisons
        self._menu = TakeAwayMenu("compare-take-away", CHOICES, self.written)
        self.places = self._menu.places

    def show(self, comparison: Comparison) -> dict[Any, Any]:
        """Updates for a comparison that has ended."""
        answered = comparison.answered
        if not answered or answered[0].answer is None:
            return self._menu.hide()
        record = answered[0].answer.record
        asked = [(run.answer.record, run.request.settings) for run in answered if run.answer]
        told = repeat_comparison(record, asked, comparison.models)
        return self._menu.offer(comparison.id, told)

    def clear(self) -> dict[Any, Any]:
        """Updates where there is no comparison."""
        return self._menu.hide()

    def written(self, which: str, name: str, owner: str) -> Path:
        """A file of a comparison, made anew, since what convinced a person is in it.

        :param name: of :data:`CHOICES`.
        :raises NotFound: it is no longer kept, or somebody else's.
        """
        comparison = self._comparisons.get(which, owner)
        archive = Path(self._comparisons.archive(comparison))
        names = [n for n in CHOICES if n != ZIP] if name == ZIP else [name]
        found, problems = _compared(comparison)
        with tempfile.TemporaryDirectory(dir=self._comparisons.results) as scratch:
            folder = Path(scratch)
            about = service.about(comparison.requests[0].bundle)
            formats.write_comparison(folder, names, found, problems, about, comparison.models)
            files = [folder / formats.FORMATS[n].file for n in names]
            if name == ZIP:
                whole = Path(shutil.copy(archive, folder / "comparison.zip"))
                with zipfile.ZipFile(whole, "a", zipfile.ZIP_DEFLATED) as into:
                    for file in files:
                        into.write(file, file.name)
                files = [whole]
            return self._comparisons.keep(comparison, files[0])


def _compared(comparison: Comparison) -> tuple[list[Compared], dict[str, str]]:
    """The answers of a comparison, and why its other runs have none, by their titles."""
    about = service.about(comparison.requests[0].bundle)
    found, problems = [], {}
    titles = answer_titles(comparison.requests, about)
    for i, title in enumerate(titles):
        run = comparison.runs[i]
        if run and run.answer:
            chosen = comparison.choice == run.id
            found.append(Compared(title, run.answer, run.frames, chosen, run.request.settings))
        else:
            problems[title] = (run.reason if run else None) or N_("stopped before its turn")
    return found, problems
