"""The Inception network whose features FID, KID and the like are measured in, as a part
``inception`` of the bundle ``judges``.

Szegedy et al.: Rethinking the inception architecture for computer vision, CVPR 2016,
https://arxiv.org/abs/1512.00567; its weights are TensorFlow's of 2015-12-05, which Heusel et al.
(FID, 2017) took. The blocks are torch-fidelity's, whose average pooling leaves out the border as
TensorFlow's does.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch_fidelity import feature_extractor_inceptionv3 as blocks
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

__all__ = ["Inception"]

SIDE = 299  # pixels that the network sees
CHANNELS = 7  # of the spatial features
SEVENTH = 6  # block, TensorFlow's mixed_6


class Inception(nn.Module):
    """From pictures to features; without the classifier at its end."""

    def __init__(self) -> None:
        super().__init__()
        convolution = blocks.BasicConv2d
        self.stem = nn.Sequential(
            convolution(3, 32, kernel_size=3, stride=2),
            convolution(32, 32, kernel_size=3),
            convolution(32, 64, kernel_size=3, padding=1),
            nn.MaxPool2d(3, 2),
            convolution(64, 80, kernel_size=1),
            convolution(80, 192, kernel_size=3),
            nn.MaxPool2d(3, 2),
        )
        self.mixed = nn.ModuleList(
            [
                blocks.InceptionA(192, pool_features=32),
                blocks.InceptionA(256, pool_features=64),
                blocks.InceptionA(288, pool_features=64),
                blocks.InceptionB(288),
                *(blocks.InceptionC(768, channels_7x7=width) for width in (128, 160, 160, 192)),
                blocks.InceptionD(768),
                blocks.InceptionE_1(1280),
                blocks.InceptionE_2(2048),
            ]
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures [B, C, H, W] in [0, 1], grey or colour, as they are in 8 bits -> features
        [B, 2048], and spatial ones [B, 2023]: the first seven channels of what TensorFlow calls
        ``mixed_6/conv``, before its batch norm, as in ADM's evaluation (Dhariwal & Nichol, 2021,
        https://arxiv.org/abs/2105.05233; after Nash et al., 2021, https://arxiv.org/abs/2103.03841).
        """
        x = (x.clamp(0, 1) * 255).round().expand(-1, 3, -1, -1)
        x = interpolate_bilinear_2d_like_tensorflow1x(x, size=(SIDE, SIDE), align_corners=False)
        x = self.stem((x - 128) / 128)
        spatial = x
        for number, block in enumerate(self.mixed):
            if number == SEVENTH:
                first: nn.Module = block.get_submodule("branch1x1.conv")
                spatial = first(x)[:, :CHANNELS]
            x = block(x)
        return x.mean((2, 3)), spatial.flatten(1)
