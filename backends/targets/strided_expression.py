"""Is this face smiling? A second opinion: four strided convolutions, 48 grey pixels a side.

Trained on FER-2013 (Goodfellow et al.: Challenges in representation learning, 2013,
https://arxiv.org/abs/1307.0414), published as facial_emotion_recognition. It shares that data set
with :class:`~backends.targets.expression.MiniXception`, but no layer, no weight and no publisher.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise, product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends.imaging.resample import Window
from backends.targets.expression import EXPRESSIONS, GREY, HAPPY

__all__ = ["SCATTER", "SQUARE", "StridedExpression"]

# The publisher cuts out what the detector MTCNN finds: of 100 generated portraits (0.218, 0.203,
# 0.765, 0.906) in the median, the centre scattering by 0.03. FER-2013's pictures are square, so
# here is the square of the same area and centre.
SQUARE = (0.19, 0.245, 0.81, 0.865)
SCATTER = 0.03


class StridedExpression(nn.Module):
    """Smiling or not, of a portrait aligned as FFHQ's are; batch norms live in the convolutions.

    The network is nearly always certain, and of a weak smile another thing one pixel on. So it is
    asked at three by three places, as far apart as a detector's boxes scatter, and the mean of
    its nine probabilities of *happy* (rather than all other expressions together) counts.

    :param width: channels of the first convolution; each further one has twice as many.
    :param hidden: features before the last layer.
    :param size: side of the picture that the network sees, a multiple of 8.
    :param crop: the face's left, top, right and bottom as shares of the portrait.
    :param scatter: how far from there the other places are, as a share of the portrait.
    """

    def __init__(
        self,
        width: int = 32,
        hidden: int = 256,
        size: int = 48,
        crop: Sequence[float] = SQUARE,
        scatter: float = SCATTER,
    ) -> None:
        super().__init__()
        left, top, right, bottom = crop
        self.windows = [
            Window((left + dx, top + dy, right + dx, bottom + dy), size)
            for dx, dy in product((-scatter, 0.0, scatter), repeat=2)
        ]
        channels = [1, width, 2 * width, 4 * width, 8 * width]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inner, outer, 3, stride=2 if number else 1)
            for number, (inner, outer) in enumerate(pairwise(channels))
        )
        self.hidden = nn.Linear(channels[-1] * (size // 8) ** 2, hidden)
        self.head = nn.Linear(hidden, len(EXPRESSIONS))

    def seen(self, x: Tensor) -> Tensor:
        """Portraits [B, 3, H, W] in [0, 1] -> grey faces [B, 9, S, S] in [-1, 1], one a place."""
        grey = torch.einsum("bchw,c->bhw", x, x.new_tensor(GREY))[:, None]
        return 2 * torch.cat([window(grey) for window in self.windows], dim=1) - 1

    def features(self, face: Tensor) -> Tensor:
        """Grey faces [B, 1, S, S] in [-1, 1] -> logits [B, 7] of
        :data:`~backends.targets.expression.EXPRESSIONS`."""
        y = face
        for convolution in self.convolutions:
            y = convolution(F.pad(y, (1, 1, 1, 1), mode="reflect")).relu()
        return self.head(self.hidden(y.flatten(1)).relu())

    def forward(self, x: Tensor) -> Tensor:
        """Portraits [B, 3, H, W] in [0, 1], H and W 64 or more -> logits [B, 2], which are log
        probabilities: not smiling, smiling."""
        faces = self.seen(x)
        logits = self.features(faces.flatten(0, 1)[:, None]).unflatten(0, faces.shape[:2])
        others = [i for i in range(len(EXPRESSIONS)) if i != HAPPY]
        folded = torch.stack([logits[..., others].logsumexp(-1), logits[..., HAPPY]], dim=-1)
        return folded.log_softmax(-1).logsumexp(1) - math.log(len(self.windows))
