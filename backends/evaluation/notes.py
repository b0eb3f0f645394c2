"""What a row's numbers rest on, and why some are missing, in sentences for the report."""

from __future__ import annotations

from backends.evaluation.summary import Answered
from backends.metrics import coverage, frechet, kernel

__all__ = ["notes"]


def notes(answered: Answered) -> tuple[str, ...]:
    """Of one row; others may have the same."""
    said = [answered.judges.note]
    if answered.found.problem("oracle"):
        said.append("Realism is not measured: the bundle has no oracle whose features could tell.")
    else:
        said.append(
            "Fréchet and kernel distance, precision and recall are measured in the oracle's "
            "features: they are not FID, KID and the like of Inception's. A Fréchet distance "
            f"needs more flipped answers than there are features, and is trusted from "
            f"{frechet.ENOUGH} on; below, read the kernel distance (from {kernel.FEWEST} on) and "
            f"precision and recall (from {coverage.FEWEST} on)."
        )
    flipped = int(answered.flipped.sum())
    if flipped < frechet.ENOUGH:
        said.append(
            f"At most {len(answered.flipped)} answers a row: too few for a Fréchet distance that "
            "could be compared with others'."
        )
    return tuple(said)
