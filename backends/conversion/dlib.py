"""dlib's network of face descriptors -> a state dict of this program's.

The file lists its layers from the input on: a name, settings, and a tensor of float32. Numbers
outside of tensors are a byte that says how many follow and the sign, and these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from backends.errors import MissingPart

__all__ = ["DESCRIPTOR", "convert"]

DESCRIPTOR = "dlib_face_recognition_resnet_model_v1.dat"
LAYER = re.compile(rb"\x01[\x04\x05\x07](con_4|affine_|fc_2)")
VERSION = 2  # of a tensor's layout


def convert(files: dict[str, Path]) -> dict[str, Tensor]:
    """``dlib_face_recognition_resnet_model_v1.dat`` of the package face_recognition_models ->
    :class:`~backends.faces.descriptor.FaceDescriptor`; the affine map after each convolution is
    folded into it.

    :raises MissingPart: the file is absent or another network's.
    """
    try:
        layers = list(_layers(files[DESCRIPTOR].read_bytes()))
        convolutions = [values for kind, values in layers if kind == "con_4"]
        affine = [values.view(2, -1) for kind, values in layers if kind == "affine_"]
        (head,) = (values for kind, values in layers if kind == "fc_2")
        blocks = range(len(convolutions) // 2)
        names = ["start", *(f"blocks.{i}.{part}" for i in blocks for part in ("first", "second"))]
        state, inner = {}, 3
        for name, values, (scale, shift) in zip(names, convolutions, affine, strict=True):
            outer = len(scale)
            side = round(((len(values) - outer) / (inner * outer)) ** 0.5)
            kernel = values[:-outer].view(outer, inner, side, side)
            state[f"{name}.weight"] = kernel * scale[:, None, None, None]
            state[f"{name}.bias"] = values[-outer:] * scale + shift
            inner = outer
        state["head.weight"] = head.view(inner, -1).T
    except (KeyError, IndexError, OSError, RuntimeError, ValueError) as error:
        raise MissingPart(
            "{name} is missing or is not the network this program knows; fetch the bundle again",
            name=DESCRIPTOR,
        ) from error
    return state


def _layers(content: bytes) -> Iterator[tuple[str, Tensor]]:
    """What each layer with weights is, and these, in the order of computation."""
    at = 0
    while found := LAYER.search(content, at):
        kind, at = found[1].decode(), found.end()
        if kind == "fc_2":
            for _ in range(2):  # how many outputs and inputs
                _, at = _number(content, at)
        version, at = _number(content, at)
        shape = []
        for _ in range(4):
            size, at = _number(content, at)
            shape.append(size)
        count = int(np.prod(shape))
        if version != VERSION or count < 1:
            raise ValueError(f"{kind} has no tensor")
        values = np.frombuffer(content, "<f4", count, at)
        at += values.nbytes
        yield kind, torch.from_numpy(values.copy())


def _number(content: bytes, at: int) -> tuple[int, int]:
    """A number >= 0 and where the next one begins."""
    size = content[at]
    if size > 8:
        raise ValueError("this is no number that counts something")
    return int.from_bytes(content[at + 1 : at + 1 + size], "little"), at + 1 + size
