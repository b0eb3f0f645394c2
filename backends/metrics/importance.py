"""Which part of the answer makes the model say so? For any method's counterfactual.

Farid et al.: Latent diffusion counterfactual explanations (LDCE), appendix L: put a cell of the
factual back into the counterfactual and see how much of the target's probability goes with it.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from backends.compute.oom import in_batches
from backends.core import TargetModel

__all__ = ["cell_of", "importance"]

BATCH = 64  # pictures shown to the model at once


def cell_of(side: int) -> int:
    """The authors' cell, 64 pixels of 256, for a picture of another side."""
    return max(1, side // 4)


@torch.no_grad()
def importance(
    target_model: TargetModel,
    factual: Tensor,
    counterfactual: Tensor,
    target: Tensor,
    cell: int,
    stride: int | None = None,
) -> Tensor:
    """Drop of the target's probability without a cell's changes, averaged over the cells that
    cover a pixel: [B, H, W] in [-1, 1]. Below 0, the model is surer of the target without them.

    A pixel that did not change is 0: nothing outside the region can matter.

    :param factual: [B, C, H, W] in [0, 1], like ``counterfactual``.
    :param target: class asked for, [B].
    :param cell: side of a cell in pixels.
    :param stride: pixels between neighbouring cells; half a cell when None, ``cell`` for tiles.
    """
    count, _, height, width = factual.shape
    changed = (counterfactual != factual).any(1)
    p = target_model.probabilities(counterfactual).gather(1, target[:, None]).squeeze(1)
    total = torch.zeros_like(p[:, None, None].expand(-1, height, width))
    covered: Tensor | int = 0
    windows = torch.stack(
        list(_windows(height, width, cell, stride or max(1, cell // 2), factual.device))
    )

    def drops(part: slice) -> Iterator[tuple[Tensor, Tensor]]:
        some = windows[part]
        # [cells, B, C, H, W]: each cell of the factual put back into each counterfactual.
        mixed = factual.where(some[:, None, None], counterfactual)
        ask = target.repeat(len(some))[:, None]
        without = target_model.probabilities(mixed.flatten(0, 1)).gather(1, ask)
        drop = p - without.view(len(some), count)
        yield torch.einsum("nb,nhw->bhw", drop, some.to(p)), some.to(p).sum(0)

    at_once = max(1, BATCH // count)
    for drop, times in in_batches(len(windows), at_once, factual.device.type, drops):
        total, covered = total + drop, covered + times
    return total / covered * changed


def _windows(
    height: int, width: int, cell: int, stride: int, device: torch.device
) -> Iterator[Tensor]:
    """Masks [H, W] of the cells, the last of each row and column flush with the border."""
    for top in _starts(height, cell, stride):
        for left in _starts(width, cell, stride):
            window = torch.zeros(height, width, dtype=torch.bool, device=device)
            window[top : top + cell, left : left + cell] = True
            yield window


def _starts(side: int, cell: int, stride: int) -> list[int]:
    last = max(0, side - cell)
    return sorted({*range(0, last + 1, stride), last})
