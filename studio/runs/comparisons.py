"""Carry comparisons out, keep them, and note which answers convinced people."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
import time
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from backends.core import Request
from backends.errors import BadInput, NotFound
from backends.files import atomic_write
from studio import export
from studio.export import tables
from studio.runs import Runs, TooMany
from studio.runs.comparison import NONE, Comparison
from studio.runs.study import Study

__all__ = ["Comparisons"]

KEPT = 3  # comparisons of one owner


class Comparisons:
    """The comparisons of this process: a few of each owner, their files and people's choices.

    :param results: folder for the files.
    :param study: hears of every choice.
    """

    def __init__(self, runs: Runs, results: Path, study: Study) -> None:
        self.runs, self.results, self.study = runs, results, study
        self._all: dict[str, Comparison] = {}
        self._writing = threading.Lock()

    def open(self, owner: str, requests: list[Request]) -> Comparison:
        """A new comparison; the owner's oldest ended ones are forgotten."""
        comparison = Comparison(owner, requests)
        mine = [c for c in list(self._all.values()) if c.owner == owner and c.ended]
        for old in mine[: max(0, len(mine) - KEPT + 1)]:
            self._drop(old)
        self._all[comparison.id] = comparison
        return comparison

    def get(self, which: str, owner: str) -> Comparison:
        """An owner's comparison.

        :raises NotFound: it is no longer kept, or somebody else's.
        """
        found = self._all.get(which)
        if found is None or found.owner != owner:
            raise NotFound("that comparison is no longer kept; run it again")
        return found

    def leave(self, owner: str) -> None:
        """Stop and forget the comparisons of an owner whose page was closed."""
        for comparison in list(self._all.values()):
            if comparison.owner == owner:
                comparison.stop()
                self._drop(comparison)

    async def follow(
        self, comparison: Comparison, gap: float = 0.2, patience: float = 0.5
    ) -> AsyncIterator[int]:
        """Carry it out, one run after another: the number of the run that has news, at most
        one every ``gap`` seconds apart from ends. Leaving early stops it."""
        shown = 0.0
        try:
            for i, request in enumerate(comparison.requests):
                while not comparison.stopped and comparison.runs[i] is None:
                    try:
                        comparison.runs[i] = self.runs.start(request, comparison.owner)
                    except TooMany:  # the person's other runs come first
                        yield i
                        await asyncio.sleep(patience)
                run = comparison.runs[i]
                if run is None:
                    break
                if comparison.stopped:  # somebody stopped just while it started
                    run.stop()
                async for frame in run.watch(first=0.15):
                    if frame is None or time.monotonic() - shown >= gap:
                        shown = time.monotonic()
                        yield i
                yield i
            comparison.ended = True
        finally:
            if not comparison.ended:
                comparison.stop()
                comparison.ended = True

    def choose(self, comparison: Comparison, choice: str) -> None:
        """Note which run convinced: in every answer's record, and as a line of the study.

        :param choice: the id of an answered run, or ``NONE``.
        :raises BadInput: no such run in this comparison, or the study cannot be written.
        """
        if choice != NONE and choice not in {run.id for run in comparison.answered}:
            raise BadInput("choose one of this comparison's answers, or none of them")
        with self._writing:
            comparison.choice = choice
            for run in comparison.answered:
                assert run.answer
                said = run.answer.record | {"convincing": run.id == choice}
                run.answer = replace(run.answer, record=said)
        self.study.note(comparison.testimony(self.study.pseudonym(comparison.owner)))

    def archive(self, comparison: Comparison) -> str:
        """Each run's folder, table.csv and comparison.json, in a zip to download.

        :raises NotFound: it is no longer kept.
        """
        folder, path = self._folder(comparison), self._zip(comparison)
        with self._writing:
            self.get(comparison.id, comparison.owner)
            folder.mkdir(exist_ok=True)
            (folder / "table.csv").write_text(
                tables.as_csv([*comparison.rows(), *comparison.alternatives()])
            )
            told = json.dumps(comparison.as_json(), indent=2, allow_nan=False)
            (folder / "comparison.json").write_text(told + "\n")
            for run in comparison.answered:
                assert run.answer
                own = folder / f"{run.request.method}-seed{run.request.seed}"
                if not own.is_dir():
                    export.write(own, run.answer, run.frames)
                # A choice is made after the pictures were written.
                (own / "result.json").write_text(json.dumps(run.answer.record, indent=2) + "\n")
            with (
                atomic_write(path) as scratch,
                zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED) as archive,
            ):
                for file in sorted(p for p in folder.rglob("*") if p.is_file()):
                    archive.write(file, file.relative_to(folder))
        return str(path)

    def _drop(self, comparison: Comparison) -> None:
        with self._writing:  # or its files would be written again behind this
            self._all.pop(comparison.id, None)
            shutil.rmtree(self._folder(comparison), ignore_errors=True)
            self._zip(comparison).unlink(missing_ok=True)

    def _folder(self, comparison: Comparison) -> Path:
        return self.results / f"comparison-{comparison.id}"

    def _zip(self, comparison: Comparison) -> Path:
        return self.results / f"comparison-{comparison.id}.zip"
