"""What a paper's table is here, and how it is written down."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from benchmarks.markdown import RESULTS, Row, markdown

__all__ = [
    "Options",
    "PaperTable",
    "Row",
    "beside",
    "keep",
    "kept",
    "result",
    "sentences",
]

PAPER = " (paper)"


@dataclass(frozen=True)
class Options:
    """What the command line asks: pictures, a folder with MNIST's files or none, the bundle.

    :ivar steps: most steps of a search or a training, for a trial that need not be good; None for
        those of the table.
    """

    count: int
    data: str | None = None
    bundle: str = "digits"
    steps: int | None = None


@dataclass(frozen=True)
class PaperTable:
    """A table or figure of a paper: re-run here, printed by another program, or neither.

    Exactly one of ``rows``, ``printed_by`` (a command) and ``reason`` (a sentence) is given.

    :param key: the paper's short name and the table's number, such as "leapfactual.2".
    :param what: the table's title, which ends with no full stop.
    :param same: the columns, or first cells of rows, that are measured the paper's way; its figure
        stands beside no other.
    :param differences: every difference of protocol, a sentence each: judge, weights, training,
        sizes, metric.
    :param missing: rows or columns of the paper's that are not re-run, each with its reason.
    :param count: pictures, where the command line does not say.
    :param bundle: where the parts are from; the command line's takes the place of "digits" alone.
    """

    key: str
    paper: str
    what: str
    judge: str = ""
    weights: str = ""
    same: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    rows: Callable[[Options], list[Row]] | None = None
    count: int = 200
    bundle: str = "digits"
    printed_by: str = ""
    reason: str = ""

    @property
    def name(self) -> str:
        """The name of its files in benchmarks/results."""
        return "papers_" + self.key.replace(".", "_")

    @property
    def command(self) -> str:
        """What prints it."""
        return self.printed_by or f"python -m benchmarks.papers --tables {self.key}"

    def options(self, count: int | None, data: str | None, bundle: str) -> Options:
        """Return what it runs with, where the command line says this."""
        return Options(
            count or self.count, data, bundle if self.bundle == "digits" else self.bundle
        )


def beside(measured: Row, paper: Mapping[str, object]) -> Row:
    """Return the measured row with the paper's figures, each behind its own column.

    :raises ValueError: the paper has a figure of something that is not measured.
    """
    if alone := set(paper) - set(measured):
        raise ValueError(f"nothing is measured beside the paper's {', '.join(sorted(alone))}")
    row: Row = {}
    for column, value in measured.items():
        row[column] = value
        if column in paper:
            row[column + PAPER] = paper[column]
    return row


def sentences(text: str) -> tuple[str, ...]:
    """Return the items of a list whose items begin with a dash, without it and in one line each."""
    items = re.split(r"^\s*- ", text, flags=re.MULTILINE)[1:]
    return tuple(" ".join(item.split()) for item in items)


def result(table: PaperTable, rows: Iterable[Row]) -> str:
    """The file that the documents show: title, command, table, what differs, what is missing."""
    rows = list(rows)
    if table.reason:
        return f"**{table.what}**: not re-run here. {table.reason}\n"
    lines = [f"**{table.what}**: `{table.command}`", ""]
    if rows:
        same = ", ".join(table.same) or "nothing"
        said = f"Judge: {table.judge}. Weights: {table.weights}. Measured the paper's way: {same}."
        lines += [said, "", *markdown(rows), ""]
    elif table.rows:
        lines += ["Not measured yet: its command has not been run.", ""]
    lines += [f"- {sentence}" for sentence in table.differences]
    lines += [f"- *Left out.* {sentence}" for sentence in table.missing]
    return "\n".join(lines).rstrip() + "\n"


def keep(table: PaperTable, rows: list[Row]) -> str:
    """Write what was measured to benchmarks/results; return the text that the documents show."""
    RESULTS.mkdir(exist_ok=True)
    if rows:
        (RESULTS / f"{table.name}.json").write_text(json.dumps(rows, indent=2) + "\n")
    text = result(table, rows)
    (RESULTS / f"{table.name}.md").write_text(text)
    return text


def kept(table: PaperTable) -> list[Row]:
    """Read the rows that were measured last; none where there are none."""
    path = RESULTS / f"{table.name}.json"
    return json.loads(path.read_text()) if path.is_file() else []
