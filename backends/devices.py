"""One switch for the device: cpu, cuda, mps, or auto; and how many threads a job takes there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from backends.errors import BadInput

__all__ = ["choose", "paced"]

T = TypeVar("T")
SMALL = 4096  # pixels of a batch, up to which handing work to a second thread costs more


def choose(name: str = "auto") -> str:
    """The device to compute on.

    :raises BadInput: an unknown or absent device.
    """
    import torch

    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if present[device])
    if not present.get(name):
        here = ", ".join(device for device, there in present.items() if there)
        raise BadInput(f"device {name!r} is not available here; choose from: auto, {here}")
    return name


def paced(steps: Iterator[T], pixels: int) -> Iterator[T]:
    """The same steps; those of a small job are computed by one thread, which is then faster.

    :param pixels: of the whole batch.
    """
    import torch

    usual = torch.get_num_threads()
    try:
        while True:
            torch.set_num_threads(1 if pixels <= SMALL else usual)
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
