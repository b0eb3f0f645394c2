"""One switch for the device: cpu, cuda, mps, or auto."""

from __future__ import annotations

from backends.errors import BadInput

__all__ = ["choose"]


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
