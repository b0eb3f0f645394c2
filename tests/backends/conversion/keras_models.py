"""Keras 2's HDF5 files in miniature: written layer by layer, and computed with numpy alone.

The interpreter follows Keras' definitions of its layers on [B, H, W, C], and knows nothing of
torch or of our converters; it computes any functional model made of these layers.
"""

import json
from pathlib import Path

import h5py
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


class Writer:
    """Add layers, then write the file; layers are numbered by kind as Keras does."""

    def __init__(self, shape: tuple[int, int, int], seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.counts: dict[str, int] = {}
        self.layers: list[dict] = []
        self.weights: dict[str, dict[str, np.ndarray]] = {}
        self.channels: dict[str, int] = {}
        self.input = self._add("InputLayer", {"batch_input_shape": [None, *shape]}, [], shape[2])

    def _add(self, kind, config, inputs, channels, **weights):
        stem = {
            "Conv2D": "conv2d", "SeparableConv2D": "separable_conv2d", "Dense": "dense",
            "BatchNormalization": "batch_normalization",
        }.get(kind, kind.lower())  # fmt: skip
        self.counts[stem] = self.counts.get(stem, 0) + 1
        name = f"{stem}_{self.counts[stem]}"
        nodes = [[[i, 0, 0, {}] for i in inputs]] if inputs else []
        self.layers.append(
            {"class_name": kind, "name": name, "config": {"name": name, **config},
             "inbound_nodes": nodes}
        )  # fmt: skip
        self.weights[name] = weights
        self.channels[name] = channels
        return name

    def _draw(self, *shape):
        return self.random.normal(0, 0.5, shape).astype(np.float32)

    def conv(self, x, filters, side=3, stride=1, padding="same", bias=False):
        extra = {"bias": self._draw(filters)} if bias else {}
        config = {"strides": [stride, stride], "padding": padding, "use_bias": bias}
        kernel = self._draw(side, side, self.channels[x], filters)
        return self._add("Conv2D", config, [x], filters, kernel=kernel, **extra)

    def separable(self, x, filters):
        c = self.channels[x]
        return self._add(
            "SeparableConv2D", {"strides": [1, 1], "padding": "same", "use_bias": False}, [x],
            filters, depthwise_kernel=self._draw(3, 3, c, 1),
            pointwise_kernel=self._draw(1, 1, c, filters),
        )  # fmt: skip

    def norm(self, x):
        c = self.channels[x]
        return self._add(
            "BatchNormalization", {"epsilon": 0.001, "axis": -1}, [x], c,
            gamma=self._draw(c) + 1, beta=self._draw(c), moving_mean=self._draw(c),
            moving_variance=self.random.uniform(0.5, 2, c).astype(np.float32),
        )  # fmt: skip

    def relu(self, x):
        return self._add("Activation", {"activation": "relu"}, [x], self.channels[x])

    def plus(self, x, y):
        return self._add("Add", {}, [x, y], self.channels[x])

    def pool(self, x, kind, side, stride):
        config = {"pool_size": [side, side], "strides": [stride, stride], "padding": "same"}
        return self._add(kind, config, [x], self.channels[x])

    def layer(self, kind, x):
        return self._add(kind, {}, [x], self.channels[x])

    def dense(self, x, features, units):
        return self._add("Dense", {}, [x], units, kernel=self._draw(features, units) / features)

    def write(self, path: Path) -> Path:
        shuffled = [self.layers[i] for i in self.random.permutation(len(self.layers))]
        with h5py.File(path, "w") as file:
            file.attrs["model_config"] = json.dumps({"config": {"layers": shuffled}})
            for name, weights in self.weights.items():
                group = file.create_group(f"model_weights/{name}")
                names = [f"{name}_1/{weight}:0" for weight in weights]
                group.attrs["weight_names"] = np.array([n.encode() for n in names], dtype="S99")
                for path_, value in zip(names, weights.values(), strict=True):
                    group[path_] = value
        return path


def _windows(x, side, stride, padding, fill):
    """[B, H, W, C] -> [B, H', W', C, side, side]."""
    if padding == "same":
        pads = [max((-(-n // stride) - 1) * stride + side - n, 0) for n in x.shape[1:3]]
        spread = [(p // 2, p - p // 2) for p in pads]
        x = np.pad(x, [(0, 0), *spread, (0, 0)], constant_values=fill)
    return sliding_window_view(x, (side, side), axis=(1, 2))[:, ::stride, ::stride]


def compute(path: Path, x: np.ndarray, layer: str) -> np.ndarray:
    """The output of a layer for pictures [B, H, W, C] (float64)."""
    with h5py.File(path) as file:
        layers = {
            spec["name"]: spec
            for spec in json.loads(file.attrs["model_config"])["config"]["layers"]
        }
        weights = {name: {} for name in layers}

        def keep(name, item):
            if isinstance(item, h5py.Dataset):
                owner, _, weight = name.partition("/")
                weights[owner][weight.rpartition("/")[2].removesuffix(":0")] = item[()]

        file["model_weights"].visititems(keep)
    known = {}

    def value(name):
        if name not in known:
            spec = layers[name]
            inputs = [value(edge[0]) for node in spec["inbound_nodes"] for edge in node]
            known[name] = _apply(spec, weights[name], inputs) if inputs else x
        return known[name]

    return value(layer)


def _apply(spec, w, inputs):
    kind, config, x = spec["class_name"], spec["config"], inputs[0]
    stride = config.get("strides", [1])[0]
    if kind == "Conv2D":
        seen = _windows(x, w["kernel"].shape[0], stride, config["padding"], 0)
        return np.einsum("bhwcyx,yxck->bhwk", seen, w["kernel"]) + w.get("bias", 0)
    if kind == "SeparableConv2D":
        seen = _windows(x, 3, stride, config["padding"], 0)
        y = np.einsum("bhwcyx,yxc->bhwc", seen, w["depthwise_kernel"][..., 0])
        return y @ w["pointwise_kernel"][0, 0]
    if kind == "BatchNormalization":
        normal = (x - w["moving_mean"]) / np.sqrt(w["moving_variance"] + config["epsilon"])
        return w["gamma"] * normal + w["beta"]
    if kind == "Activation":
        return np.maximum(x, 0)
    if kind == "Add":
        return inputs[0] + inputs[1]
    if kind == "MaxPooling2D":
        return _windows(x, config["pool_size"][0], stride, "same", -np.inf).max((-1, -2))
    if kind == "AveragePooling2D":
        return np.nanmean(_windows(x, config["pool_size"][0], stride, "same", np.nan), (-1, -2))
    if kind == "GlobalAveragePooling2D":
        return x.mean((1, 2))
    if kind == "Flatten":
        return x.reshape(len(x), -1)
    if kind == "Dense":
        return x @ w["kernel"]
    raise AssertionError(kind)
