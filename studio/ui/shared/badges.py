"""How a run ended, in two or three words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["STATUS", "badge"]

STATUS = {
    "flipped": "✓ flipped",
    "not_flipped": "✗ not flipped",
    "cancelled": "■ stopped, last frame",
    "stopped": "■ stopped",
    "not_started": "■ not started",
    "failed": "✗ no answer",
    "waiting": "waiting …",
    "running": "running …",
}
DOUBTFUL = "✓ flipped, but the oracle disagrees"


def badge(row: Mapping[str, Any]) -> tuple[str, str]:
    """How a run ended: a class of the style sheet, and words."""
    if row["status"] == "flipped" and row["oracle_agrees"] is False:
        return "doubtful", DOUBTFUL
    return str(row["status"]), STATUS[row["status"]]
