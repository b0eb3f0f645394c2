"""A person's own model, looked at: what it says of itself, and what it sees of a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backends import bundles, imaging
from backends.compute.oom import guarded
from backends.core import Prediction

__all__ = ["Inspected", "inspect"]


@dataclass(frozen=True)
class Inspected:
    """What a model takes and gives, as it says itself or the person said for it.

    :ivar size: (width, height) in pixels of what it looks at.
    :ivar mean: of values in [0, 1], subtracted; one number a channel. ``std`` likewise, divided by.
    :ivar differentiable: whether it has gradients, or gives labels only.
    :ivar seen: the picture as it sees it before mean and deviation, uint8 [h, w, c].
    :ivar prediction: of the picture.
    """

    classes: list[str]
    size: tuple[int, int]
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    differentiable: bool
    seen: np.ndarray
    prediction: Prediction


def inspect(name: str, picture: np.ndarray, model: str) -> Inspected:
    """Look at a classifier through a prepared picture, uint8 [H, W, C].

    :param model: as :func:`backends.targets.named.target_model` takes it.
    :raises StudioError: it is not here, or cannot be read.
    """
    import torch

    from backends.service.serialization import prediction_of
    from backends.targets.named import target_model
    from backends.targets.outside.network import Outside

    found = bundles.get(name)
    x = imaging.to_tensor(picture).to(found.device)
    with torch.no_grad(), guarded(found.device):
        f = target_model(found, model)
        network = getattr(f, "network", None)
        outside = network.intake if isinstance(network, Outside) else None
        seen = outside.seen(x) if outside else x
        said = prediction_of(f.class_names, f.probabilities(x)[0].cpu())
    mean = outside.mean.flatten().tolist() if outside else [0.0]
    std = outside.std.flatten().tolist() if outside else [1.0]
    return Inspected(
        list(f.class_names), (seen.shape[3], seen.shape[2]), seen.shape[1], tuple(mean),
        tuple(std), bool(f.differentiable), imaging.to_array(seen), said,
    )  # fmt: skip
