"""Comparisons: one question put to several methods, settings, seeds and models, carried out, kept,
and which answer convinced people."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
from collections.abc import AsyncGenerator, Container, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from backends import service
from backends.core import Request
from backends.errors import BadInput, NotFound, StudioError
from studio import export
from studio.export import tables
from studio.export.labels import folder_names
from studio.export.second_opinions import believed
from studio.runs import Run, Runs
from studio.runs.asking import ask
from studio.runs.rows import known, row_of, spreads
from studio.runs.series import Series
from studio.runs.study import Study

__all__ = ["MOST", "NONE", "Comparison", "Comparisons", "questions", "seeds_of"]

MOST = 48  # runs in one comparison: all methods with three seeds, and what a person can wait for
KEPT = 3  # comparisons of one owner
NONE = "none"  # the choice of who is convinced by none of them


def seeds_of(text: str) -> list[int]:
    """Seeds as people write them: ``0``, ``0, 1, 5`` or ``0-3``; each once, in that order.

    :raises BadInput: anything else.
    """
    seeds: dict[int, None] = {}
    for part in text.replace(" ", "").split(","):
        found = re.fullmatch(r"(\d{1,9})(?:[-–](\d{1,9}))?", part, re.ASCII)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if last < first:
            raise BadInput(
                "seeds {text!r} cannot be read; write 0, or 0,1,2, or 0-3", text=text.strip()
            )
        if last - first >= MOST:
            raise BadInput(
                "that is too many seeds; a comparison has at most {most} runs", most=MOST
            )
        seeds |= dict.fromkeys(range(first, last + 1))
    return list(seeds)


def questions(
    asked: Request,
    methods: Sequence[str],
    seeds: Sequence[int],
    fixed: Container[str] = (),
    variants: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    models: Mapping[str, Container[str]] | None = None,
) -> list[Request]:
    """The same question to each method with each of its settings, each seed, and each model; the
    models next to each other.

    :param fixed: the methods that draw nothing, which answer the same whatever the seed: they are
        asked once.
    :param variants: by method its settings, as :func:`studio.runs.variants.variants_in` reads
        them; a method that is not named has its usual ones.
    :param models: by name the methods that can explain each; the one that is ``asked`` by all
        methods unless given.
    :raises BadInput: nothing is chosen, too much, or a setting that a method does not have.
    """
    if not methods:
        raise BadInput("choose at least one method to compare")
    variants, models = variants or {}, models or {asked.model: methods}
    settings = {
        method: [service.typed_settings(asked.bundle, method, one) for one in variants[method]]
        for method in methods if variants.get(method)
    }  # fmt: skip
    found = [
        replace(asked, method=method, settings=own, seed=seed, model=model)
        for method in methods
        for own in settings.get(method, [{}])
        for seed in (seeds[:1] if method in fixed else seeds)
        for model, able in models.items() if method in able
    ]  # fmt: skip
    if len(found) > MOST:
        raise BadInput(
            "these are {count} runs, and a comparison has at most {most}; choose fewer methods, "
            "values, seeds or models",
            count=len(found),
            most=MOST,
        )
    return found


@dataclass
class Comparison(Series):
    """Requests that differ only in method, settings, seed and model.

    ``choice`` is the id of the run that convinced the person, ``NONE`` when none did, and None
    as long as they have not chosen. Each of two ``models`` is asked what it makes of the answers
    of the other, too; one of them may have been asked nothing else.
    """

    choice: str | None = None
    models: tuple[str, ...] = ()

    def other(self, request: Request) -> str | None:
        """The model that is heard about a request's answer beside its own."""
        return next((name for name in self.models if name != request.model), None)

    def rows(self) -> list[dict[str, Any]]:
        """What the table says of each run; None where a number is not known."""
        return [self.row(i) for i in range(len(self.requests))]

    def row(self, i: int) -> dict[str, Any]:
        """The row of the ``i``-th request."""
        return row_of(self.requests[i], self.runs[i], self.choice)

    def alternatives(self, of: Run | None = None) -> list[dict[str, Any]]:
        """The further answers of all runs, or ``of`` one, as rows; ``answer`` is what the method
        calls each. What was counted for the run as a whole is not theirs: None."""
        return [
            row_of(run.request, replace(run, answer=other))
            | {"answer": name, "nfe": None, "seconds": None, "convincing": None}
            for run in self.answered if run.answer and of in (None, run)
            for name, other in run.answer.alternatives.items()
        ]  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """The question, the rows and the choice, for comparison.json."""
        asked = self.requests[0]
        return {
            "comparison": self.id,
            "bundle": asked.bundle,
            "model": asked.model,
            "models": list(self.models or (asked.model,)),
            "target": asked.target,
            "region": self._region(),
            "factual_sha256": hashlib.sha256(asked.picture.tobytes()).hexdigest(),
            "convincing": self.choice,
            "runs": self.rows(),
            "alternatives": self.alternatives(),
            "spread": spreads(self.rows()),
            "believed": believed(self.rows()),
        }

    def study_record(self, pseudonym: str) -> dict[str, Any]:
        """One line of the user study: who, on what question, between which answers, chose what."""
        record = self.as_json()
        answers = [
            {"method": run.request.method, "model": run.request.model,
             "settings": run.request.settings, "seed": run.request.seed, "run": run.id,
             "status": run.answer.record["status"],
             "metrics": known(run.answer.record["metrics"])}
            for run in self.answered if run.answer
        ]  # fmt: skip
        keys = ("comparison", "bundle", "factual_sha256", "model", "target", "region")
        return {
            "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "owner": pseudonym,
            **{key: record[key] for key in keys},
            "runs": answers,
            "chosen": self.choice,
        }

    def _region(self) -> dict[str, Any]:
        for run in self.answered:
            assert run.answer
            return dict(run.answer.record["region"])
        return {"source": self.requests[0].region, "area": None}


class Comparisons:
    """The comparisons of this process: a few of each owner, their files and people's choices.

    :param results: folder for the files.
    :param study: gets every choice.
    """

    def __init__(self, runs: Runs, results: Path, study: Study) -> None:
        self.runs, self.results, self.study = runs, results, study
        self._all: dict[str, Comparison] = {}
        self._writing = threading.Lock()

    def open(self, owner: str, requests: list[Request], models: tuple[str, ...] = ()) -> Comparison:
        """A new comparison; the owner's oldest ended ones are forgotten.

        :param models: that are asked or heard, where there are two.
        """
        comparison = Comparison(owner, requests, models=models)
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
    ) -> AsyncGenerator[int, None]:
        """Carry it out, see :meth:`studio.runs.series.Series.follow`; and of two models ask each
        about the answers of the other."""
        async with aclosing(comparison.follow(self.runs, gap, patience)) as news:
            async for i in news:
                run, other = comparison.runs[i], comparison.other(comparison.requests[i])
                if other and run and run.ended:
                    await self._ask_other(run, other)
                yield i

    async def _ask_other(self, run: Run, model: str) -> None:
        """Note in an answer's record what another model says of it, or why that is not known."""
        if run.answer is None or "second_opinion" in run.answer.record:
            return
        work = partial(service.with_second_opinion, run.answer, model)
        try:
            run.answer = await ask(self.runs.engine, run.owner, work)
        except StudioError as error:  # the person has had their share, or the studio closes
            told = {"second_opinion": None, "no_second_opinion": str(error)}
            run.answer = replace(run.answer, record=run.answer.record | told)

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
                record = run.answer.record | {"convincing": run.id == choice}
                run.answer = replace(run.answer, record=record)
        self.study.note(comparison.study_record(self.study.pseudonym(comparison.owner)))

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
            content = json.dumps(comparison.as_json(), indent=2, allow_nan=False)
            (folder / "comparison.json").write_text(content + "\n")
            names = folder_names(comparison.requests)
            for name, run in zip(names, comparison.runs, strict=True):
                if run is None or run.answer is None:
                    continue
                own = folder / name
                if not own.is_dir():
                    export.write(own, run.answer, run.frames)
                # A choice is made after the pictures were written.
                (own / "result.json").write_text(json.dumps(run.answer.record, indent=2) + "\n")
            export.write_zip(path, folder)
        return str(path)

    def keep(self, comparison: Comparison, file: Path) -> Path:
        """Move a file that was made of a comparison to the others of it; returns where it is.

        :raises NotFound: the comparison is no longer kept.
        """
        with self._writing:
            self.get(comparison.id, comparison.owner)
            folder = self._taken(comparison)
            folder.mkdir(exist_ok=True)
            return file.replace(folder / file.name)

    def _drop(self, comparison: Comparison) -> None:
        with self._writing:  # or its files would be written again behind this
            self._all.pop(comparison.id, None)
            shutil.rmtree(self._folder(comparison), ignore_errors=True)
            shutil.rmtree(self._taken(comparison), ignore_errors=True)
            self._zip(comparison).unlink(missing_ok=True)

    def _folder(self, comparison: Comparison) -> Path:
        return self.results / f"comparison-{comparison.id}"

    def _taken(self, comparison: Comparison) -> Path:
        return self.results / f"comparison-{comparison.id}-taken"

    def _zip(self, comparison: Comparison) -> Path:
        return self.results / f"comparison-{comparison.id}.zip"
