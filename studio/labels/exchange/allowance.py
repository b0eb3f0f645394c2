"""How much a file that is imported may hold, and the process that reads it use."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from backends.confined import Limits

__all__ = ["OWNER", "VISITOR", "Allowance"]


@dataclass(frozen=True)
class Allowance:
    """How much an import may take.

    :ivar rows: items, responses and suggestions together; the studio holds them in memory, about
        a kilobyte each.
    :ivar lines: bytes of all rows.
    :ivar content: bytes of all pictures.
    :ivar pixels: of all pictures; a few kilobytes may be fifty million.
    :ivar text: bytes of a file that is read into memory whole.
    :ivar people: who answered.
    :ivar process: of the process that reads the file.
    """

    rows: int = 300_000
    lines: int = 400_000_000
    content: int = 2_000_000_000
    pixels: int = 5_000_000_000
    text: int = 500_000_000
    people: int = 1000
    process: Limits = field(default_factory=Limits)

    @property
    def counts(self) -> dict[str, Any]:
        """All but the process's, as JSON values."""
        return {key: value for key, value in asdict(self).items() if key != "process"}


VISITOR = Allowance()
# Who runs the command line may fill this machine anyhow; a crash still becomes a sentence.
OWNER = Allowance(
    rows=20_000_000, lines=20_000_000_000, content=500_000_000_000, pixels=10_000_000_000_000,
    text=20_000_000_000, people=100_000,
    process=Limits(
        seconds=21_600, processor=21_600, memory=100_000_000_000, file=500_000_000_000,
        patience=600,
    ),
)  # fmt: skip
