"""What else changed: other attributes of a face, judged by a multi-label oracle.

MNAC after Rodriguez et al. (DiVE), ICCV 2021; CD after Jeanneret et al. (DiME), ACCV 2022.
Predictions are probabilities [N, A] of A attributes, before and after.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

__all__ = ["changed_attributes", "correlation_difference"]


def changed_attributes(factual: Tensor, counterfactual: Tensor) -> Tensor:
    """MNAC's count: attributes on the other side of 1/2 afterwards, the query included, [N]."""
    return ((factual > 0.5) != (counterfactual > 0.5)).sum(1)


def correlation_difference(
    factual: Tensor, counterfactual: Tensor, label_correlations: Tensor, query: int
) -> tuple[Tensor, Tensor]:
    """CD: sum over attributes of |corr(labels) - corr(changes)| with the query.

    The changes are of binarised predictions (-1, 0 or 1), as in the authors' code; an attribute
    that never changes has correlation 0.

    :param label_correlations: of each attribute's labels with the query's, [A].
    :param query: the attribute asked for.
    :return: the sum, and the changes' correlations [A].
    """
    change = ((counterfactual > 0.5).double() - (factual > 0.5).double()).cpu().numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations = np.corrcoef(change, rowvar=False)[query]
    ours = label_correlations.new_tensor(np.nan_to_num(correlations))
    return (label_correlations - ours).abs().sum(), ours
