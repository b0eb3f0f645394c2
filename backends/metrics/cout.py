"""COUT: do the pixels that changed most carry the change of mind?

Khorram, Fuxin: Cycle-consistent counterfactuals by latent transformations, CVPR 2022, as used by
Jeanneret et al. (ACE), CVPR 2023.
"""

from __future__ import annotations

import torch
from torch import Tensor

from backends.core import TargetModel

__all__ = ["cout"]


@torch.no_grad()
def cout(
    target_model: TargetModel,
    factual: Tensor,
    counterfactual: Tensor,
    source: Tensor,
    target: Tensor,
    parts: int = 50,
) -> Tensor:
    """Area under the target's probability curve minus that of the source's, [B] in [-1, 1].

    The counterfactual's pixels enter the factual [B, C, H, W] in ``parts`` equal portions, the
    most changed first. The authors' portions are rounded, which lets their range reach 1.02.

    :param source: class left, [B].
    :param target: class asked for, [B].
    """
    count, _, height, width = factual.shape
    change = (counterfactual - factual).abs().sum(1).flatten(1)
    rank = change.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    curve = []
    for i in range(parts + 1):
        entered = (rank < round(i * height * width / parts)).view(count, 1, height, width)
        p = target_model.probabilities(torch.where(entered, counterfactual, factual))
        curve.append((p.gather(1, target[:, None]) - p.gather(1, source[:, None])).squeeze(1))
    return torch.trapezoid(torch.stack(curve), dx=1 / parts, dim=0)
