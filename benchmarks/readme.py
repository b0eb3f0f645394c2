"""Put the measured tables into the README, between their marks."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
MARK = re.compile(r"(<!-- (benchmarks/results/\w+\.md) -->\n).*?(<!-- end -->)", re.DOTALL)


def spliced(text: str) -> str:
    """The README's text with every table as it was last measured."""
    return MARK.sub(lambda m: m[1] + (ROOT / m[2]).read_text() + m[3], text)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(spliced(readme.read_text()))
