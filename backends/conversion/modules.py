"""Pickled torch modules -> state dicts of this program's networks.

Such a file holds objects, and reading it as usual runs its author's code. Here every class that it
names becomes an empty record, by torch's own restricted unpickler: only tensors come out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from backends.conversion.checkpoints import EPSILON, UNREADABLE
from backends.errors import MissingPart

__all__ = [
    "RESNET",
    "VGG",
    "PickledModule",
    "convert_cifar_resnet",
    "convert_cifar_vgg",
    "tensors_of",
]

RESNET, VGG = "resnet56_cifar10_0.9320_45k.pth", "vgg16_cifar10_0.9225_45k.pth"
LAYERS = (
    "activation.ReLU", "batchnorm.BatchNorm1d", "batchnorm.BatchNorm2d", "container.Sequential",
    "conv.Conv2d", "dropout.Dropout", "linear.Identity", "linear.Linear", "pooling.MaxPool2d",
)  # fmt: skip
OTHERS = ("torchvision.models.vgg.VGG", "resnet.BasicBlock", "resnet.ResNet")


class PickledModule:
    """What any module of a file becomes."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def tensors_of(path: Path) -> dict[str, Tensor]:
    """Parameters and buffers of a pickled module, by name.

    :raises OSError: the file cannot be read.
    :raises pickle.UnpicklingError: it names something else than modules of these kinds.
    """
    names = [f"torch.nn.modules.{layer}" for layer in LAYERS] + list(OTHERS)
    allowed = [(type(name.rpartition(".")[2], (PickledModule,), {}), name) for name in names]
    with torch.serialization.safe_globals([*allowed, (set, "__builtin__.set")]):
        module = torch.load(path, map_location="cpu", weights_only=True)
    return dict(_walked(module, ""))


def _walked(module: Any, prefix: str) -> list[tuple[str, Tensor]]:
    held = vars(module)
    found = [
        (f"{prefix}{name}", value.detach())
        for kind in ("_parameters", "_buffers")
        for name, value in held.get(kind, {}).items()
        if value is not None
    ]
    for name, inner in held.get("_modules", {}).items():
        found += _walked(inner, f"{prefix}{name}.")
    return found


def _folded(stored: dict[str, Tensor], layer: str, norm: str) -> tuple[Tensor, Tensor]:
    """A convolution or linear layer and the batch norm after it, as one: weight and bias."""
    scale = stored[f"{norm}.weight"] / (stored[f"{norm}.running_var"] + EPSILON).sqrt()
    weight = stored[f"{layer}.weight"]
    bias = stored.get(f"{layer}.bias", torch.zeros_like(scale))
    shape = (-1, *[1] * (weight.ndim - 1))
    shift = stored[f"{norm}.bias"] + scale * (bias - stored[f"{norm}.running_mean"])
    return weight * scale.view(shape), shift


def convert_cifar_resnet(files: dict[str, Path]) -> dict[str, Tensor]:
    """ResNet-56 of the package torch_optim -> :class:`~backends.targets.cifar.CifarResNet`.

    :raises MissingPart: the file is absent or another network's.
    """
    pairs = {("conv1", "bn1"): "stem"}
    for stage in range(3):
        for block in range(9):
            theirs, ours = f"layer{stage + 1}.{block}", f"stages.{stage}.{block}"
            pairs[f"{theirs}.conv1", f"{theirs}.bn1"] = f"{ours}.first"
            pairs[f"{theirs}.conv2", f"{theirs}.bn2"] = f"{ours}.second"
            if stage and not block:
                pairs[f"{theirs}.shortcut.0", f"{theirs}.shortcut.1"] = f"{ours}.skip"
    return _converted(files, RESNET, pairs, {"linear": "head"})


def convert_cifar_vgg(files: dict[str, Path]) -> dict[str, Tensor]:
    """VGG-16 of the package torch_optim -> :class:`~backends.targets.cifar.CifarVGG`.

    :raises MissingPart: the file is absent or another network's.
    """
    places = [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48]
    pairs = {
        (f"features.{place}", f"features.{place + 1}"): f"convolutions.{number}"
        for number, place in enumerate(places)
    }
    pairs["classifier.1", "classifier.2"] = "hidden"
    return _converted(files, VGG, pairs, {"classifier.5": "head"})


def _converted(
    files: dict[str, Path], name: str, pairs: dict[tuple[str, str], str], plain: dict[str, str]
) -> dict[str, Tensor]:
    try:
        stored = tensors_of(files[name])
        state = {}
        for (layer, norm), ours in pairs.items():
            state[f"{ours}.weight"], state[f"{ours}.bias"] = _folded(stored, layer, norm)
        for theirs, ours in plain.items():
            state |= {f"{ours}.{kind}": stored[f"{theirs}.{kind}"] for kind in ("weight", "bias")}
    except UNREADABLE as error:
        raise MissingPart(
            "{name} is missing or is not the network this program knows; fetch the bundle again",
            name=name,
        ) from error
    return state
