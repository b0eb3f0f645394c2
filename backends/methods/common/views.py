"""A picture seen several times, each time shifted a little.

Athalye, Engstrom, Ilyas, Kwok: Synthesizing Robust Adversarial Examples, ICML 2018,
https://arxiv.org/abs/1707.07397, maximise the expectation of a classifier's opinion over
transformations. Guidance by that expectation asks for what the model sees wherever it lies; a
pattern that fools the model at one alignment of pixels alone averages out.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from backends.core import TargetModel

__all__ = ["VIEWS", "Views"]

SHIFT = 1 / 8  # of a side, at most
VIEWS = Field(
    1, ge=1, le=32, title="Views",
    description="Shifted copies of the picture whose verdicts are averaged, which fool the model "
    "less and cost its time; 1 as in the paper",
)  # fmt: skip


class Views:
    """Draws the shifts of one run.

    :param count: of views; the first is the picture as it is.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._generator = torch.Generator().manual_seed(0)

    def log_probabilities(self, f: TargetModel, x: Tensor) -> Tensor:
        """The mean over the views of log f(. | x) for pictures [B, C, H, W], [B, K]."""
        if self.count == 1:
            return f.logits(x).log_softmax(1)
        seen = torch.cat([x, *(self._shifted(x) for _ in range(self.count - 1))])
        found: Tensor = f.logits(seen).log_softmax(1)
        return found.unflatten(0, (self.count, len(x))).mean(0)

    def _shifted(self, x: Tensor) -> Tensor:
        """The pictures moved, all alike; what comes in at a side mirrors what lies there."""
        most = max(1, round(SHIFT * x.shape[-1]))
        across, down = torch.randint(0, 2 * most + 1, (2,), generator=self._generator).tolist()
        wide = F.pad(x, (most,) * 4, mode="reflect")
        return wide[..., down : down + x.shape[-2], across : across + x.shape[-1]]
