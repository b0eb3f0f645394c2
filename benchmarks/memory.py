"""The most memory that a process, or a device, had in use."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from backends.compute import oom

__all__ = ["Peak"]

PROCESS = Path("/proc/self")


class Peak:
    """The most memory in use since it was made, in MB: of a card what tensors take, weights
    included; of MPS the most its driver held at a step; on the CPU the process's resident
    memory, of which Linux alone forgets earlier peaks."""

    def __init__(self, device: str) -> None:
        self.device, self.most = device, 0.0
        oom.release(device)
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        elif device == "cpu" and PROCESS.is_dir():
            (PROCESS / "clear_refs").write_text("5")

    def look(self) -> float:
        """Called at every step, for what has no record of its own."""
        self.most = max(self.most, self._now() / 1e6)
        return self.most

    def _now(self) -> float:
        if self.device == "cuda":
            return torch.cuda.max_memory_allocated()
        if self.device == "mps":
            return torch.mps.driver_allocated_memory()
        if PROCESS.is_dir():
            status = (PROCESS / "status").read_text()
            found = re.search(r"VmHWM:\s+(\d+)", status)
            assert found, "Linux tells it"
            return 1024 * int(found[1])
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
