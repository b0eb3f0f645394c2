"""SimSiam's encoder, whose features S3 is measured in, from a checkpoint of its authors' program.

Chen & He: Exploring simple siamese representation learning, CVPR 2021,
https://arxiv.org/abs/2011.10566. No package of a registry holds such weights: a person gives the
file, such as the authors' ``checkpoint_0099.pth.tar`` (ResNet-50, 100 epochs, batches of 256).
"""

from __future__ import annotations

import pickle  # nosec B403 # for its error alone
import re
from pathlib import Path

import torch
from torch import Tensor, nn

from backends.errors import BadInput

__all__ = ["SimSiam", "read"]

PREFIX = "module.encoder."  # the authors' names, as several accelerators leave them
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's colours


class SimSiam(nn.Module):
    """A ResNet and SimSiam's projector of three layers; without its predictor.

    :param architecture: torchvision's name of the ResNet.
    :param features: at the projector's end.
    """

    def __init__(self, architecture: str = "resnet50", features: int = 2048) -> None:
        super().__init__()
        from torchvision.models import get_model

        self.encoder = get_model(architecture, weights=None)
        inner = self.encoder.fc.in_features
        self.encoder.fc = nn.Sequential(
            nn.Linear(inner, inner, bias=False), nn.BatchNorm1d(inner), nn.ReLU(),
            nn.Linear(inner, inner, bias=False), nn.BatchNorm1d(inner), nn.ReLU(),
            nn.Linear(inner, features), nn.BatchNorm1d(features, affine=False),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Pictures [B, C, H, W] in [0, 1], grey or colour, which are not resized -> features
        [B, D]."""
        x = x.expand(-1, 3, -1, -1)
        mean, deviation = (x.new_tensor(of)[:, None, None] for of in (MEAN, DEVIATION))
        features: Tensor = self.encoder((x - mean) / deviation)
        return features


def read(path: Path) -> SimSiam:
    """The encoder of a checkpoint (``arch``, ``state_dict``), in eval mode, without gradients.

    :raises BadInput: the file is absent, or no such checkpoint.
    """
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        architecture = stored.get("arch", "resnet50")
        if not re.fullmatch(r"resnet\d+", architecture):
            raise ValueError(architecture)
        state = {
            name.removeprefix("module."): value
            for name, value in stored["state_dict"].items()
            if name.startswith(PREFIX)
        }
        with torch.device("meta"):
            network = SimSiam(architecture, len(state["encoder.fc.6.weight"]))
        network.load_state_dict(state, assign=True)
    except (
        AttributeError, EOFError, KeyError, OSError, RuntimeError, TypeError, ValueError,
        pickle.UnpicklingError,
    ) as error:  # fmt: skip
        raise BadInput(
            "{path} is no checkpoint of SimSiam's encoder; give one that its authors' program "
            "wrote, such as checkpoint_0099.pth.tar",
            path=path,
        ) from error
    return network.eval().requires_grad_(False)
