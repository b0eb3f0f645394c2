"""SimSiam's encoder, whose features S3 is measured in.

Chen & He: Exploring simple siamese representation learning, CVPR 2021,
https://arxiv.org/abs/2011.10566. Its weights are a checkpoint that a person gives
(:func:`backends.conversion.simsiam.read`).
"""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["SimSiam"]

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's colours


class SimSiam(nn.Module):
    """A ResNet and SimSiam's projector of three layers; without its predictor.

    :param architecture: torchvision's name of the ResNet.
    :param features: at the projector's end.
    """

    def __init__(self, architecture: str = "resnet50", features: int = 2048) -> None:
        super().__init__()
        from torchvision.models import get_model

        self.encoder = get_model(architecture, weights=None)
        inner = self.encoder.fc.in_features
        self.encoder.fc = nn.Sequential(
            nn.Linear(inner, inner, bias=False), nn.BatchNorm1d(inner), nn.ReLU(),
            nn.Linear(inner, inner, bias=False), nn.BatchNorm1d(inner), nn.ReLU(),
            nn.Linear(inner, features), nn.BatchNorm1d(features, affine=False),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Pictures [B, C, H, W] in [0, 1], grey or colour, which are not resized -> features
        [B, D]."""
        x = x.expand(-1, 3, -1, -1)
        mean, deviation = (x.new_tensor(of)[:, None, None] for of in (MEAN, DEVIATION))
        features: Tensor = self.encoder((x - mean) / deviation)
        return features
