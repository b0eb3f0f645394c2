"""S3: are factual and counterfactual the same picture to a self-supervised network?

Jeanneret et al.: Adversarial counterfactual visual explanations (ACE), CVPR 2023, section 4.2.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

__all__ = ["s3"]


def s3(factual: Tensor, counterfactual: Tensor) -> Tensor:
    """Cosine of two features [N, D] for each picture, [N] in [-1, 1].

    The authors' features are SimSiam's (ResNet-50 with its projector, 2048 dimensions).
    """
    return F.cosine_similarity(factual, counterfactual, dim=1)
