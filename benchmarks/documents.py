"""Put the measured tables into the documents, between their marks."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.papers.all import TABLES
from benchmarks.papers.tables import keep, kept

ROOT = Path(__file__).parent.parent
DOCUMENTS = (ROOT / "docs/benchmarks.md", ROOT / "docs/papers.md")
MARK = re.compile(r"(<!-- (benchmarks/results/\w+\.md) -->\n).*?(<!-- end -->)", re.DOTALL)


def spliced(text: str) -> str:
    """Return the text with every table as it was last measured."""
    return MARK.sub(lambda m: m[1] + (ROOT / m[2]).read_text() + m[3], text)


if __name__ == "__main__":
    for table in TABLES.values():
        keep(table, kept(table))  # what is said of a table may have changed since
    for document in DOCUMENTS:
        document.write_text(spliced(document.read_text()))
