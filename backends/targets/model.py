"""A network as a target model."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

__all__ = ["Classifier"]


class Classifier:
    """A classifier, differentiable unless its network says that it is not.

    :param network: [B, C, H, W] in [0, 1] -> logits [B, K].
    """

    def __init__(self, network: Callable[[Tensor], Tensor], class_names: list[str]) -> None:
        self.network, self.class_names = network, class_names
        self.differentiable: bool = getattr(network, "differentiable", True)

    def over(self, network: Callable[[Tensor], Tensor]) -> Classifier:
        """The same classes from another network."""
        return Classifier(network, self.class_names)

    def logits(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> [B, K]."""
        return self.network(x)

    def probabilities(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> [B, K]."""
        return self.logits(x).softmax(1)
