"""Classifiers of small grey pictures: the model that is explained, and its judge.

Both take [B, C, H, W] in [0, 1] and return logits [B, K].
"""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["ConvClassifier", "ResidualClassifier"]


class ConvClassifier(nn.Module):
    """Three convolutions and two linear layers, built only from modules that every attribution
    method of Captum can follow (each ReLU is a module of its own, used once).

    :param channels: colour channels of the picture.
    :param size: side of the picture in pixels, a multiple of 8.
    :param width: channels of the first convolution.
    """

    def __init__(self, channels: int, size: int, classes: int, width: int = 32) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        previous = channels
        for out in (width, 2 * width, 2 * width):
            stages += [nn.Conv2d(previous, out, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)]
            previous = out
        self.features = nn.Sequential(*stages)
        self.head = nn.Sequential(
            nn.Linear(previous * (size // 8) ** 2, 128),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(128, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, S, S] in [0, 1] -> logits [B, K]."""
        return self.head(self.features(x).flatten(1))

    def embed(self, x: Tensor) -> Tensor:
        """[B, C, S, S] in [0, 1] -> what the last layer sees, [B, 128]."""
        return self.head[:-1](self.features(x).flatten(1))


class _Residual(nn.Module):
    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inner, outer, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outer),
            nn.SiLU(),
            nn.Conv2d(outer, outer, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outer),
        )
        self.skip = nn.Conv2d(inner, outer, 1, stride, bias=False)
        self.activation = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.skip(x) + self.body(x))


class ResidualClassifier(nn.Module):
    """A small residual network; as the oracle it shares neither layers nor activation with
    :class:`ConvClassifier`, so that the two do not err together."""

    def __init__(self, channels: int, classes: int, width: int = 32) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 5, 2, 2, bias=False),
            nn.BatchNorm2d(width),
            nn.SiLU(),
            _Residual(width, 2 * width, 1),
            _Residual(2 * width, 3 * width, 2),
            _Residual(3 * width, 4 * width, 2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(4 * width, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, S, S] in [0, 1] -> logits [B, K]."""
        return self.body(x)

    def embed(self, x: Tensor) -> Tensor:
        """[B, C, S, S] in [0, 1] -> what the last layer sees, [B, 4 * width]."""
        return self.body[:-1](x)
