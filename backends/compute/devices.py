"""One switch for the device: cpu, cuda, mps, or auto; and how many threads a job takes there.

The switch is the environment variable ``STUDIO_DEVICE``, so that a Space, a command line and the
processes that either starts agree. Everything is computed in float32 on every device: what half
precision would change has not been measured on one, and a flow that must invert needs all of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TypeVar

from backends.errors import BadInput
from backends.settings import settings

__all__ = ["SWITCH", "choose", "current", "describe", "paced", "settle", "use"]

T = TypeVar("T")
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
        raise BadInput(f"device {name!r} is not available here; choose from: auto, {here}")
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


def paced(steps: Iterator[T], pixels: int, device: str = "cpu") -> Iterator[T]:
    """The same steps; those of a small job on the CPU are computed by one thread, which is then
    faster. Elsewhere the threads only feed the device and stay as they are.

    :param pixels: of the whole batch.
    """
    import torch

    usual = torch.get_num_threads()
    one = device == "cpu" and pixels <= SMALL
    try:
        while True:
            torch.set_num_threads(1 if one else usual)
            try:
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
