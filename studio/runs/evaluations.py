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
from studio import export
from studio.export import report, tables

if TYPE_CHECKING:
    from backends.evaluation import Plan, Progress, Row

__all__ = ["ANSWERS", "FILES", "EvaluationNews", "about_row", "carried_out", "earlier", "table_in",
           "time_left"]  # fmt: skip

ANSWERS, KEPT = "answers.sqlite", "counterfactuals"  # in an evaluation's folder
FILES = ("report.html", "table.csv", "table.json")
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
        (scratch / "table.json").write_text(json.dumps(table, indent=2) + "\n")
        (scratch / "table.csv").write_text(tables.as_csv(table["rows"]))
        (scratch / "report.html").write_text(report.page(table, news.rows), encoding="utf-8")
    if keep:
        shutil.rmtree(folder / KEPT, ignore_errors=True)
        unfinished.rename(folder / KEPT)
    yield EvaluationNews(news.rows, table=table, folder=folder)


def earlier(place: Path) -> list[Path]:
    """The folders of finished evaluations in a place, the latest first."""
    found = [path.parent for path in place.glob("*/table.json")]
    return sorted(found, key=lambda folder: (folder / "table.json").stat().st_mtime, reverse=True)


def table_in(folder: Path) -> dict[str, Any]:
    """The table of a finished evaluation.

    :raises NotFound: it is no longer there.
    """
    try:
        table: dict[str, Any] = json.loads((folder / "table.json").read_text())
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
