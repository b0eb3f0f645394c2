"""How an answer ended, in sentences that hold in every case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["verdict"]

LARGE = 0.02  # of 0 to 1: an error that a person may see


def verdict(record: Mapping[str, Any]) -> list[str]:
    """Say what the model and the oracle make of an answer; the first sentence is the headline.

    :param record: the content of result.json.
    """
    found = [_outcome(record)]
    if record["oracle"]:
        found.append(_opinion(record))
    found += _amount(record)
    return found


def _outcome(record: Mapping[str, Any]) -> str:
    before, after = record["factual"]["label"], record["counterfactual"]["label"]
    target, status = record["target"], record["status"]
    p = record["counterfactual"]["probabilities"][target]
    if status == "cancelled":
        return (
            f"Stopped at step {record['step']} of {record['steps']}: this is the last frame, not a "
            f"finished answer. The model says “{after}”, and gives “{target}” {p:.0%}."
        )
    if status == "flipped":
        return f"Flipped: the model said “{before}”, now it says “{after}” ({p:.0%})."
    if after == target:  # as where a number was to be passed by more
        return f"Not reached: the model says “{target}” ({p:.0%}), but the search asked for more."
    says = f"still says “{after}”" if after == before else f"now says “{after}”, not “{target}”"
    return f"Not flipped: the model {says}, and gives “{target}” {p:.0%}. This is the best attempt."


def _opinion(record: Mapping[str, Any]) -> str:
    target, after = record["target"], record["counterfactual"]["label"]
    seen = record["oracle"]["label"]
    judge = "The oracle, a classifier that the method never saw,"
    if seen == after == target:
        return f"{judge} agrees: it says “{seen}” too."
    if seen == after:
        return f"{judge} sees what the model sees: “{seen}”, not “{target}”."
    if seen == target:
        return f"{judge} says “{target}” already, where the model says “{after}”."
    return f"{judge} disagrees: it says “{seen}”. The change may be one that only the model sees."


def _amount(record: Mapping[str, Any]) -> list[str]:
    metrics, found = record["metrics"], []
    if (share := metrics.get("changed_area")) is not None:
        where = "" if record["region"]["area"] >= 1 else "; nothing outside the region did"
        exact = metrics.get("change_outside") == 0
        found.append(f"{share:.1%} of the pixels changed visibly{where if exact else ''}.")
    if (percentile := metrics.get("log_density_percentile")) is not None:
        found.append(
            f"By the density, {percentile:.0f} % of real pictures of “{record['target']}” are less "
            "typical than this one."
        )
    error = metrics.get("inversion_error", metrics.get("reconstruction_error"))
    if error is not None and error > LARGE:
        found.append(
            f"Even unchanged, the prior rebuilds this picture with an error of {error:.3f}."
        )
    return found
