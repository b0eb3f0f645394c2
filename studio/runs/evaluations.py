"""Evaluations carried out, for the command line and the page alike: watched while they go on, and
their files at the end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.errors import NotFound, StudioError
from backends.files import atomic_write
from studio import export
from studio.export import report, tables

if TYPE_CHECKING:
    from backends.evaluation import Plan, Progress, Row

__all__ = ["ANSWERS", "FILES", "EvaluationNews", "KeptEvaluation", "about_row", "carried_out",
           "delete_evaluation", "kept_evaluations", "note_asked", "table_in",
           "time_left"]  # fmt: skip

ANSWERS, KEPT = "answers.sqlite", "counterfactuals"  # in an evaluation's folder
TABLE = "table.json"
FILES = ("report.html", "table.csv", TABLE)
ASKED = "asked.json"  # of one that was started on the page
EXAMPLES = 12  # a row, in the report


@dataclass(frozen=True)
class EvaluationNews:
    """Where an evaluation stands.

    :ivar rows: that are finished.
    :ivar now: what is computed; None when a row has just ended.
    :ivar table: of the finished rows, as table.json; at the end that of the file.
    :ivar folder: where the files lie; None before the end.
    """

    rows: tuple[Row, ...] = ()
    now: Progress | None = None
    table: dict[str, Any] | None = None
    folder: Path | None = None


def carried_out(plan: Plan, folder: Path, *, keep: bool = False) -> Iterator[EvaluationNews]:
    """Carry an evaluation out, then write table.json, table.csv and report.html into the folder.

    :param plan: what is finished is kept where its ``answers`` says, else in the folder.
    :param keep: whether to write all answers, too, into the folder ``counterfactuals``.
    :raises StudioError: it cannot be asked, or no method could run.
    """
    from backends import evaluation, service

    unfinished = folder / f".{KEPT}"
    shutil.rmtree(unfinished, ignore_errors=True)  # of a run that was killed
    plan = replace(
        plan, answers=plan.answers or folder / ANSWERS, shown=EXAMPLES,
        keep=unfinished if keep else None,
    )  # fmt: skip
    about = service.about(plan.bundle)
    news = EvaluationNews()
    for item in evaluation.evaluate(plan):
        if isinstance(item, evaluation.Row):
            rows = (*news.rows, item)
            news = EvaluationNews(rows, table=tables.evaluation(plan, rows, about))
        else:
            news = replace(news, now=item)
        yield news
    if all(row.problem for row in news.rows):
        raise StudioError(news.rows[0].problem)
    table = tables.evaluation(plan, news.rows, about)
    with export.at_once(folder) as scratch:
        (scratch / TABLE).write_text(json.dumps(table, indent=2) + "\n")
        (scratch / "table.csv").write_text(tables.as_csv(table["rows"]))
        (scratch / "report.html").write_text(report.page(table, news.rows), encoding="utf-8")
    if keep:
        shutil.rmtree(folder / KEPT, ignore_errors=True)
        unfinished.rename(folder / KEPT)
    yield EvaluationNews(news.rows, table=table, folder=folder)


@dataclass(frozen=True)
class KeptEvaluation:
    """An evaluation that was started on the page, finished or not.

    :ivar asked: what was asked, as the page's controls say it.
    :ivar at: when it was finished, or started, in seconds since 1970.
    """

    folder: Path
    asked: dict[str, Any]
    finished: bool
    at: float


def note_asked(folder: Path, asked: dict[str, Any]) -> None:
    """Write down what is asked, so that it can be asked again after a restart of the studio."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / ASKED) as scratch:
        scratch.write_text(json.dumps(asked) + "\n")


def kept_evaluations(place: Path) -> list[KeptEvaluation]:
    """The evaluations in a place, the latest first; what is damaged is left out."""
    found = []
    for path in place.glob(f"*/{ASKED}"):
        table = path.with_name(TABLE)
        try:
            finished = table.is_file()
            at = (table if finished else path).stat().st_mtime
            found.append(KeptEvaluation(path.parent, json.loads(path.read_text()), finished, at))
        except (OSError, ValueError):  # removed meanwhile, or cut off
            continue
    return sorted(found, key=lambda one: one.at, reverse=True)


def delete_evaluation(folder: Path) -> None:
    """Remove an evaluation; with the last one of its place the answers, which all of them share."""
    shutil.rmtree(folder, ignore_errors=True)
    if not any(folder.parent.glob(f"*/{ASKED}")):
        for path in folder.parent.glob(f"{ANSWERS}*"):
            path.unlink(missing_ok=True)


def table_in(folder: Path) -> dict[str, Any]:
    """The table of a finished evaluation.

    :raises NotFound: it is no longer there.
    """
    try:
        table: dict[str, Any] = json.loads((folder / TABLE).read_text())
    except OSError as error:
        raise NotFound("that evaluation is no longer kept; start it again") from error
    return table


def about_row(row: Row) -> str:
    """Which row it is, in words."""
    settings = " ".join(f"{key}={value}" for key, value in row.settings.items())
    return ", ".join(filter(None, (row.method, row.answer, settings, row.region)))


def time_left(seconds: float) -> str:
    """A time that may still pass, as people say it."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
