"""The judges' published networks -> ours, against the libraries that they come from."""

import pickle
import struct

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from backends import registry
from backends.conversion import dlib, torchscript
from backends.errors import MissingPart
from backends.faces.descriptor import BLOCKS, MEAN, FaceDescriptor
from backends.metrics.inception import CHANNELS, Inception

# torch's own way to write such an archive is deprecated; the published one stays as it is.
JIT = pytest.mark.filterwarnings(
    "ignore:`torch.jit:DeprecationWarning", "ignore:`torch.jit:FutureWarning"
)


@pytest.fixture
def random():
    return torch.Generator().manual_seed(0)


# ------------------------------------------------------------------ Inception


class Convolution(nn.Module):
    """A convolution and its norm, named as the package names them."""

    def __init__(self, conv, norm):
        super().__init__()
        self.weight, self.beta = nn.Parameter(conv.weight), nn.Parameter(norm.bias)
        self.mean, self.var = nn.Parameter(norm.running_mean), nn.Parameter(norm.running_var)


@pytest.fixture
def published(tmp_path, random, monkeypatch):
    """torch-fidelity's whole network with random weights, and an archive of the same weights."""
    with monkeypatch.context() as patch:
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        torch.save({}, tmp_path / "nothing.pt")
        whole = FeatureExtractorInceptionV3("drawn", ["2048"], str(tmp_path / "nothing.pt"))
    layers = nn.ModuleDict()
    for number, module in enumerate(m for m in whole.modules() if hasattr(m, "bn")):
        nn.init.kaiming_normal_(module.conv.weight, generator=random)
        for values in (module.bn.bias, module.bn.running_mean):
            values.copy_(0.1 * torch.randn(values.shape, generator=random))
        module.bn.running_var.copy_(0.5 + torch.rand(len(module.bn.bias), generator=random))
        layers[f"layer_{number}"] = Convolution(module.conv, module.bn)
    archive = nn.Module()
    archive.net = nn.Module()
    archive.net.layers = layers
    torch.jit.script(archive).save(tmp_path / torchscript.INCEPTION)
    return whole, tmp_path / torchscript.INCEPTION


@pytest.mark.slow
@JIT
def test_inception_is_torch_fidelitys_and_has_the_maps_of_the_seventh_block(published, random):
    whole, path = published
    network = Inception().eval()
    network.load_state_dict(registry.converter("inception_torchscript")({path.name: path}))
    x = torch.randint(256, (2, 3, 40, 56), generator=random, dtype=torch.uint8)
    maps = []
    whole.Mixed_6d.branch1x1.conv.register_forward_hook(lambda _, __, out: maps.append(out))
    with torch.no_grad():
        (expected,) = whole(x)
        features, spatial = network(x.float() / 255)
        grey = network(x[:, :1].float() / 255)[0]
        assert torch.allclose(grey, whole(x[:, :1].expand(-1, 3, -1, -1))[0], rtol=1e-4)
    assert features.shape == (2, 2048)
    assert torch.allclose(features, expected, rtol=1e-4, atol=1e-4 * float(expected.max()))
    assert expected.std() > 0
    assert spatial.shape == (2, CHANNELS * 17 * 17)
    assert torch.allclose(spatial, maps[0][:, :CHANNELS].flatten(1), rtol=1e-3, atol=1e-4)


@JIT
def test_another_archive_is_refused_in_one_sentence_and_its_program_never_read(tmp_path):
    path = tmp_path / torchscript.INCEPTION
    with pytest.raises(MissingPart, match="fetch the bundle again"):
        torchscript.convert_inception({})
    torch.jit.script(nn.Linear(2, 2)).save(path)
    assert set(torchscript.tensors_of(path)) == {"weight", "bias"}
    with pytest.raises(MissingPart, match="fetch the bundle again"):
        torchscript.convert_inception({path.name: path})
    for content in (b"", b"PK\x05\x06" + bytes(18), pickle.dumps([1])):
        path.write_bytes(content)
        with pytest.raises(MissingPart, match="fetch the bundle again"):
            torchscript.convert_inception({path.name: path})


# ------------------------------------------------------------------ dlib's descriptor


def number(value):
    """As dlib writes whole numbers."""
    size = max(1, (value.bit_length() + 7) // 8)
    return bytes([size]) + value.to_bytes(size, "little")


def layer(kind, values, before=b""):
    """A layer's name, settings and tensor, and something of what follows."""
    shape = b"".join(number(n) for n in (len(values), 1, 1, 1))
    content = number(len(kind)) + kind + before + number(dlib.VERSION) + shape
    return content + values.astype("<f4").tobytes() + number(3) + struct.pack("<d", 0.5)


@pytest.fixture
def descriptor(tmp_path):
    """A random network in dlib's layout, a sixteenth as wide, and what each layer holds."""
    rng, width, inner = np.random.default_rng(0), 2, 3
    sizes = [(7, width)]
    sizes += [(3, f * width) for f, count in BLOCKS for _ in range(2 * count)]
    held, content = [], b"input_rgb_image_sized"
    for side, outer in sizes:
        kernel = rng.normal(0, (2 / (inner * side**2)) ** 0.5, (outer, inner, side, side))
        bias, scale, shift = rng.normal(0, 0.1, (3, outer))
        scale += 1
        content += layer(b"con_4", np.concatenate([kernel.ravel(), bias]))
        content += layer(b"affine_", np.concatenate([scale, shift]))
        held.append((kernel, bias, scale, shift))
        inner = outer
    head = rng.normal(0, 0.3, (inner, 5))
    content += layer(b"fc_2", head.ravel(), number(5) + number(inner))
    path = tmp_path / dlib.DESCRIPTOR
    path.write_bytes(content)
    return path, [[torch.from_numpy(v).float() for v in vs] for vs in held], head


def described(held, head, x):
    """The network computed straight from what the file holds, with dlib's sum of unlike maps."""
    layers = iter(held)

    def mapped(x, stride, padding):
        kernel, bias, scale, shift = next(layers)
        y = F.conv2d(x, kernel, bias, stride, padding)
        return y * scale[:, None, None] + shift[:, None, None]

    def total(a, b):
        out = torch.zeros([max(m, n) for m, n in zip(a.shape, b.shape, strict=True)])
        for one in (a, b):
            out[:, : one.shape[1], : one.shape[2], : one.shape[3]] += one
        return out

    x = (x * 255 - torch.tensor(MEAN)[:, None, None]) / 256
    x = F.max_pool2d(mapped(x, 2, 0).relu(), 3, 2)
    for place, (_, count) in enumerate(BLOCKS):
        for block in range(count):
            down = place > 0 and block == 0
            y = mapped(mapped(x, 2 if down else 1, 0 if down else 1).relu(), 1, 1)
            x = total(y, F.avg_pool2d(x, 2) if down else x).relu()
    return x.mean((2, 3)) @ torch.from_numpy(head).float()


def test_the_descriptor_computes_what_its_file_says(descriptor, random):
    path, held, head = descriptor
    network = FaceDescriptor(width=2, latent=5, crop=(0, 0, 1, 1)).eval()
    network.load_state_dict(registry.converter("dlib_descriptor")({path.name: path}))
    x = torch.rand(2, 3, 150, 150, generator=random)
    with torch.no_grad():
        expected = described(held, head, x)
        assert torch.allclose(network(x), expected, rtol=1e-3, atol=1e-4 * expected.abs().max())


def test_another_file_is_refused_in_one_sentence(descriptor):
    path, *_ = descriptor
    content = path.read_bytes()
    for damaged in (b"", content[:900], content[:-60], content.replace(b"con_4", b"con_5")):
        path.write_bytes(damaged)
        with pytest.raises(MissingPart, match="fetch the bundle again"):
            dlib.convert({path.name: path})
    with pytest.raises(MissingPart, match="fetch the bundle again"):
        dlib.convert({})
