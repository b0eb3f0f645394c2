"""How long a person waits, at B = 1 on this machine."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import torch

from backends import bundles
from backends.core import Region
from backends.explain.question import Question
from backends.explain.runner import run
from backends.methods.leapfactual import LeapConfig, LeapFactual
from backends.regions.attribution import propose
from backends.regions.settings import AutoRegion
from backends.targets.named import target_model
from benchmarks.digits import arguments, questions, table


def once(work: Callable[[], object]) -> float:
    """One run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Median of a few runs after one that warms up."""
    work()
    return statistics.median(once(work) for _ in range(repeats))


def paired(
    work: Callable[[], object], other: Callable[[], object], repeats: int = 25
) -> tuple[float, float]:
    """Medians of two works that take turns, so that a machine's moods hit both."""
    work()
    other()
    times = [(once(work), once(other)) for _ in range(repeats)]
    return statistics.median(a for a, _ in times), statistics.median(b for _, b in times)


def main() -> None:
    """Print seconds for a region, for both methods, and for LeapFactual's two solvers."""
    options = arguments(100)
    bundle = bundles.find(options.bundle)
    f = target_model(bundle)
    xs, _, targets = questions(bundle, options.data, options.count, trivial=False)
    xs, targets = xs.to(bundle.device), targets.to(bundle.device)
    x, target, region = xs[:1], targets[:1], Region(torch.ones_like(xs[:1]))

    def explain(method: str) -> Callable[[], object]:
        return lambda: list(run(Question.of(bundle, method, x, target, region)))

    def first(method: str) -> Callable[[], object]:
        return lambda: next(run(Question.of(bundle, method, x, target, region)))

    class Latents:
        """The bundle's autoencoder, remembering the latents it decodes."""

        def __init__(self) -> None:
            self.seen: list[torch.Tensor] = []

        def encode(self, x: torch.Tensor) -> torch.Tensor:
            return bundle.part("autoencoder").encode(x)

        def decode(self, z: torch.Tensor) -> torch.Tensor:
            self.seen.append(z)
            return bundle.part("autoencoder").decode(z)

    def leaps(i: int, **config: object) -> tuple[torch.Tensor, torch.Tensor]:
        latents = Latents()
        method = LeapFactual(f, latents, bundle.part("velocity"))
        steps = method.explain(
            xs[i : i + 1], targets[i : i + 1], region, LeapConfig.model_validate(config),
            torch.Generator(),
        )  # fmt: skip
        return torch.cat([step.image for step in steps]), latents.seen[-1]

    @torch.no_grad()
    def labels(pictures: torch.Tensor) -> list[int]:
        return f.probabilities(pictures).argmax(1).tolist()

    adaptive = {"solver": "dopri5", "solver_steps": 4}  # the authors' five save points
    distances, same = [], 0
    for i in range(len(xs)):
        (seen, z), (their_seen, their_z) = leaps(i), leaps(i, **adaptive)
        distances.append(float((z - their_z).abs().max()))
        same += labels(seen) == labels(their_seen)
    quick, slow = paired(lambda: leaps(0), lambda: leaps(0, **adaptive))
    region_time = seconds(lambda: propose(f, x, AutoRegion()))
    rows: list[dict[str, object]] = [
        {"what": "integrated-gradients region", "measured": region_time, "asked": "≤ 0.4 s"},
        {"what": "RCSB, 100 steps", "measured": seconds(explain("rcsb"), 3), "asked": "≤ 3 s"},
        {"what": "RCSB, first step", "measured": seconds(first("rcsb")), "asked": "≤ 0.3 s"},
        {"what": "LeapFactual, 15 + 5 leaps", "measured": seconds(explain("leapfactual")),
         "asked": "-"},
        {"what": "LeapFactual, first leap", "measured": seconds(first("leapfactual")),
         "asked": "≤ 0.3 s"},
        {"what": "leaps only, fixed steps", "measured": quick, "asked": "-"},
        {"what": "leaps only, dopri5 at 1e-4, five save points", "measured": slow, "asked": "-"},
        {"what": "dopri5 / fixed steps", "measured": slow / quick, "asked": "≥ 3"},
        {"what": f"greatest latent difference, {len(xs)} pictures", "measured": max(distances),
         "asked": "≤ 0.01"},
        {"what": "pictures with the same label at every leap", "measured": f"{same}/{len(xs)}",
         "asked": "all"},
    ]  # fmt: skip
    print(f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}")
    table("speed", rows)


if __name__ == "__main__":
    main()
