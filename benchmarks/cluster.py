"""An evaluation on one worker of a Ray cluster and on two: how fast, and whether the tables are
equal to the last digit. A worker has one thread.

    python -m benchmarks.cluster --pictures 40
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from backends.evaluation import Plan, Row, evaluate
from studio.runs.distributed import distributed

FASTER = 1.6  # asked: times one worker's throughput
METHODS = ["leapfactual", "rcsb", "place"]
STEPS = {"rcsb": [{"steps": 50}], "place": [{"steps": 100}]}


def measured(workers: int, pictures: int, folder: Path) -> tuple[float, list[Any]]:
    """Seconds from the first finished piece to the last, for each of the others; and the table."""
    os.environ["STUDIO_WORKERS"] = str(workers)
    plan = Plan(
        "digits", METHODS, pictures, settings=STEPS, batch=4,
        answers=folder / f"{workers}.sqlite",
    )  # fmt: skip
    work, times = distributed(plan), []
    while True:
        try:
            next(work)
            times.append(time.perf_counter())
        except StopIteration as end:
            plan = end.value
            break
    # The workers' start is not counted: the first pieces come when their networks are loaded.
    pace = (times[-1] - times[workers]) / (len(times) - workers - 1)
    rows = [row for row in evaluate(plan) if isinstance(row, Row)]
    return pace, [
        {name: value for name, value in row.values.items() if name != "seconds"} for row in rows
    ]


def main() -> None:
    """Print the pace of one worker and of two, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        one, first = measured(1, options.pictures, Path(folder))
        two, second = measured(2, options.pictures, Path(folder))
    print(f"seconds a piece: {one:.2f} with one worker, {two:.2f} with two")
    print(f"throughput: {one / two:.2f} times (asked: {FASTER})")
    print(f"equal tables: {first == second}")
    sys.exit(0 if one / two >= FASTER and first == second else 1)


if __name__ == "__main__":
    main()
