"""The face generator: its graph is read right, its coarse path keeps to the full one, and a
picture's w can be found again."""

from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from backends import bundles, registry
from backends.conversion.openvino import convert
from backends.errors import BadInput, MissingPart, StudioError
from backends.priors.stylegan.inversion import invert, pyramid_distance
from backends.priors.stylegan.network import (
    MobileStyleGAN,
    Response,
    averaged_kernel,
    haar,
    map_latents,
)
from backends.training.previews import agreement, calibrate

GOLDEN = Path(__file__).parents[3] / "golden" / "mobile_stylegan.npz"
LATENT, DEPTH, WIDTHS = 16, 2, [16, 16, 8, 8]
TINY = {"latent": LATENT, "depth": DEPTH, "widths": WIDTHS, "previews": [8, 16]}


class Graph:
    """Writes a network in OpenVINO's intermediate representation, node by node."""

    def __init__(self) -> None:
        self.root = ElementTree.Element("net", version="10")
        self.layers = ElementTree.SubElement(self.root, "layers")
        self.edges = ElementTree.SubElement(self.root, "edges")
        self.data, self.count = b"", 0

    def node(self, kind, *inputs, name="", **data):
        key = str(self.count)
        self.count += 1
        layer = ElementTree.SubElement(self.layers, "layer", id=key, name=name, type=kind)
        ElementTree.SubElement(layer, "data", {k: str(v) for k, v in data.items()})
        for port, source in enumerate(inputs):
            ends = {"from-layer": source, "from-port": "0", "to-layer": key, "to-port": str(port)}
            ElementTree.SubElement(self.edges, "edge", ends)
        return key

    def constant(self, values, name=""):
        raw = values.numpy().astype("<f4").tobytes()
        shape = ", ".join(map(str, values.shape))
        place = {"shape": shape, "offset": len(self.data), "size": len(raw)}
        self.data += raw
        return self.node("Const", name=name, element_type="f32", **place)

    def write(self, folder, name):
        ElementTree.ElementTree(self.root).write(folder / f"{name}.xml")
        (folder / f"{name}.bin").write_bytes(self.data)


class Published:
    """Random weights as they are published, written as a graph and computed as it says."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(0)
        self.mapping = [(self.draw(LATENT, LATENT), self.draw(LATENT)) for _ in range(DEPTH)]
        self.input = self.draw(1, WIDTHS[0], 4, 4)
        self.convs = {"m.conv1": self.conv(WIDTHS[0], WIDTHS[0], 4, dense=True)}
        self.ups = {}
        for i, (a, b) in enumerate(pairwise(WIDTHS)):
            self.ups[f"m.layers.{i}.up"] = self.style_of(a)
            self.convs[f"m.layers.{i}.conv1"] = self.conv(a // 4, b, 8 << i)
            self.convs[f"m.layers.{i}.conv2"] = self.conv(b, b, 8 << i)
        self.image = {
            "style": self.style_of(WIDTHS[-1]), "scale": 0.7,
            "weight": self.draw(12, WIDTHS[-1], 1, 1), "bias": self.draw(1, 12, 1, 1),
        }  # fmt: skip

    def draw(self, *shape):
        """Normal values; those of kernels keep the size of what they multiply."""
        inputs = max(1, np.prod(shape[1:])) if len(shape) > 1 and shape[0] > 1 else 4
        return torch.randn(*shape, generator=self.generator) / inputs**0.5

    def style_of(self, channels):
        return self.draw(channels, LATENT) / 4, 1 + self.draw(1, channels) / 4

    def conv(self, a, b, size, dense=False):
        return {
            "style": self.style_of(a), "scale": 0.9,
            "dw": None if dense else self.draw(a, 1, 3, 3),
            "weight": self.draw(b, a, 3, 3) if dense else self.draw(b, a, 1, 1),
            "noise": self.draw(1, 1, size, size), "bias": self.draw(1, b, 1, 1),
        }  # fmt: skip

    # ------------------------------------------------------------------------- as numbers

    def w(self, z):
        x = z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt()
        for weight, bias in self.mapping:
            x = F.leaky_relu(x @ weight.T + bias, 0.2) * 2**0.5
        return x

    def picture(self, w):
        x = self.apply(self.convs["m.conv1"], w, self.input)
        for i in range(len(WIDTHS) - 1):
            weight, bias = self.ups[f"m.layers.{i}.up"]
            x = self.inverse(x * (w @ weight.T + bias)[:, :, None, None])
            x = self.apply(self.convs[f"m.layers.{i}.conv1"], w, x)
            x = self.apply(self.convs[f"m.layers.{i}.conv2"], w, x)
        weight, bias = self.image["style"]
        x = x * (w @ weight.T + bias)[:, :, None, None] * self.image["scale"]
        return self.inverse(F.conv2d(x, self.image["weight"]) + self.image["bias"])

    def apply(self, conv, w, x):
        weight, bias = conv["style"]
        x = x * (w @ weight.T + bias)[:, :, None, None] * conv["scale"]
        if conv["dw"] is not None:
            x = F.conv2d(x, conv["dw"], padding=1, groups=x.shape[1])
        x = F.conv2d(x, conv["weight"], padding=conv["weight"].shape[-1] // 2)
        return F.leaky_relu(x + conv["noise"] + conv["bias"], 0.2)

    def inverse(self, x):
        """The graph's transform: three details a channel, transposed convolutions by axis."""
        c = x.shape[1] // 4
        low, high = x[:, :c], x[:, c:].unflatten(1, (c, 3))
        h0, h1 = torch.tensor([1.0, 1.0]) / 2**0.5, torch.tensor([1.0, -1.0]) / 2**0.5

        def up(y, taps, axis):
            shape, stride = ((2, 1), (2, 1)) if axis == 0 else ((1, 2), (1, 2))
            kernel = taps.view(1, 1, *shape).repeat(c, 1, 1, 1)
            return F.conv_transpose2d(y, kernel, stride=stride, groups=c)

        left = up(low, h0, 0) + up(high[:, :, 0], h1, 0)
        right = up(high[:, :, 1], h0, 0) + up(high[:, :, 2], h1, 0)
        return up(left, h0, 1) + up(right, h1, 1)

    # --------------------------------------------------------------------------- as a graph

    def write(self, folder):
        graph = Graph()
        x = graph.node("Parameter")
        for i, (weight, bias) in enumerate(self.mapping):
            product = graph.node("MatMul", x, graph.constant(weight, str(i)))
            x = graph.node("Add", product, graph.node("Reshape", graph.constant(bias)))
        graph.write(folder, "MappingNetwork")

        graph = Graph()
        style = graph.node("Parameter")
        # As in the published file the styles come first, those of the last layer before all.
        factors = {"image": self.style(graph, style, "m.layers.2.to_img.conv", self.image)}
        for name, conv in reversed(self.convs.items()):
            factors[name] = self.style(graph, style, f"{name}.conv", conv)
        for name, pair in self.ups.items():
            factors[name] = self.style(graph, style, name, {"style": pair})
        x = self.write_conv(graph, "m.conv1", factors, graph.constant(self.input, "m.input.input"))
        for i in range(len(WIDTHS) - 1):
            up = graph.node("Reshape", factors[f"m.layers.{i}.up"])
            x = graph.node("Multiply", up, x)
            for number in (1, 2):
                x = self.write_conv(graph, f"m.layers.{i}.conv{number}", factors, x)
        x = graph.node("Multiply", factors["image"], x)
        weight = graph.constant(self.image["weight"], "m.layers.2.to_img.conv.weight")
        bias = graph.constant(self.image["bias"], "m.layers.2.to_img.bias")
        graph.node("Add", graph.node("Convolution", x, weight), bias)
        graph.write(folder, "SynthesisNetwork")
        return {path.name: path for path in folder.iterdir()}

    def style(self, graph, style, name, entry):
        weight, bias = entry["style"]
        product = graph.node("MatMul", style, graph.constant(weight, f"{name}.modulation.weight"))
        total = graph.node("Add", product, graph.constant(bias, f"{name}.modulation.bias"))
        if "scale" not in entry:
            return total
        scale = graph.constant(torch.full((1, 1, 1, 1), entry["scale"]))
        return graph.node("Multiply", graph.node("Reshape", total), scale)

    def write_conv(self, graph, name, factors, x):
        conv = self.convs[name]
        x = graph.node("Multiply", factors[name], x)
        if conv["dw"] is not None:
            kernel = graph.constant(conv["dw"].unsqueeze(1), f"{name}.conv.weight_dw")
            x = graph.node("GroupConvolution", x, kernel)
        x = graph.node("Convolution", x, graph.constant(conv["weight"]))
        x = graph.node("Add", x, graph.constant(conv["noise"]))
        return graph.node("Add", x, graph.constant(conv["bias"], f"{name}.bias"))


@pytest.fixture(scope="module")
def published():
    return Published()


@pytest.fixture
def files(published, tmp_path):
    return published.write(tmp_path)


@pytest.fixture
def network(files):
    """A tiny network whose coarse path is not calibrated."""
    network = registry.architecture("mobile_stylegan")(**TINY)
    network.load_state_dict(convert(files), strict=False)
    return network.eval().requires_grad_(False)


def faces(network, n, seed=0):
    return network.sample_w(n, torch.Generator().manual_seed(seed), truncation=1.0)


def test_a_converted_graph_computes_what_the_graph_says(published, files):
    network = MobileStyleGAN(LATENT, DEPTH, WIDTHS)
    network.load_state_dict(convert(files))
    z = torch.randn(3, LATENT, generator=torch.Generator().manual_seed(5))
    w = published.w(z)
    with torch.no_grad():
        found = network.sample_w(3, torch.Generator().manual_seed(5), truncation=1.0)
        x = network.decode(w)
    assert torch.allclose(found, w, atol=1e-5)
    assert torch.allclose(x, ((published.picture(w) + 1) / 2).clamp(0, 1), atol=1e-5)
    assert torch.allclose(network.mean_w, published.w(torch.randn(20000, LATENT)).mean(0), atol=0.1)


@pytest.mark.parametrize("spoil", ["absent", "entity", "broken", "short", "other"])
def test_a_spoilt_graph_is_told(files, spoil):
    xml, weights = files["SynthesisNetwork.xml"], files["SynthesisNetwork.bin"]
    if spoil == "absent":
        del files["SynthesisNetwork.bin"]
    elif spoil == "entity":
        xml.write_text('<!DOCTYPE net [<!ENTITY a "aaaa">]>' + xml.read_text())
    elif spoil == "broken":
        xml.write_text(xml.read_text()[:-20])
    elif spoil == "short":
        weights.write_bytes(weights.read_bytes()[:-4])
    else:
        files["SynthesisNetwork.xml"] = files["MappingNetwork.xml"]
    with pytest.raises(MissingPart, match="fetch the bundle again"):
        convert(files)


def test_haar_keeps_averages_and_energy():
    bands = torch.randn(2, 3, 3, 8)
    x = haar(bands)
    assert x.shape == (2, 6, 6, 2)
    means = F.avg_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
    assert torch.allclose(means, bands[..., :2], atol=1e-6)
    assert torch.allclose(x.square().sum(), 4 * bands.square().sum())


def test_an_averaged_kernel_is_exact_on_even_blocks():
    kernel, x = torch.randn(2, 1, 3, 3), torch.randn(1, 2, 5, 5)
    fine = F.conv2d(x.repeat_interleave(4, 2).repeat_interleave(4, 3), kernel, padding=1, groups=2)
    coarse = F.conv2d(x, averaged_kernel(kernel, 4), padding=1, groups=2)
    assert torch.allclose(F.avg_pool2d(fine, 4), coarse, atol=1e-5)


def test_pictures_are_in_range_and_differentiable_in_w(network):
    w = faces(network, 3).requires_grad_()
    for x in (network.decode(w), network.preview(w, 8), network.preview(w, 4)):
        assert 0 <= x.min() < x.max() <= 1
        (g,) = torch.autograd.grad(x.square().sum(), w)
        assert bool((g.flatten(1).abs().amax(1) > 0).all())
    assert network.decode(w).shape == (3, 3, 64, 64)
    assert network.preview(w, 4).shape == (3, 3, 4, 4)


def test_a_batch_is_its_rows(network):
    w = faces(network, 3)
    for size in (8, 64):
        rows = torch.cat([network.preview(row, size) for row in w.split(1)])
        assert torch.allclose(network.preview(w, size), rows, atol=1e-5)


def test_truncation_draws_to_the_mean(network):
    full, half, none = (
        network.sample_w(4, torch.Generator().manual_seed(0), truncation=t) for t in (1, 0.5, 0)
    )
    assert torch.allclose(none, network.mean_w.expand(4, -1))
    assert torch.allclose(half, (full + none) / 2, atol=1e-6)


def test_a_preview_without_coarse_path_is_the_picture_averaged(network):
    w = faces(network, 1)
    assert torch.allclose(network.preview(w, 32), F.avg_pool2d(network.decode(w), 2), atol=1e-6)
    with pytest.raises(BadInput, match="divisor"):
        network.preview(w, 7)


def test_calibration_mends_responses_on_faces_it_has_not_seen(network):
    unseen = faces(network, 8, seed=1)
    rectifiers = agreement(network, unseen)
    for module in network.responses.modules():
        if isinstance(module, Response):
            module.offset.fill_(0.3)
            module.falling.fill_(1)
    off = agreement(network, unseen)
    done = list(calibrate(network, faces(network, 16)))
    mended = agreement(network, unseen)
    assert len(done) == 2 * (2 + 1)
    assert mended.keys() == {"psnr_8", "psnr_16"}
    for size, psnr in mended.items():
        assert psnr > off[size] + 3
        assert psnr > rectifiers[size] - 1


def test_inversion_finds_faces_again_and_can_be_stopped(network):
    w = faces(network, 2, seed=3)
    with torch.no_grad():
        x = network.decode(w)
    steps = list(invert(network, x, 100, torch.Generator().manual_seed(0), sizes=(32, 64)))
    assert [s.index for s in steps] == list(range(1, 101))
    with torch.no_grad():
        begun, near = network.decode(steps[0].w), network.decode(steps[-1].w)
    assert bool((pyramid_distance(near, x) < 0.5 * pyramid_distance(begun, x)).all())
    error = (near - x).square().mean((1, 2, 3)).sqrt()
    assert torch.allclose(steps[-1].error, error, atol=1e-5)
    stopped = invert(network, x, 100, torch.Generator().manual_seed(0), sizes=(32, 64))
    assert torch.equal(next(stopped).w, steps[0].w)
    stopped.close()
    assert torch.is_grad_enabled()


def test_a_portrait_that_does_not_divide_is_told(network):
    with pytest.raises(BadInput, match="square"):
        next(invert(network, torch.zeros(1, 3, 60, 64), 1, torch.Generator()))


def pulled():
    for name in bundles.installed():
        bundle = bundles.find(name)
        for part, entry in bundle.manifest.parts.items():
            if entry.architecture == "mobile_stylegan":
                try:
                    return bundle.part(part)
                except StudioError as error:
                    pytest.skip(str(error))
    pytest.skip("no installed bundle has a face generator")


@pytest.mark.weights
def test_parity_with_openvino():
    network, golden = pulled(), np.load(GOLDEN)
    z, w = torch.from_numpy(golden["z"]), torch.from_numpy(golden["w"])
    rows, columns = (torch.from_numpy(golden[k]).long() for k in ("rows", "columns"))
    found = map_latents(z, [(layer.weight, layer.bias) for layer in network.mapping])
    assert torch.allclose(found, w, atol=1e-4)
    with torch.no_grad():
        x = network.decode(w)[:, :, rows, columns] * 2 - 1
    assert float((x - torch.from_numpy(golden["pixels"]).clamp(-1, 1)).abs().max()) <= 1e-3
