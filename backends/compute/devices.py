"""How everything is computed: on which device, with which numbers, in which memory layout.

The switches are the environment variables ``STUDIO_DEVICE`` (cpu, cuda, mps, or auto),
``STUDIO_PRECISION``, ``STUDIO_CHECKPOINTING`` and ``STUDIO_COMPILED``, so that a Space, a command
line and the processes that either starts agree. float32 is the default, which alone repeats an
answer bit for bit; with less, a run measures and tells what that changes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from backends.errors import BadInput
from backends.settings import settings

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "EXACT",
    "SWITCH",
    "choose",
    "current",
    "describe",
    "paced",
    "part_budget",
    "placed",
    "precision",
    "settle",
    "use",
    "use_precision",
]

T = TypeVar("T")
PRECISION, EXACT = "STUDIO_PRECISION", "float32"
LARGE = 50_000_000  # weights from which a network is worth checkpoints and a compiler
ROOMY = 24e9  # bytes of a card on which nothing is computed twice
SWITCH = "STUDIO_DEVICE"
SMALL = 4096  # pixels of a batch, up to which handing work to a second thread costs more


def choose(name: str = "auto") -> str:
    """The device to compute on; ``auto`` is cuda, else mps, else cpu.

    :raises BadInput: an unknown or absent device.
    """
    import torch

    # Asked one by one: where another process owns CUDA, even to ask for it is too much.
    present: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
        "cpu": lambda: True,
    }
    if name == "auto":
        return next(device for device, there in present.items() if there())
    if name not in present or not present[name]():
        here = ", ".join(device for device in ("cpu", "cuda", "mps") if present[device]())
        raise BadInput(
            "device {name!r} is not available here; choose from: auto, {here}", name=name, here=here
        )
    return name


def use(name: str) -> str:
    """Turn the switch; bundles that are open stay where they are, those asked for by name open
    anew.

    :raises BadInput: an unknown or absent device.
    """
    os.environ[SWITCH] = choose(name)
    return os.environ[SWITCH]


def current() -> str:
    """The device that the switch says; ``auto`` where nobody turned it.

    :raises BadInput: it says an unknown or absent device.
    """
    return choose(settings().device)


def precision() -> str:
    """float32, tf32, bf16 or fp16, as the switch says.

    :raises BadInput: it says another.
    """
    return settings().precision if os.environ.get(PRECISION) else EXACT


def use_precision(name: str) -> str:
    """Turn the switch.

    :raises BadInput: there are no such numbers, or not on this device.
    """
    os.environ[PRECISION] = name
    if precision() == "tf32" and current() != "cuda":
        raise BadInput("tf32 needs a CUDA device; choose bf16, or --device cuda")
    return name


def describe(device: str) -> str:
    """The device as a person knows it: its kind, and of a card its name and memory."""
    import torch

    if device == "cuda":
        card = torch.cuda.get_device_properties(0)
        return f"cuda, {card.name}, {card.total_memory / 1e9:.0f} GB"
    if device == "mps":
        return f"mps, {torch.mps.recommended_max_memory() / 1e9:.0f} GB to use"
    threads = torch.get_num_threads()
    return f"cpu, {threads} thread{'s' if threads > 1 else ''}"


def settle(device: str) -> None:
    """Make a device compute as the methods' promises need it: the same bytes for the same seed,
    and full float32, where CUDA's defaults take what is fastest. Costs nothing when repeated."""
    import torch

    if device != "cuda":
        return
    # Read when cuBLAS starts: without it, its sums may differ from one run to the next.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    # Its gradient adds in any order; the plain attention's does not.
    torch.backends.cuda.enable_mem_efficient_sdp(False)
    # TensorFloat-32 has ten bits: a flow's decode(encode(x)) would be a grey level off.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def placed(network: nn.Module, device: str) -> nn.Module:
    """The network on the device, as it computes fastest there or, on a small card, with least
    memory; its answers stay the same."""
    import torch

    # Convolutions on channels-last weights are about a third faster on the CPU; a card's matrix
    # units want them so in half precision alone.
    last = device == "cpu" or (device == "cuda" and precision() in ("bf16", "fp16"))
    network = network.to(device)
    if last:
        network = network.to(memory_format=torch.channels_last)
    if sum(weight.numel() for weight in network.parameters()) >= LARGE:
        modules = network.modules() if _checkpointing(device) else ()
        for module in modules:
            if isinstance(module, Checkpointed):
                module.enable_gradient_checkpointing()
        if settings().compiled:
            network.compile()
    return network


@runtime_checkable
class Checkpointed(Protocol):
    """A network that can forget what lies between its blocks and compute it again for a gradient;
    diffusers' can."""

    def enable_gradient_checkpointing(self) -> None: ...


def _checkpointing(device: str) -> bool:
    import torch

    asked = settings().checkpointing
    small = device == "cuda" and torch.cuda.get_device_properties(0).total_memory < ROOMY
    return asked == "on" or (asked == "auto" and small)


def part_budget(device: str) -> float:
    """Bytes of networks that may stay on a device after their run; a run needs the rest of a card
    for itself."""
    import torch

    if device != "cuda":
        return math.inf
    return torch.cuda.get_device_properties(0).total_memory / 2


@contextmanager
def _numbers(device: str, name: str) -> Iterator[None]:
    """Compute with such numbers inside."""
    import torch

    if name == EXACT:
        yield
    elif name == "tf32":
        backends: list[Any] = [torch.backends.cudnn, torch.backends.cuda.matmul]
        before = [backend.allow_tf32 for backend in backends]
        try:
            for backend in backends:
                backend.allow_tf32 = True
            yield
        finally:
            for backend, allowed in zip(backends, before, strict=True):
                backend.allow_tf32 = allowed
    else:
        with torch.autocast(device, torch.bfloat16 if name == "bf16" else torch.float16):
            yield


def paced(
    steps: Iterator[T], pixels: int, device: str = "cpu", numbers: str = EXACT
) -> Iterator[T]:
    """The same steps, each computed with such ``numbers``. Those of a small job on the CPU are
    computed by one thread, which is then faster. Elsewhere the threads only feed the device and
    stay as they are.

    :param pixels: of the whole batch.
    """
    import torch

    usual = torch.get_num_threads()
    one = device == "cpu" and pixels <= SMALL
    try:
        while True:
            torch.set_num_threads(1 if one else usual)
            try:
                # Left open over a yield, it would hold for whatever the caller computes.
                with _numbers(device, numbers):
                    step = next(steps)
            except StopIteration:
                return
            finally:
                torch.set_num_threads(usual)
            yield step
    finally:
        close = getattr(steps, "close", None)
        if close:
            close()
