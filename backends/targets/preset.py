"""Classifiers of torchvision and timm as parts of a bundle, with the preparation that they learnt
with."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from backends.targets.preprocessing import BILINEAR, Intake

__all__ = ["PresetClassifier"]


class PresetClassifier(nn.Module):
    """Pictures [B, 3, H, W] in [0, 1] -> logits [B, classes].

    :param name: of the architecture in its ``library``, torchvision or timm.
    :param resized: length of the shorter side in pixels, and ``crop`` that of the middle square.
    :param mean: of each colour, and ``std`` its deviation.
    """

    def __init__(
        self,
        name: str,
        library: Literal["torchvision", "timm"] = "torchvision",
        classes: int = 1000,
        resized: int = 256,
        crop: int = 224,
        mean: tuple[float, ...] = (0.485, 0.456, 0.406),
        std: tuple[float, ...] = (0.229, 0.224, 0.225),
    ) -> None:
        super().__init__()
        self.network = _made(library, name, classes)
        self.intake = Intake(resized, (crop, crop), tuple(mean), tuple(std), BILINEAR)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [B, classes]."""
        return self.network(self.intake(x))


def _made(library: str, name: str, classes: int) -> nn.Module:
    if library == "timm":
        import timm  # takes seconds to import, as torchvision's models do

        return timm.create_model(name, num_classes=classes)
    from torchvision.models import get_model

    return get_model(name, weights=None, num_classes=classes)
