"""A checkpoint of SimSiam's authors' program -> its encoder.

No package of a registry holds such weights. The authors' is ``checkpoint_0099.pth.tar``: ResNet-50,
100 epochs, batches of 256.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch

from backends.conversion.checkpoints import UNREADABLE
from backends.errors import BadInput
from backends.metrics.simsiam import SimSiam

__all__ = ["read"]

PREFIX = "module.encoder."  # the authors' names, as several accelerators leave them


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
    except (*UNREADABLE, AttributeError, EOFError, ValueError) as error:
        raise BadInput(
            "{path} is no checkpoint of SimSiam's encoder; give one that its authors' program "
            "wrote, such as checkpoint_0099.pth.tar",
            path=path,
        ) from error
    return network.eval().requires_grad_(False)
