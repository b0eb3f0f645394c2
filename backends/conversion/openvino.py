"""MobileStyleGAN from OpenVINO's intermediate representation: a graph in XML, constants in a .bin.

The package's networks keep most of their names, but the convolutions' demodulated weights, the
noise and the mapping's layers are anonymous, so those are found by their place in the graph. The
scale that a layer applies to its style is multiplied into the style's affine map.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree  # nosec B405 # entities are refused before anything is parsed

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from backends.bundles import ASSETS
from backends.errors import MissingPart

__all__ = ["Graph", "convert"]

MAPPING, SYNTHESIS = "MappingNetwork", "SynthesisNetwork"
TYPES = {"f16": "<f2", "f32": "<f4", "f64": "<f8", "i32": "<i4", "i64": "<i8"}
DRAWS = 1 << 14  # z's for the mean w
RESPONSES = ASSETS / "faces" / "responses.safetensors"
PUBLISHED = (12, 64)  # the published network's last layer


class Graph:
    """One network of the intermediate representation, version 10 or 11.

    :raises MissingPart: the XML declares entities or cannot be read, or the .bin is too short.
    """

    def __init__(self, xml: Path, weights: Path) -> None:
        self.name = xml.name
        try:
            text = xml.read_text("utf-8")
            if "<!DOCTYPE" in text or "<!ENTITY" in text:  # entities could grow without bound
                raise ValueError("entities")
            root = ElementTree.fromstring(text)  # nosec B314 # entities are refused above
        except (ValueError, ElementTree.ParseError) as error:
            raise self._unreadable() from error
        self._data = weights.read_bytes()
        self.nodes = {node.get("id", ""): node for node in root.iterfind("layers/layer")}
        self._inputs: dict[str, list[str]] = {key: [] for key in self.nodes}
        self._outputs: dict[str, list[str]] = {key: [] for key in self.nodes}
        edges = sorted(root.iterfind("edges/edge"), key=lambda e: int(e.get("to-port", "0")))
        for edge in edges:
            start, end = edge.get("from-layer", ""), edge.get("to-layer", "")
            if start not in self.nodes or end not in self.nodes:
                raise self._unreadable()
            self._inputs[end].append(start)
            self._outputs[start].append(end)

    def kind(self, key: str) -> str:
        """What a node does, such as ``Convolution``."""
        return self.nodes[key].get("type", "")

    def of_kind(self, kind: str) -> list[str]:
        """All nodes that do this, in the order of computation."""
        return [key for key in self.nodes if self.kind(key) == kind]

    def named(self, name: str) -> str:
        """The constant of that name.

        :raises MissingPart: there is none.
        """
        found = next((k for k in self.of_kind("Const") if self.nodes[k].get("name") == name), None)
        if found is None:
            raise self._unreadable()
        return found

    def names(self) -> list[str]:
        """The constants' names."""
        return [self.nodes[key].get("name", "") for key in self.of_kind("Const")]

    def inputs(self, key: str) -> list[str]:
        """The nodes whose results a node takes, in its order."""
        return self._inputs[key]

    def then(self, key: str, kind: str) -> str:
        """The node of this kind that uses the node's result.

        :raises MissingPart: there is none.
        """
        found = next((k for k in self._outputs[key] if self.kind(k) == kind), None)
        if found is None:
            raise self._unreadable()
        return found

    def constant(self, key: str) -> Tensor:
        """The constant among a node's inputs, or the node itself, in float32.

        :raises MissingPart: there is none, or it lies outside the .bin.
        """
        keys = [key, *self._inputs[key]]
        node = next((self.nodes[k] for k in keys if self.kind(k) == "Const"), None)
        data = None if node is None else node.find("data")
        if data is None or data.get("element_type") not in TYPES:
            raise self._unreadable()
        shape = [int(n) for n in data.get("shape", "").split(",") if n.strip()]
        kind = np.dtype(TYPES[data.get("element_type", "")])
        start, size = int(data.get("offset", -1)), int(data.get("size", -1))
        if start < 0 or start + size > len(self._data) or size != kind.itemsize * np.prod(shape):
            raise self._unreadable()
        values = np.frombuffer(self._data, kind, size // kind.itemsize, start)
        return torch.from_numpy(values.astype(np.float32)).reshape(shape)

    def _unreadable(self) -> MissingPart:
        return MissingPart(
            "{name} is not a MobileStyleGAN that this program can read; fetch the bundle again",
            name=self.name,
        )


def convert(files: dict[str, Path]) -> dict[str, Tensor]:
    """State dict of :class:`backends.priors.stylegan.network.MobileStyleGAN`; to the published
    network come the responses of its coarse path, which we fitted. Other responses need another
    ``edition`` of the part's source in bundle.json, or caches keep the old ones.

    :param files: ``{Mapping,Synthesis}Network.{xml,bin}``, wherever they lie.
    :raises MissingPart: one is absent or is not what its name says.
    """
    for name in (f"{n}.{e}" for n in (MAPPING, SYNTHESIS) for e in ("xml", "bin")):
        if name not in files:
            raise MissingPart("{name} is missing in the package; fetch the bundle again", name=name)
    mapping, synthesis = (
        Graph(files[f"{name}.xml"], files[f"{name}.bin"]) for name in (MAPPING, SYNTHESIS)
    )
    state = _mapping(mapping) | _synthesis(synthesis)
    state["mean_w"] = _mean_w(state)
    if state["bands.weight"].shape == PUBLISHED:
        state |= load_file(RESPONSES)
    return {name: tensor.contiguous() for name, tensor in state.items()}


def _mapping(graph: Graph) -> dict[str, Tensor]:
    """Linear layers, in the order of computation."""
    state = {}
    for i, product in enumerate(graph.of_kind("MatMul")):
        total = graph.then(product, "Add")
        # The bias reaches its Add through a Reshape.
        shaped = [k for k in graph.inputs(total) if graph.kind(k) == "Reshape"]
        state[f"mapping.{i}.weight"] = graph.constant(product)
        state[f"mapping.{i}.bias"] = graph.constant(shaped[0] if shaped else total).flatten()
    return state


def _synthesis(graph: Graph) -> dict[str, Tensor]:
    """The start, levels from 8x8 up, and the last level's wavelet bands of the picture."""
    state = {"start.constant": graph.constant(graph.named("m.input.input"))[0]}
    state |= _style(graph, "m.conv1.conv.modulation", "start.style")
    state |= _convolution(graph, "m.conv1", "start")
    depth = sum(name.endswith(".up.modulation.weight") for name in graph.names())
    for i in range(depth):
        theirs, ours = f"m.layers.{i}", f"levels.{i}"
        state |= _style(graph, f"{theirs}.up.modulation", f"{ours}.up")
        for number, word in ((1, "first"), (2, "second")):
            conv = f"{theirs}.conv{number}"
            state |= _style(graph, f"{conv}.conv.modulation", f"{ours}.{word}_style")
            state |= _convolution(graph, conv, f"{ours}.{word}")
            state[f"{ours}.{word}.mix.weight"] = state[f"{ours}.{word}.mix.weight"].flatten(1)
            spread = graph.constant(graph.named(f"{conv}.conv.weight_dw")).squeeze(1)
            state[f"{ours}.{word}.spread.weight"] = spread
    last = f"m.layers.{depth - 1}.to_img"
    state |= _style(graph, f"{last}.conv.modulation", "style")
    state["bands.weight"] = graph.constant(graph.named(f"{last}.conv.weight")).flatten(1)
    state["bands.bias"] = graph.constant(graph.named(f"{last}.bias")).flatten()
    return _in_blocks(state, depth)


def _convolution(graph: Graph, theirs: str, ours: str) -> dict[str, Tensor]:
    """Dense weights, bias and noise of a convolution, found backwards from its named bias."""
    bias = graph.named(f"{theirs}.bias")
    noisy = next(k for k in graph.inputs(graph.then(bias, "Add")) if graph.kind(k) == "Add")
    dense = next(k for k in graph.inputs(noisy) if graph.kind(k) == "Convolution")
    return {
        f"{ours}.mix.weight": graph.constant(dense),
        f"{ours}.mix.bias": graph.constant(bias).flatten(),
        f"{ours}.noise": graph.constant(noisy)[0, 0, :, :, None],
    }


def _in_blocks(state: dict[str, Tensor], depth: int) -> dict[str, Tensor]:
    """Wavelet bands as this program orders them: of C channels a block each for the average and
    the three details, where the graph has C averages and then three details for every channel;
    and halved, so that the transform need not."""
    halved = {"bands"} | {f"levels.{i}.up" for i in range(depth)}
    wavelets = halved | {"start.mix"} | {f"levels.{i}.second.mix" for i in range(depth - 1)}
    # What comes before a transform is reordered with the layers that see it channel by channel.
    for name in wavelets:
        count = len(state[f"{name}.bias"]) // 4
        details = torch.arange(count, 4 * count).view(count, 3).T.flatten()
        order = torch.cat([torch.arange(count), details])
        for kind in (f"{name}.weight", f"{name}.bias"):
            state[kind] = state[kind][order] * (0.5 if name in halved else 1)
    return state


def _style(graph: Graph, theirs: str, ours: str) -> dict[str, Tensor]:
    """A style's affine map, times the scale that follows it where one does."""
    weight, bias = (graph.named(f"{theirs}.{kind}") for kind in ("weight", "bias"))
    factor = graph.then(graph.then(graph.then(bias, "Add"), "Reshape"), "Multiply")
    constants = [k for k in graph.inputs(factor) if graph.kind(k) == "Const"]
    scale = graph.constant(constants[0]).flatten() if constants else torch.ones(1)
    return {
        f"{ours}.weight": graph.constant(weight) * scale,
        f"{ours}.bias": graph.constant(bias).flatten() * scale,
    }


def _mean_w(state: dict[str, Tensor]) -> Tensor:
    """Mean w of many z, always the same ones."""
    from backends.priors.stylegan.network import map_latents

    layers = sum(name.startswith("mapping.") for name in state) // 2
    weights = [(state[f"mapping.{i}.weight"], state[f"mapping.{i}.bias"]) for i in range(layers)]
    draws = torch.Generator().manual_seed(0)
    z = torch.randn(DRAWS, len(weights[0][1]), generator=draws)
    return map_latents(z, weights).mean(0)
