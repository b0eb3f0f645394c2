"""What a row's numbers rest on, and why some are missing, in sentences for the report."""

from __future__ import annotations

from backends import bundles
from backends.evaluation.judge_networks import INCEPTION, SHARED
from backends.evaluation.summary import Answered
from backends.metrics import coverage, frechet, kernel

__all__ = ["notes"]


def notes(answered: Answered) -> tuple[str, ...]:
    """Of one row; others may have the same."""
    said = [answered.judges.note]
    if answered.viewed(INCEPTION) is not None:
        said.append(
            f"FID wants {frechet.ENOUGH} factuals and as many flipped answers, and is left out "
            f"below; read KID (from {kernel.FEWEST} on) and precision and recall (from "
            f"{coverage.FEWEST} on) in Inception's features instead."
        )
    else:
        said.append(
            "FID and the like are not measured, since Inception is not here; fetch it with: "
            f"{bundles.get(SHARED).pull_command}"
        )
    if answered.oracle_features is not None:
        said.append(
            "Fréchet and kernel distance, precision and recall are measured in the oracle's "
            "features: they are not FID, KID and the like of Inception's. A Fréchet distance "
            f"needs more flipped answers than there are features, and is trusted from "
            f"{frechet.ENOUGH} on; below, read the kernel distance (from {kernel.FEWEST} on) and "
            f"precision and recall (from {coverage.FEWEST} on)."
        )
    fewest = min(len(answered.questions.x), int(answered.flipped.sum()))
    if fewest < frechet.ENOUGH:
        said.append(
            f"At most {len(answered.flipped)} answers a row: too few for a Fréchet distance that "
            "could be compared with others'."
        )
    return tuple(said)
