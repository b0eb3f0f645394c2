"""How old, and woman or man? A wide residual network on 64 pixels a side.

Zagoruyko and Komodakis: Wide residual networks, BMVC 2016, https://arxiv.org/abs/1605.07146
(WRN-16-8), trained on IMDB-WIKI (Rothe, Timofte and Van Gool, IJCV 2018) with one head for the
gender and one with a class for every year, whose expectation is the age (their section 3.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends.imaging.resample import Window

__all__ = ["PORTRAIT", "WideResNet"]

# The publisher widens the found face by 0.4 of its side all around, and cuts at the picture's
# edge; of a portrait aligned as FFHQ's are that is all there is.
PORTRAIT = (0.0, 0.0, 1.0, 1.0)


class _Affine(nn.Module):
    """A batch norm that no convolution precedes, as what it is after training: a scale and a
    shift for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.shift[:, None, None], x, self.scale[:, None, None])


class _Unit(nn.Module):
    """Affine, ReLU, convolution, ReLU, convolution; where the width changes, a pointwise
    convolution of what the first ReLU gives stands for the identity."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.norm = _Affine(inner)
        # The first convolution's padding is in _same, since a strided one's is lopsided.
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
        self.conv1 = nn.Conv2d(inner, outer, 3, stride)
        self.conv2 = nn.Conv2d(outer, outer, 3, padding=1, bias=False)
        self.skip = nn.Conv2d(inner, outer, 1, stride, bias=False) if inner != outer else None

    def forward(self, x: Tensor) -> Tensor:
        active = self.relu1(self.norm(x))
        y = self.conv2(self.relu2(self.conv1(_same(active, self.conv1.stride[0]))))
        return y + (x if self.skip is None else self.skip(active))


def _same(x: Tensor, stride: int) -> Tensor:
    """TensorFlow's "same" padding for a 3x3 kernel: an odd pixel goes to the right and below."""
    pad = max((-(-x.shape[-1] // stride) - 1) * stride + 3 - x.shape[-1], 0)
    return F.pad(x, (pad // 2, pad - pad // 2) * 2)


class WideResNet(nn.Module):
    """Gender or age of a portrait aligned as FFHQ's are; both heads are stored, one is asked.

    The publisher samples the picture without antialiasing; here no pixel is skipped, or a gradient
    would change single pixels only. Wrinkles are softer for it and ages a few years lower.
    The average pooling before the heads is linear and lives in their weights, as the batch norms
    that follow a convolution live in it.

    :param head: ``gender`` gives logits, ``age`` gives years.
    :param stem: channels of the first convolution.
    :param widths: channels of the groups; all but the first halve the picture.
    :param units: residual units in a group.
    :param size: side of the picture that the network sees.
    :param ages: classes of the age head: the years 0, 1, 2 ...
    :param crop: left, top, right and bottom of what it sees, as shares of the portrait.
    """

    def __init__(
        self,
        head: Literal["gender", "age"],
        stem: int = 16,
        widths: Sequence[int] = (128, 256, 512),
        units: int = 2,
        size: int = 64,
        ages: int = 101,
        crop: Sequence[float] = PORTRAIT,
    ) -> None:
        super().__init__()
        self.asked, self.window = head, Window(crop, size)
        self.stem = nn.Conv2d(3, stem, 3, padding=1, bias=False)
        stages, inner = [], stem
        for group, outer in enumerate(widths):
            for unit in range(units):
                stages.append(_Unit(inner, outer, 2 if group and not unit else 1))
                inner = outer
        self.units = nn.ModuleList(stages)
        self.norm, self.relu = _Affine(inner), nn.ReLU()
        features = inner * (-(-size // 2 ** (len(widths) - 1))) ** 2
        self.gender = nn.Linear(features, 2, bias=False)
        self.age = nn.Linear(features, ages, bias=False)

    def seen(self, x: Tensor) -> Tensor:
        """Portraits [B, 3, H, W] in [0, 1] -> faces [B, 3, S, S], blue first, in [0, 255], as the
        network was trained on."""
        return 255 * self.window(x).flip(1)

    def features(self, face: Tensor) -> Tensor:
        """Faces as of :meth:`seen` -> [B, F]."""
        y = self.stem(face)
        for unit in self.units:
            y = unit(y)
        return self.relu(self.norm(y)).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Portraits [B, 3, H, W] in [0, 1] -> logits [B, 2] of female and male; or years [B]."""
        features = self.features(self.seen(x))
        if self.asked == "gender":
            return self.gender(features)
        p = self.age(features).softmax(1)
        return p @ torch.arange(p.shape[1], dtype=p.dtype, device=p.device)
