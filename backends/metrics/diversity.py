"""How much the answers to one picture differ from seed to seed.

Jeanneret et al.: Adversarial counterfactual visual explanations (ACE), CVPR 2023, section 4.2, and
RCSB report the mean LPIPS (VGG-16) between pairs.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from backends.metrics.distance import l2
from backends.metrics.metric import metric

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from backends.metrics.perceptual import Perceptual

__all__ = ["diversity_l2", "diversity_lpips", "pairwise"]

AT_ONCE = 32  # pictures that a network sees


def pairwise(by_seed: Tensor, distance: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Mean of a distance over all pairs of seeds, [N], of answers [S, N, C, H, W], S > 1."""
    import torch

    pairs = list(combinations(by_seed, 2))
    total = [
        torch.cat([distance(a, b) for a, b in zip(x.split(AT_ONCE), y.split(AT_ONCE), strict=True)])
        for x, y in pairs
    ]
    return torch.stack(total).mean(0)


@metric(
    "diversity_l2", "Diversity over seeds, L2", "neither", "norm of x'_s - x'_t", scope="row",
    meaning="mean over pairs of seeds; 0 where every seed gives the same answer",
)  # fmt: skip
def diversity_l2(by_seed: Tensor) -> Tensor:
    """Mean Euclidean distance of a picture's answers, [N]."""
    return pairwise(by_seed, l2)


@metric(
    "diversity_lpips", "Diversity over seeds, LPIPS", "neither", "distance", library="own",
    scope="row", meaning="mean over pairs of seeds, by the bundle's own network",
)  # fmt: skip
def diversity_lpips(by_seed: Tensor, part_lpips: Perceptual) -> Tensor:
    """Mean LPIPS of a picture's answers by the bundle's network, AlexNet or VGG-16, [N]."""
    import torch

    device = next(part_lpips.parameters()).device
    with torch.no_grad():
        return pairwise(by_seed, lambda x, y: part_lpips(x.to(device), y.to(device)).cpu())
