"""Seconds and memory of every method, one picture and a batch, on whatever device there is; of the
bundle photos, whose priors are not published here, what each way to compute does to one step.

    python -m benchmarks.accelerator [--bundle NAME]
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch import Tensor

from backends import bundles, registry
from backends.bundles import Bundle
from backends.compute import devices
from backends.core import Region
from backends.errors import OutOfMemory
from backends.evaluation import questions as sampling
from backends.explain.question import Question
from backends.explain.runner import run
from backends.imaging import eight_bit
from backends.priors.stylegan.network import MobileStyleGAN
from backends.targets.named import target_model
from benchmarks import optimisations
from benchmarks.digits import table
from benchmarks.memory import Peak

SEED = 2026
Asked = tuple[Tensor, Tensor, Tensor | None]  # pictures, targets, and what is known of their w


def main() -> None:
    """Print and keep a row for each method that the bundle can run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default="digits")
    parser.add_argument("--device", default="", help=f"cpu, cuda, mps; else as {devices.SWITCH}")
    parser.add_argument("--batch", type=int, default=16, help="pictures at once")
    parser.add_argument("--runs", type=int, default=3, help="single pictures, of which the median")
    parser.add_argument("--methods", default=",".join(registry.METHODS))
    options = parser.parse_args()
    if options.device:
        devices.use(options.device)
    bundle = bundles.find(options.bundle)
    print(f"{devices.describe(bundle.device)}, torch {torch.__version__}")
    if options.bundle == "photos":
        found = []
        for entry in optimisations.rows(bundle.device, options.runs):
            print(entry, flush=True)
            found.append(entry)
        table(f"optimisations_{bundle.device}", found)
        return
    asked = questions(bundle, max(options.batch, options.runs))
    rows = []
    for name in options.methods.split(","):
        parts = [bundle.named(kind) for kind in registry.method(name).needs]
        if all(bundle.problem(part) is None for part in ("classifier", *parts)):
            rows.append(row(bundle, name, asked, options.batch, options.runs))
            print(rows[-1], flush=True)
    table(f"accelerator_{bundle.name}_{bundle.device}", rows)


@torch.no_grad()
def questions(bundle: Bundle, count: int) -> Asked:
    """Pictures that the bundle's generator draws, or its examples, each to become another class;
    fewer where it has fewer."""
    drawn = [name for name, part in bundle.manifest.parts.items() if part.kind == "generator"]
    network = bundle.part(drawn[0]) if drawn else None
    if not isinstance(network, MobileStyleGAN):
        found = sampling.draw(bundle, min(count, len(bundle.manifest.examples)), [], None, SEED)
        return found.x, found.target, None
    w = network.sample_w(count, torch.Generator().manual_seed(SEED))
    # One by one, so that only what is measured fills the device; in 8 bits, as a saved picture.
    x = torch.cat([eight_bit(network.decode(one)).cpu() for one in w.split(1)])
    f = target_model(bundle)
    predicted = [f.probabilities(one.to(bundle.device)).argmax(1).cpu() for one in x.split(1)]
    return x, (torch.cat(predicted) + 1) % len(f.class_names), w.cpu()


def row(bundle: Bundle, name: str, asked: Asked, batch: int, runs: int) -> dict[str, object]:
    """One picture (median time, greatest memory), and the largest batch that fits."""
    count = len(asked[0])
    try:
        measured(bundle, name, asked, slice(0, 1))  # loads the parts, warms up
        single = [measured(bundle, name, asked, slice(i, i + 1)) for i in range(min(runs, count))]
    except OutOfMemory as error:
        return cells(name) | {"seconds": str(error)}
    one = statistics.median(s for s, _ in single), max(mb for _, mb in single)
    size = min(batch, count)
    while size > 1:
        try:
            together = measured(bundle, name, asked, slice(0, size))
        except OutOfMemory:
            size //= 2
            continue
        return cells(name, *one, size, together[0] / size, together[1])
    return cells(name, *one)


def cells(
    name: str,
    seconds: float | str = "-",
    peak: float | str = "-",
    size: int = 1,
    each: float | str = "-",
    together: float | str = "-",
) -> dict[str, object]:
    """A row of the table; a dash where there was no room."""
    return {
        "method": f"`{name}`",
        "seconds": seconds,
        "MB": round(peak) if isinstance(peak, float) else peak,
        "batch": size,
        "seconds a picture": each,
        "MB, batch": round(together) if isinstance(together, float) else together,
    }


def measured(bundle: Bundle, name: str, asked: Asked, part: slice) -> tuple[float, float]:
    """Seconds and MB of one run over some of the pictures, in the whole picture."""
    x, target, w = asked
    x, target, w = x[part], target[part], None if w is None else w[part]
    peak, begun = Peak(bundle.device), time.perf_counter()
    region = Region(torch.ones_like(x[:, :1]))
    for _ in run(Question.of(bundle, name, x, target, region, seed=SEED, latent=w)):
        peak.look()
    return time.perf_counter() - begun, peak.look()


if __name__ == "__main__":
    main()
