"""How much a confined process may use."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Limits"]

GRACE = 5  # seconds after the time-out in which an orphan ends itself


@dataclass(frozen=True)
class Limits:
    """What a confined process may use. Windows knows none of these but ``seconds``, and ``reply``.

    :ivar seconds: by the clock, counted by the parent.
    :ivar processor: seconds of the processor.
    :ivar memory: bytes of addresses beyond those that Python and the function's modules have
        (Linux). Arrow reserves more than it uses, so this is more than what a file may need.
    :ivar file: bytes of any one file that is written.
    :ivar files: that are open at once.
    :ivar reply: bytes of JSON that come back.
    :ivar patience: seconds to wait for another confined process to end.
    """

    seconds: float = 120.0
    processor: int = 60
    memory: int = 3_000_000_000
    file: int = 2_000_000_000
    files: int = 128
    reply: int = 4_000_000
    patience: float = 20.0

    def apply(self) -> None:
        """Limit this process, for good."""
        try:
            import resource
        except ImportError:  # Windows
            return
        wanted = {
            resource.RLIMIT_CPU: self.processor,
            resource.RLIMIT_FSIZE: self.file,
            resource.RLIMIT_NOFILE: self.files,
            resource.RLIMIT_CORE: 0,
        }
        used = _addresses()
        if used is not None:
            wanted[resource.RLIMIT_AS] = used + self.memory
        for kind, most in wanted.items():
            _, hard = resource.getrlimit(kind)
            least = most if hard == resource.RLIM_INFINITY else min(most, hard)
            with contextlib.suppress(OSError, ValueError):  # a system that does not know this one
                resource.setrlimit(kind, (least, least))
        # A parent that was killed ends nobody.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(round(self.seconds) + GRACE)


def _addresses() -> int | None:
    """Bytes of addresses that this process has; None where the system does not tell, and where it
    would not keep to a limit of them (macOS)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
