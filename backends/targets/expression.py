"""Is this face smiling? Mini-Xception, seven expressions from 64 grey pixels a side.

Arriaga, Plöger and Valdenegro: Real-time convolutional neural networks for emotion and gender
classification, 2017, https://arxiv.org/abs/1710.07557, trained on FER-2013.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends.imaging.resample import Window

__all__ = ["EXPRESSIONS", "FACE", "MiniXception"]

EXPRESSIONS = ("angry", "disgusted", "afraid", "happy", "sad", "surprised", "neutral")
HAPPY = EXPRESSIONS.index("happy")

# The face of a portrait aligned as FFHQ's are. The Haar cascade that the weights' publisher crops
# with finds, border included, (0.155, 0.203, 0.847, 0.895) in the median of 46 of 48 generated
# portraits (it misses two); a twentieth tighter, the network agrees best with the eye.
FACE = (0.176, 0.21, 0.826, 0.86)
GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601


class _Block(nn.Module):
    """Two separable convolutions and a pooling, beside a strided pointwise convolution."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.depthwise1 = nn.Conv2d(inner, inner, 3, padding=1, groups=inner, bias=False)
        self.pointwise1 = nn.Conv2d(inner, outer, 1)
        self.relu = nn.ReLU()
        self.depthwise2 = nn.Conv2d(outer, outer, 3, padding=1, groups=outer, bias=False)
        self.pointwise2 = nn.Conv2d(outer, outer, 1)
        self.skip = nn.Conv2d(inner, outer, 1, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.pointwise1(self.depthwise1(x)))
        y = self.pointwise2(self.depthwise2(y))
        # TensorFlow's "same" pooling: an odd pixel of padding goes to the right and below.
        width = y.shape[-1]
        pad = max((-(-width // 2) - 1) * 2 + 3 - width, 0)
        before, after = pad // 2, pad - pad // 2
        y = F.pad(y, (before, after, before, after), value=-torch.inf)
        return F.max_pool2d(y, 3, 2) + self.skip(x)


class MiniXception(nn.Module):
    """Smiling or not, of a portrait aligned as FFHQ's are; batch norms live in the convolutions.

    *Smiling* means happy rather than all else together: its logit stands against the others'
    logarithm of summed exponentials, so the probability is exactly the one that the seven-way
    network gives to *happy*, and a flip means that it passed one half (which is more than being
    the most probable of seven).

    :param stem: channels of the first two convolutions.
    :param widths: channels of the blocks, each of which halves the picture.
    :param size: side of the picture that the network sees.
    :param crop: the face's left, top, right and bottom as shares of the portrait.
    """

    def __init__(
        self,
        stem: int = 8,
        widths: Sequence[int] = (16, 32, 64, 128),
        size: int = 64,
        crop: Sequence[float] = FACE,
    ) -> None:
        super().__init__()
        self.window = Window(crop, size)
        self.stem1 = nn.Conv2d(1, stem, 3)
        self.stem2 = nn.Conv2d(stem, stem, 3)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
        channels = [stem, *widths]
        self.blocks = nn.ModuleList(_Block(inner, outer) for inner, outer in pairwise(channels))
        self.head = nn.Conv2d(channels[-1], len(EXPRESSIONS), 3, padding=1)

    def seen(self, x: Tensor) -> Tensor:
        """Portraits [B, 3, H, W] in [0, 1] -> the grey faces [B, 1, S, S] in [-1, 1]."""
        grey = torch.einsum("bchw,c->bhw", x, x.new_tensor(GREY))[:, None]
        return 2 * self.window(grey) - 1

    def expressions(self, x: Tensor) -> Tensor:
        """Portraits [B, 3, H, W] in [0, 1] -> logits [B, 7] of :data:`EXPRESSIONS`."""
        return self.features(self.seen(x))

    def features(self, face: Tensor) -> Tensor:
        """Grey faces [B, 1, S, S] in [-1, 1] -> logits [B, 7]."""
        y = self.relu2(self.stem2(self.relu1(self.stem1(face))))
        for block in self.blocks:
            y = block(y)
        return self.head(y).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Portraits [B, 3, H, W] in [0, 1], H and W 64 or more -> logits [B, 2]: not smiling,
        smiling."""
        logits = self.expressions(x)
        others = [i for i in range(len(EXPRESSIONS)) if i != HAPPY]
        return torch.stack([logits[:, others].logsumexp(1), logits[:, HAPPY]], dim=1)
