"""Put the measured tables into docs/benchmarks.md, between their marks."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs/benchmarks.md"
MARK = re.compile(r"(<!-- (benchmarks/results/\w+\.md) -->\n).*?(<!-- end -->)", re.DOTALL)


def spliced(text: str) -> str:
    """Return the text with every table as it was last measured."""
    return MARK.sub(lambda m: m[1] + (ROOT / m[2]).read_text() + m[3], text)


if __name__ == "__main__":
    DOCUMENT.write_text(spliced(DOCUMENT.read_text()))
