"""An evaluation on one worker of a Ray cluster and on two: how fast, and whether the tables are
equal to the last digit. A worker has one thread. Two processes that know nothing of each other and
of Ray show what the machine's cores give at best.

    python -m benchmarks.cluster --pictures 40
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import torch

from backends.evaluation import Plan, Row, evaluate, pieces
from benchmarks.digits import table
from studio.runs.distributed import distributed

FASTER = 1.6  # asked: times one worker's throughput
METHODS = ["leapfactual", "rcsb", "place"]
STEPS = {"rcsb": [{"steps": 50}], "place": [{"steps": 100}]}


def plan_of(pictures: int, answers: Path | None) -> Plan:
    """What is evaluated, in pieces of 4 pictures."""
    return Plan("digits", METHODS, pictures, settings=STEPS, batch=4, answers=answers)


def measured(workers: int, pictures: int, folder: Path) -> tuple[float, list[Any]]:
    """Seconds a piece, and the table."""
    os.environ["STUDIO_WORKERS"] = str(workers)
    plan = plan_of(pictures, folder / f"{workers}.sqlite")
    work = distributed(plan)
    times: list[float] = []  # by how many pieces were finished then
    while True:
        try:
            done, _ = next(work)
        except StopIteration as end:
            plan = end.value
            break
        now = time.perf_counter()
        times += [now] * (done - len(times))
    # The workers' start is not counted: the first pieces come when their networks are loaded.
    pace = (times[-1] - times[workers - 1]) / (len(times) - workers)
    rows = [row for row in evaluate(plan) if isinstance(row, Row)]
    return pace, [
        {name: value for name, value in row.values.items() if name != "seconds"} for row in rows
    ]


def compute(pictures: int, together: Barrier) -> None:
    """Compute all pieces between the others' beginning and their end, the first twice."""
    torch.set_num_threads(1)
    plan = plan_of(pictures, None)
    worker, todo = pieces.PieceWorker(plan), pieces.missing(plan)
    for first in todo[:: len(todo) // len(METHODS)]:
        worker.compute(first)  # loads the networks
    together.wait()
    for piece in todo:
        worker.compute(piece)
    together.wait()


def apart(processes: int, pictures: int) -> float:
    """Seconds a piece of processes that compute the same pieces each, without Ray."""
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(processes + 1)
    started = [context.Process(target=compute, args=(pictures, together)) for _ in range(processes)]
    for process in started:
        process.start()
    together.wait()
    begun = time.perf_counter()
    together.wait()
    seconds = time.perf_counter() - begun
    for process in started:
        process.join()
    return seconds / (processes * len(pieces.missing(plan_of(pictures, None))))


def main() -> None:
    """Print the pace of one worker and of two, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=40)
    options = parser.parse_args()
    torch.set_num_threads(1)
    few = options.pictures // 2
    alone, beside = apart(1, few), apart(2, few)
    with tempfile.TemporaryDirectory() as folder:
        one, first = measured(1, options.pictures, Path(folder))
        two, second = measured(2, options.pictures, Path(folder))
    count = len(pieces.missing(plan_of(options.pictures, None)))
    table("cluster", [
        {
            "computed by": by, "seconds a piece, one": a, "two": b, "times the throughput": a / b,
            "pieces": n,
        }
        for by, a, b, n in (
            ("processes apart, without Ray", alone, beside, count // 2),
            ("Ray's workers", one, two, count),
        )
    ])  # fmt: skip
    print(f"asked: {FASTER} times; equal tables: {first == second}")
    sys.exit(0 if one / two >= FASTER and first == second else 1)


if __name__ == "__main__":
    main()
