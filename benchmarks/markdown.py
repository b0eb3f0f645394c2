"""Rows of a measured table as Markdown, and where tables are kept."""

from __future__ import annotations

from pathlib import Path

__all__ = ["RESULTS", "Row", "markdown"]

RESULTS = Path(__file__).parent / "results"

Row = dict[str, object]


def markdown(rows: list[Row]) -> list[str]:
    """The lines of a Markdown table; a row without a column has a dash there."""
    head: list[str] = []
    for row in rows:
        for i, column in enumerate(row):
            if column not in head:
                before = list(row)[i - 1] if i else None
                head.insert(head.index(before) + 1 if before else 0, column)
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = [row.get(column, "-") for column in head]
        texts = [f"{v:.4f}" if isinstance(v, float) else str(v) for v in cells]
        lines.append("| " + " | ".join(texts) + " |")
    return lines
