"""The contract of what keeps visitors' runs beyond their page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    :ivar model: the model that was explained; empty where an earlier version kept the run.
    :ivar changed: the method's settings that differ from the bundle's own, by name.
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
    model: str = ""
    changed: Mapping[str, str] = field(default_factory=dict)


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
