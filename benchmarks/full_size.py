"""One step of RCSB on the published network's size, 553 million random weights at 256 pixels: its
seconds and the greatest memory that this process held.

    python -m benchmarks.full_size [--checkpointing]

Each call measures one row: a process cannot tell what a part of it held.
"""

from __future__ import annotations

import argparse
import resource
import time

import torch

from backends.compute import devices
from backends.core import Region
from backends.methods.rcsb import RCSB, RCSBConfig
from backends.priors.adm import ADM
from backends.targets.model import Classifier
from backends.targets.preset import PresetClassifier
from benchmarks.digits import earlier, table

SIZE = 256
PARAMETERS = 552_807_171


def step(checkpointing: bool) -> dict[str, object]:
    """A row: parameters, seconds, peak memory in GB.

    :param checkpointing: whether the network forgets what it can compute again.
    """
    torch.manual_seed(0)
    network = ADM().eval().requires_grad_(False).to(devices.current())
    count = sum(weight.numel() for weight in network.parameters())
    assert count == PARAMETERS
    if checkpointing:
        network.unet.enable_gradient_checkpointing()
    target = PresetClassifier("mobilenet_v2").eval().requires_grad_(False)
    f = Classifier(target, [str(n) for n in range(1000)])
    method = RCSB(f, network)
    x = torch.rand(1, 3, SIZE, SIZE)
    region = Region(torch.ones_like(x[:, :1]))
    config = RCSBConfig(steps=100)
    walk = method.explain(x, torch.tensor([340]), region, config, torch.Generator().manual_seed(0))
    begun = time.perf_counter()
    next(iter(walk))
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # kilobytes here
    return {
        "parameters, million": f"{count / 1e6:.1f}",
        "checkpointing": "yes" if checkpointing else "no",
        "seconds a step": f"{seconds:.1f}", "peak memory, GB": f"{peak:.1f}",
        "threads": torch.get_num_threads(),
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpointing", action="store_true")
    given = parser.parse_args()
    row = step(given.checkpointing)
    others = [r for r in earlier("full_size") if r["checkpointing"] != row["checkpointing"]]
    table("full_size", [*others, row])
