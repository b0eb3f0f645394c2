"""Keep what ``python -m studio faithfulness`` prints, for docs/benchmarks.md.

python -m benchmarks.faithfulness --out faithfulness
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.markdown import RESULTS


def main() -> None:
    """Run the command, or finish it where it was stopped; any further words are options of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True, help="its folder")
    options, words = parser.parse_known_args()
    command = ["-m", "studio", "faithfulness", "--out", str(options.out), *words]
    printed = subprocess.run(
        [sys.executable, *command], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    print(printed, end="")
    (RESULTS / "faithfulness.md").write_text(printed)
    table = json.loads((options.out / "table.json").read_text())
    (RESULTS / "faithfulness.json").write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
