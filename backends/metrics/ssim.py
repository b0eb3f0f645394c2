"""Structural similarity, with torchmetrics' defaults (Gaussian window 11, sigma 1.5).

Wang et al.: Image quality assessment, IEEE TIP 2004.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["ssim"]


@torch.no_grad()
def ssim(factual: Tensor, counterfactual: Tensor) -> Tensor:
    """Pictures [B, C, H, W] in [0, 1] (data range 1) -> [B] in [-1, 1]; 1 for equal pictures."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    value = structural_similarity_index_measure(
        counterfactual, factual, data_range=1.0, reduction="none"
    )
    return value.reshape(len(factual))
