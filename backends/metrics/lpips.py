"""LPIPS: how different two pictures look to a network trained on ImageNet.

Zhang et al.: The unreasonable effectiveness of deep features as a perceptual metric, CVPR 2018,
https://arxiv.org/abs/1801.03924. :func:`lpips` asks SqueezeNet, which LeapFactual reports; its
weights are torchvision's, used where they lie in torch's cache and never fetched during a run.
:class:`~backends.metrics.perceptual.Perceptual` asks AlexNet or VGG-16 with weights of its own, as
a bundle's part ``lpips``. Distances of different networks cannot be compared.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.errors import MissingPart
from backends.metrics.metric import metric

if TYPE_CHECKING:
    from torch import Tensor

    from backends.metrics.perceptual import Perceptual

__all__ = ["lpips", "lpips_alex", "lpips_squeeze", "lpips_vgg", "problem"]

MEANING = "0 looks the same to this network"

WEIGHTS = "squeezenet1_1-b8a52dc0.pth"  # torchvision's; to ask it for the name takes seconds


def _weights() -> Path:
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS


@functools.lru_cache(maxsize=2)
def _damaged(path: Path, modified: float) -> bool:
    """torchvision names its files after the beginning of their sha256."""
    expected = path.stem.rpartition("-")[2]
    return not hashlib.sha256(path.read_bytes()).hexdigest().startswith(expected)


def problem() -> str | None:
    """Why LPIPS cannot be measured here, in one sentence; None when it can."""
    path = _weights()
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
    from backends.metrics.perceptual import seen

    before, after = seen(factual), seen(counterfactual)
    value: Tensor = _network().to(before.device)(before, after)
    return value.reshape(len(factual))


@metric(
    "lpips", "LPIPS (SqueezeNet)", "lower", "distance", library="torchmetrics", form="{:.3f}",
    meaning=MEANING, page=1, compared="known",
    good="Near 0: a network for pictures finds both alike, as people mostly would.",
    bad="Large, above about 0.5: they look like different pictures.",
)  # fmt: skip
def lpips_squeeze(factual: Tensor, counterfactual: Tensor) -> Tensor | None:
    """:func:`lpips`, [B]; None where its weights are not here."""
    return None if problem() else lpips(factual, counterfactual)


@metric(
    "lpips_alex", "LPIPS (AlexNet)", "lower", "distance", library="own", form="{:.3f}",
    meaning=MEANING, page=1, compared="known",
    good="Near 0: a network for pictures finds both alike, as people mostly would.",
    bad="Large, above about 0.5: they look like different pictures.",
)  # fmt: skip
def lpips_alex(factual: Tensor, counterfactual: Tensor, part_lpips: Perceptual) -> Tensor | None:
    """By the bundle's network, [B], where that is AlexNet."""
    return part_lpips(factual, counterfactual) if part_lpips.backbone == "alex" else None


@metric(
    "lpips_vgg", "LPIPS (VGG-16)", "lower", "distance", library="own", form="{:.3f}",
    meaning=MEANING, page=1, compared="known",
    good="Near 0: a network for pictures finds both alike, as people mostly would.",
    bad="Large, above about 0.5: they look like different pictures.",
)  # fmt: skip
def lpips_vgg(factual: Tensor, counterfactual: Tensor, part_lpips: Perceptual) -> Tensor | None:
    """By the bundle's network, [B], where that is VGG-16."""
    return part_lpips(factual, counterfactual) if part_lpips.backbone == "vgg" else None
