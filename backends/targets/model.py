"""A network as a target model."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

__all__ = ["Classifier"]


class Classifier:
    """A classifier, differentiable unless its network says that it is not.

    :param network: [B, C, H, W] in [0, 1] -> logits [B, K].
    :param part: what the bundle calls it.
    """

    def __init__(
        self,
        network: Callable[[Tensor], Tensor],
        class_names: list[str],
        part: str = "classifier",
    ) -> None:
        self.network = network
        self.class_names = class_names
        self.part = part
        self.differentiable = getattr(network, "differentiable", True)

    def over(self, network: Callable[[Tensor], Tensor]) -> Classifier:
        """The same classes from another network (one that is counted)."""
        return Classifier(network, self.class_names, self.part)

    def logits(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> [B, K]."""
        return self.network(x)

    def probabilities(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1] -> [B, K]."""
        return self.logits(x).softmax(1)
