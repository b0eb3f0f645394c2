"""Which other properties change with the one that was asked for, as networks see them.

MNAC and CD of Jeanneret et al.: Diffusion models for counterfactual explanations (DiME), ACCV 2022,
https://arxiv.org/abs/2203.15636, section 4. Their networks know 40 attributes of CelebA, and their
correlations are those of its labels; here the networks are those that the bundle brings, and the
correlations are those of what they say of the factuals. Neither must stand beside a paper's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.metrics.metric import metric

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["attributes_changed", "correlation_difference"]

FEWEST = 10  # pictures that a correlation is taken over


@metric(
    "attributes_changed", "Attributes changed, by the bundle's networks", "lower", "attributes",
    scope="row", meaning="what was asked for among them; not MNAC, whose networks know 40",
)  # fmt: skip
def attributes_changed(attributes: tuple[Tensor, Tensor], flipped: Tensor) -> Tensor | None:
    """How many of the attributes differ, of the flipped answers [N]; NaN of the others. None where
    none flipped."""
    if not bool(flipped.any()):
        return None
    before, after = attributes
    return (before != after).sum(1).double().where(flipped, float("nan"))


@metric(
    "correlation_difference", "Correlation difference, by the bundle's networks", "lower", "sum",
    scope="row",
    meaning="how far attributes change together otherwise than they occur together; not CD, whose "
    "networks know 40",
)  # fmt: skip
def correlation_difference(attributes: tuple[Tensor, Tensor], flipped: Tensor) -> float | None:
    """Sum over the other attributes a of |corr(q, a) - corr(change of q, change of a)|, from 0 to
    2 (A - 1): q is the attribute that the model is asked about, and changes are -1, 0 or 1. A
    correlation with what does not vary counts as 0, as in the authors' code. None with fewer than
    10 flipped answers."""
    import torch

    before, after = attributes
    if int(flipped.sum()) < FEWEST:
        return None
    change = (after.double() - before.double())[flipped]
    told, changed = (torch.corrcoef(v.T)[0].nan_to_num(0) for v in (before.double(), change))
    return float((told - changed).abs()[1:].sum())
