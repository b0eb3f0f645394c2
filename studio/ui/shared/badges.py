"""How a run ended, in two or three words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.translation import N_

__all__ = ["STATUS", "badge"]

STATUS = {
    "flipped": N_("✓ flipped"),
    "not_flipped": N_("✗ not flipped"),
    "cancelled": N_("■ stopped, last frame"),
    "stopped": N_("■ stopped"),
    "not_started": N_("■ not started"),
    "failed": N_("✗ no answer"),
    "waiting": N_("waiting …"),
    "running": N_("running …"),
}
DOUBTFUL = N_("✓ flipped, but the oracle disagrees")


def badge(row: Mapping[str, Any]) -> tuple[str, str]:
    """How a run ended: a class of the style sheet, and words."""
    if row["status"] == "flipped" and row["oracle_agrees"] is False:
        return "doubtful", DOUBTFUL
    return str(row["status"]), STATUS[row["status"]]
