"""LPIPS: how different two pictures look to SqueezeNet, the net that LeapFactual reports.

Zhang et al.: The unreasonable effectiveness of deep features as a perceptual metric, CVPR 2018,
https://arxiv.org/abs/1801.03924. The backbone's weights are torchvision's; they are used where
they lie in torch's cache and are never fetched during a run.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from backends.errors import MissingPart

__all__ = ["SMALLEST", "lpips", "problem"]

SMALLEST = 64  # pixels; smaller pictures are enlarged, or the net's last maps would vanish


def _weights() -> Path:
    from torchvision.models import SqueezeNet1_1_Weights

    name = SqueezeNet1_1_Weights.DEFAULT.url.rpartition("/")[2]
    return Path(torch.hub.get_dir()) / "checkpoints" / name


@functools.lru_cache(maxsize=2)
def _damaged(path: Path, modified: float) -> bool:
    """torchvision names its files after the beginning of their sha256."""
    expected = path.stem.rpartition("-")[2]
    return not hashlib.sha256(path.read_bytes()).hexdigest().startswith(expected)


def problem() -> str | None:
    """Why LPIPS cannot be measured here, in one sentence; None when it can."""
    try:
        path = _weights()
    except ImportError as error:
        return f"LPIPS needs the package {error.name!r}; run: pip install {error.name}"
    remedy = (
        'fetch it with: python -c "from torchvision.models import squeezenet1_1 as net; '
        "net(weights='DEFAULT')\""
    )
    if not path.is_file():
        return f"LPIPS needs {path.name} in {path.parent}; {remedy}"
    if _damaged(path, path.stat().st_mtime):
        return f"{path.name} in {path.parent} is damaged; delete it and {remedy}"
    return None


@functools.lru_cache(maxsize=1)
def _network() -> Any:
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    return LearnedPerceptualImagePatchSimilarity(net_type="squeeze").net


def lpips(factual: Tensor, counterfactual: Tensor) -> Tensor:
    """Pictures [B, C, H, W] in [0, 1], grey or colour -> distances [B] >= 0.

    :raises MissingPart: the backbone's weights are not here; see :func:`problem`.
    """
    missing = problem()
    if missing:
        raise MissingPart(missing)
    before, after = _seen(factual), _seen(counterfactual)
    return _network().to(before.device)(before, after).reshape(len(factual))


def _seen(x: Tensor) -> Tensor:
    """As the net wants it: [B, 3, H, W] in [-1, 1], 64 pixels or more a side."""
    x = x.float().expand(-1, 3, -1, -1) if x.shape[1] == 1 else x.float()
    side = min(x.shape[-2:])
    if side < SMALLEST:
        x = F.interpolate(x, scale_factor=-(-SMALLEST // side), mode="nearest")
    return 2 * x - 1
