"""LPIPS: how different two pictures look to a network trained on ImageNet.

Zhang et al.: The unreasonable effectiveness of deep features as a perceptual metric, CVPR 2018,
https://arxiv.org/abs/1801.03924. :func:`lpips` asks SqueezeNet, which LeapFactual reports; its
weights are torchvision's, used where they lie in torch's cache and never fetched during a run.
:class:`Perceptual` asks AlexNet or VGG-16 with weights of its own, as a bundle's part ``lpips``.
Distances of different networks cannot be compared.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends.errors import MissingPart

__all__ = ["SMALLEST", "Perceptual", "lpips", "problem"]

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

    @property
    def metric(self) -> str:
        """Its name among the metrics."""
        return f"lpips_{self.backbone}"

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
        before, after = self.features(_seen(factual)), self.features(_seen(counterfactual))
        layers = zip(before, after, self.heads, strict=True)
        each = (
            torch.einsum("bchw,c->bhw", (a - b).square(), head).mean((1, 2))
            for a, b, head in layers
        )
        return sum(each, start=torch.zeros((), device=factual.device))
