"""How long one person waits for each method, how often a frame comes, what a batch saves.

``--methods`` measures only some of them anew; the others keep their rows.
"""

from __future__ import annotations

import os
import statistics
import time

import torch

from backends import bundles, registry
from backends.core import Region
from backends.explain.question import Question
from backends.explain.runner import run
from benchmarks.digits import arguments, earlier, questions, table

ASKED = {"diffeomorphic_vae": 1, "place": 4, "ldce": 6, "diffeomorphic": 15}
BATCH, QUICK = 32, 2.0


def main() -> None:
    """Print, for each method: seconds for one picture (median), the longest wait for a frame, and
    what 32 pictures at once cost in single runs."""
    options = arguments(BATCH, methods=",".join(registry.METHODS))
    bundle = bundles.find(options.bundle)
    kept = {row["method"]: row for row in earlier("latency")}
    x, _, target = questions(bundle, options.data, max(options.count, BATCH), trivial=False)

    def timed(name: str, part: slice) -> tuple[float, float]:
        """Seconds, and the longest gap between steps."""
        some, begun = Region(torch.ones_like(x[part])), time.perf_counter()
        gaps, last = [], begun
        for _ in run(Question.of(bundle, name, x[part], target[part], some)):
            now = time.perf_counter()
            gaps.append(now - last)
            last = now
        return last - begun, max(gaps)

    rows = []
    for name in registry.METHODS:
        if any(bundle.problem(part) for part in registry.method(name).needs):
            continue
        if name not in options.methods.split(","):
            rows += [kept[f"`{name}`"]] if f"`{name}`" in kept else []
            continue
        first, _ = timed(name, slice(0, 1))
        # Some searches are longer than others: the singles are all of the batch, or spread over it.
        every = 1 if first < QUICK else 4
        singles = [timed(name, slice(i, i + 1)) for i in range(0, BATCH, every)]
        together, _ = timed(name, slice(0, BATCH))
        alone = statistics.mean(seconds for seconds, _ in singles)
        rows.append(
            {
                "method": f"`{name}`",
                "seconds, median": statistics.median(s for s, _ in singles),
                "seconds, longest": max(s for s, _ in singles),
                "asked": f"≤ {ASKED[name]} s" if name in ASKED else "-",
                "longest wait for a frame (s)": max(gap for _, gap in singles),
                f"{BATCH} at once, in single runs": together / alone,
            }
        )
        print(rows[-1], flush=True)
    print(f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}")
    table("latency", rows)


if __name__ == "__main__":
    main()
