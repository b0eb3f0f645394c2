"""What an answer costs."""

from __future__ import annotations

from collections.abc import Mapping

from backends.metrics.metric import metric

__all__ = ["nfe", "nfe_backward", "nfe_forward", "seconds"]


@metric(
    "nfe", "Network calls", "lower", "calls a picture", library="own", form="{:.0f}",
    short="Network evaluations", scope="row", compared="always",
)  # fmt: skip
def nfe(calls: Mapping[str, float]) -> float:
    """Calls of all networks, forward and backward."""
    return sum(calls.values())


@metric(
    "nfe_forward", "Forward passes", "lower", "calls a picture", library="own", scope="row"
)  # fmt: skip
def nfe_forward(calls: Mapping[str, float]) -> float:
    """Calls forward."""
    return calls["forward"]


@metric(
    "nfe_backward", "Backward passes", "lower", "calls a picture", library="own", scope="row"
)  # fmt: skip
def nfe_backward(calls: Mapping[str, float]) -> float:
    """Calls backward."""
    return calls["backward"]


@metric(
    "seconds", "Time", "lower", "s a picture", library="own", form="{:.2f}", short="Seconds",
    scope="row", compared="always",
)  # fmt: skip
def seconds(seconds_taken: float) -> float:
    """Time of the search and of measuring its answer."""
    return seconds_taken
