"""A process that tries one door's inputs, so that its death or a hang is the finding of another.

It writes the number of the input that it is at, and a line of JSON for each fault.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import time
import traceback
import warnings
from pathlib import Path

from backends.errors import StudioError
from benchmarks.fuzz.doors import DOORS


def main(door: str, seed: int, first: int, last: int, notes: Path) -> None:
    """Try the inputs from ``first`` to before ``last`` in the folder that this process is in."""
    logging.disable()
    warnings.simplefilter("ignore")
    with (
        DOORS[door][1]() as trial,
        (notes / "faults.jsonl").open("a") as faults,
        (notes / "at").open("w") as at,
    ):
        told = {"taken": 0, "refused": 0, "slowest": 0.0}
        for number in range(first, last):
            at.seek(0)
            at.write(f"{number:9d}")
            at.flush()
            begun = time.monotonic()
            try:
                trial(random.Random(f"{seed}/{door}/{number}"))
                told["taken"] += 1
            except StudioError:
                told["refused"] += 1
            except BaseException as error:
                fault = {"number": number, "kind": "traceback", "said": repr(error)[:300],
                         "trace": traceback.format_exc()[-3000:]}  # fmt: skip
                faults.write(json.dumps(fault) + "\n")
                faults.flush()
            told["slowest"] = max(told["slowest"], time.monotonic() - begun)
    with (notes / "told.jsonl").open("a") as file:
        file.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    door, seed, first, last, notes = sys.argv[1:]
    main(door, int(seed), int(first), int(last), Path(notes))
