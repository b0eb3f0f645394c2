"""A person as the target model: labels are given, not computed.

LeapFactual needs no more (Cao et al., 2025, section 4.3): the person is shown each leap's picture,
and what they call it is the current label of Algorithm 2.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from backends.core import TargetModel

__all__ = ["Asked"]


class Asked:
    """Says of every picture what the person said last.

    :param model: whose classes the person may say.
    :ivar label: the class that the person gave, set before the method goes on.
    """

    differentiable = False

    def __init__(self, model: TargetModel) -> None:
        self.class_names = model.class_names
        self.label = 0

    def probabilities(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> one-hot [B, K]."""
        label = x.new_full((len(x),), self.label).long()
        return F.one_hot(label, len(self.class_names)).to(x)

    def logits(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, K], minus infinity for all but one class."""
        return self.probabilities(x).log()
