"""Is this the same person? dlib's face descriptor: 128 numbers, near each other for one person.

King: dlib-models, 2017, https://github.com/davisking/dlib-models (public domain): the network of He
et al.: Deep residual learning for image recognition, CVPR 2016, https://arxiv.org/abs/1512.03385,
figure 3, with fewer layers and half as wide, trained on about three million faces. Where
descriptors less than 0.6 apart are taken as one person's, its author reports 99.38 % on LFW.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from backends.imaging.resample import Window

__all__ = ["CHIP", "FaceDescriptor"]

SIDE = 150  # pixels that the network sees
# The publisher cuts out by the eyes' corners and the nose, which of 60 generated portraits comes to
# this in the median, with deviations of about 0.01.
CHIP = (0.157, 0.26, 0.852, 0.953)
MEAN = (122.782, 117.001, 104.298)  # of the colours, of 255
BLOCKS = ((1, 3), (2, 4), (4, 3), (8, 3), (8, 1))  # times the width, how many


class FaceDescriptor(nn.Module):
    """From portraits aligned as FFHQ's are to descriptors; affine maps live in the convolutions.

    :param width: channels of the first convolution.
    :param latent: numbers of a descriptor.
    :param crop: the face's left, top, right and bottom as shares of the portrait.
    """

    def __init__(self, width: int = 32, latent: int = 128, crop: Sequence[float] = CHIP) -> None:
        super().__init__()
        self.window = Window(crop, SIDE)
        self.start = nn.Conv2d(3, width, 7, stride=2)
        self.blocks = nn.ModuleList()
        inner = width
        for number, (factor, count) in enumerate(BLOCKS):
            for place in range(count):
                self.blocks.append(_DlibBlock(inner, factor * width, bool(number) and not place))
                inner = factor * width
        self.head = nn.Linear(inner, latent, bias=False)

    def describe(self, chips: Tensor) -> Tensor:
        """Faces [B, 3, 150, 150] in [0, 1], cut out as dlib does -> descriptors [B, 128]."""
        y = (255 * chips - chips.new_tensor(MEAN)[:, None, None]) / 256
        y = F.max_pool2d(self.start(y).relu(), 3, 2)
        for block in self.blocks:
            y = block(y)
        return self.head(y.mean((2, 3)))

    def forward(self, x: Tensor) -> Tensor:
        """Portraits [B, 3, H, W] in [0, 1] -> descriptors [B, 128]."""
        return self.describe(self.window(x))


class _DlibBlock(nn.Module):
    """Two convolutions and what goes past them, ``halved`` in its sides where the first strides."""

    def __init__(self, inner: int, outer: int, halved: bool) -> None:
        super().__init__()
        self.halved = halved
        self.first = nn.Conv2d(inner, outer, 3, 2 if halved else 1, 0 if halved else 1)
        self.second = nn.Conv2d(outer, outer, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(x).relu())
        past = F.avg_pool2d(x, 2) if self.halved else x
        # dlib adds maps of different sizes as if zeros stood where one has nothing.
        shape = [max(a, b) for a, b in zip(y.shape, past.shape, strict=True)]
        return (_enlarged(y, shape) + _enlarged(past, shape)).relu()


def _enlarged(x: Tensor, shape: Sequence[int]) -> Tensor:
    missing = [want - have for have, want in zip(x.shape, shape, strict=True)]
    return F.pad(x, (0, missing[3], 0, missing[2], 0, missing[1]))
