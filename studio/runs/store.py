"""The contract of what keeps visitors' runs beyond their page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from studio.runs.run import Run

__all__ = ["KeptRun", "Store"]


@dataclass(frozen=True)
class KeptRun:
    """What the list of a visitor's runs tells of one.

    :ivar ended: seconds since the epoch.
    :ivar source: what the model said of the factual.
    :ivar status: as in result.json.
    :ivar brought: whether its files were dropped on the page, so that nothing here computed it.
    :ivar size: bytes on the disk.
    :ivar thumbnail: a PNG, the factual beside the counterfactual.
    """

    id: str
    ended: float
    bundle: str
    method: str
    source: str
    target: str
    region: str
    status: str
    brought: bool
    size: int
    thumbnail: Path


class Store(Protocol):
    """Keeps visitors' ended runs (:class:`studio.runs.kept.KeptRuns`)."""

    def save(self, run: Run, visitor: str) -> int:
        """Keep an answered run; returns its bytes.

        :raises OSError: it cannot be written.
        """

    def load(self, run_id: str) -> Run | None:
        """The run of that id, whoever's it is, if it is kept."""

    def of(self, visitor: str) -> list[KeptRun]:
        """A visitor's runs, the newest first."""

    def delete(self, run_id: str, visitor: str) -> bool:
        """Remove a visitor's run; False where it is not theirs, or not there."""
