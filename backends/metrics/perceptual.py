"""The networks of LPIPS with weights of their own, as a bundle's part ``lpips``.

Zhang et al.: The unreasonable effectiveness of deep features as a perceptual metric, CVPR 2018,
https://arxiv.org/abs/1801.03924.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["SMALLEST", "Perceptual", "seen"]

SMALLEST = 64  # pixels; smaller pictures are enlarged, or the net's last maps would vanish


def seen(x: Tensor) -> Tensor:
    """As the net wants it: [B, 3, H, W] in [-1, 1], 64 pixels or more a side."""
    x = x.float().expand(-1, 3, -1, -1) if x.shape[1] == 1 else x.float()
    side = min(x.shape[-2:])
    if side < SMALLEST:
        x = F.interpolate(x, scale_factor=-(-SMALLEST // side), mode="nearest")
    return 2 * x - 1


class Perceptual(nn.Module):
    """LPIPS with the convolutions of AlexNet or VGG-16 and their linear heads (the paper's
    equation 1, its *lin* variant).

    :param backbone: ``alex`` or ``vgg``.
    :param width: channels of the network's first convolution; the others follow.
    """

    # Convolutions: times the first one's channels, side, stride; True where a pooling precedes
    # it, and where its output is compared.
    LAYERS: ClassVar[dict[str, list[tuple[float, int, int, bool, bool]]]] = {
        "alex": [
            (1, 11, 4, False, True), (3, 5, 1, True, True), (6, 3, 1, True, True),
            (4, 3, 1, False, True), (4, 3, 1, False, True),
        ],
        "vgg": [
            (1, 3, 1, False, False), (1, 3, 1, False, True),
            (2, 3, 1, True, False), (2, 3, 1, False, True),
            (4, 3, 1, True, False), (4, 3, 1, False, False), (4, 3, 1, False, True),
            (8, 3, 1, True, False), (8, 3, 1, False, False), (8, 3, 1, False, True),
            (8, 3, 1, True, False), (8, 3, 1, False, False), (8, 3, 1, False, True),
        ],
    }  # fmt: skip
    POOLED: ClassVar[dict[str, int]] = {"alex": 3, "vgg": 2}

    def __init__(self, backbone: Literal["alex", "vgg"] = "alex", width: int = 64) -> None:
        super().__init__()
        self.backbone = backbone
        self.convolutions, self.heads = nn.ModuleList(), nn.ParameterList()
        inner = 3
        for factor, side, stride, _, compared in self.LAYERS[backbone]:
            outer = int(factor * width)
            # AlexNet's first is padded by 2 only, all others keep the size.
            padding = side // 2 if stride == 1 else 2
            self.convolutions.append(nn.Conv2d(inner, outer, side, stride, padding))
            if compared:
                self.heads.append(nn.Parameter(torch.rand(outer)))
            inner = outer

    def features(self, x: Tensor) -> list[Tensor]:
        """Pictures [B, 3, H, W] in [-1, 1] -> the compared maps, each of unit length."""
        # The mean and the deviation of ImageNet's colours, for pictures in [-1, 1].
        shift, scale = x.new_tensor([-0.030, -0.088, -0.188]), x.new_tensor([0.458, 0.448, 0.450])
        x = (x - shift[:, None, None]) / scale[:, None, None]
        maps = []
        layers = self.LAYERS[self.backbone]
        for convolution, (*_, pooled, compared) in zip(self.convolutions, layers, strict=True):
            x = F.max_pool2d(x, self.POOLED[self.backbone], 2) if pooled else x
            x = convolution(x).relu()
            if compared:
                # Inside the root, so that an empty map has a gradient.
                maps.append(x / (x.square().sum(1, keepdim=True) + 1e-10).sqrt())
        return maps

    def forward(self, factual: Tensor, counterfactual: Tensor) -> Tensor:
        """Pictures [B, C, H, W] in [0, 1], grey or colour -> distances [B] >= 0; differentiable."""
        before, after = self.features(seen(factual)), self.features(seen(counterfactual))
        layers = zip(before, after, self.heads, strict=True)
        each = (
            torch.einsum("bchw,c->bhw", (a - b).square(), head).mean((1, 2))
            for a, b, head in layers
        )
        return sum(each, start=torch.zeros((), device=factual.device))
