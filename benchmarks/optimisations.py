"""What each way to compute faster, or in less memory, does to a step of RCSB on an ADM of random
weights: the published size on a card, a smaller one on the CPU.

    python -m benchmarks.accelerator --bundle photos
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.attention_processor import Attention, AttnProcessor
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from backends.compute import devices, oom
from backends.core import Region, Step
from backends.methods.rcsb import RCSB, RCSBConfig
from backends.priors.adm import ADM
from backends.targets.model import Classifier
from backends.targets.preset import PresetClassifier
from benchmarks.memory import Peak

__all__ = ["rows"]

SMALLER = {"size": 64, "width": 64, "multipliers": (1, 2, 3, 4), "attention": 2, "head": 32}
WHOLE = 100  # steps of a run


@dataclass(frozen=True)
class Way:
    """How a run is computed."""

    name: str
    batch: int = 1
    weights: bool = False  # keep what gradients of the weights would need, too
    attention: bool = True  # in one fused operation
    layout: bool = True  # as :func:`backends.compute.devices.placed` lays weights out
    checkpointing: bool = False
    compiled: bool = False
    numbers: str = devices.EXACT


def ways(device: str) -> list[Way]:
    """The plain loop first, then one after the other what is added to it."""
    found = [
        Way("plain: eager, float32", weights=True, attention=False, layout=False),
        Way("no gradients of the weights", attention=False, layout=False),
        Way("fused attention", layout=False),
        Way("memory layout (the default)"),
        Way("checkpointing", checkpointing=True),
        Way("compiled", compiled=True),
        Way("bf16", numbers="bf16"),
        Way("batch of 8", batch=8),
    ]
    if device == "cuda":
        found += [
            Way("tf32", numbers="tf32"),
            Way("bf16, compiled", numbers="bf16", compiled=True),
            Way("bf16, batch of 8", numbers="bf16", batch=8),
        ]
    return found


def rows(device: str, count: int) -> Iterator[dict[str, object]]:
    """Measure each way; the last row is what the counted operations would take at the rate that
    the device multiplies matrices.

    :param count: steps to measure, after a first one that is not.
    """
    plain, picture = 0.0, None
    for way in ways(device):
        walk = _Walk(device, way)
        peak = Peak(device)
        seconds, last = walk.measured(count)
        seconds /= way.batch
        plain = plain or seconds
        picture = last if picture is None else picture
        gap = (last[:1] - picture).abs().max() if way.batch == 1 else None
        yield {
            "way": way.name, "ms a step": f"{1000 * seconds:.0f}",
            f"s for {WHOLE} steps": f"{WHOLE * seconds:.1f}",
            "times faster": f"{plain / seconds:.2f}", "MB": round(peak.look()),
            "greatest difference": "-" if gap is None else f"{float(gap):.1e}",
        }  # fmt: skip
        del walk
        oom.release(device)
    operations, rate = _Walk(device, Way("")).operations(), matrix_rate(device)
    yield {
        "way": f"floor: {operations / 1e9:.0f} GFLOP a step at {rate / 1e12:.2f} TFLOP/s",
        "ms a step": f"{1000 * operations / rate:.0f}",
        f"s for {WHOLE} steps": f"{WHOLE * operations / rate:.1f}",
        "times faster": f"{plain * rate / operations:.2f}", "MB": "-", "greatest difference": "-",
    }  # fmt: skip


class _Walk:
    """RCSB on random weights."""

    def __init__(self, device: str, way: Way) -> None:
        self.device, self.way = device, way
        torch.manual_seed(0)
        arguments: dict[str, Any] = {} if device == "cuda" else SMALLER
        network: Any = ADM(**arguments).eval().requires_grad_(way.weights)
        if not way.attention:
            for module in network.modules():
                if isinstance(module, Attention):
                    module.set_processor(AttnProcessor())
        network = devices.placed(network, device) if way.layout else network.to(device)
        if way.checkpointing:
            network.unet.enable_gradient_checkpointing()
        if way.compiled:
            network.compile()
        target: Any = PresetClassifier("mobilenet_v2").eval().requires_grad_(way.weights)
        target = devices.placed(target, device) if way.layout else target.to(device)
        self.f = Classifier(target, [str(n) for n in range(1000)])
        self.network = network
        side = arguments.get("size", 256)
        self.x = torch.rand(1, 3, side, side).expand(way.batch, -1, -1, -1).contiguous()

    def steps(self) -> Iterator[Step]:
        x, method = self.x.to(self.device), RCSB(self.f, self.network)
        target = torch.full((len(x),), 340, device=self.device)
        region, draw = Region(torch.ones_like(x[:, :1])), torch.Generator().manual_seed(0)
        walk = method.explain(x, target, region, RCSBConfig(steps=WHOLE), draw)
        return devices.paced(walk, x[:, 0].numel(), self.device, self.way.numbers)

    def measured(self, count: int) -> tuple[float, Tensor]:
        """Median seconds of a step, and the picture after them."""
        steps, taken = self.steps(), []
        step = next(steps)
        for _ in range(count):
            _wait(self.device)
            begun = time.perf_counter()
            step = next(steps)
            _wait(self.device)
            taken.append(time.perf_counter() - begun)
        return statistics.median(taken), step.image.float().cpu()

    def operations(self) -> float:
        """Floating-point operations of one step: the networks forwards, and as many for the
        gradient of their input."""
        x = self.x.to(self.device)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            self.f.logits(self.network(x, torch.ones(len(x), device=self.device)).clamp(0, 1))
        return 2.0 * counter.get_total_flops()


def matrix_rate(device: str, side: int = 4096) -> float:
    """Operations a second of a float32 matrix product."""
    a = torch.rand(side, side, device=device)
    return 2 * side**3 / _fastest(lambda: a @ a, device)


def _fastest(work: Callable[[], Tensor], device: str) -> float:
    found = []
    for _ in range(5):
        _wait(device)
        begun = time.perf_counter()
        work()
        _wait(device)
        found.append(time.perf_counter() - begun)
    return min(found)


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
