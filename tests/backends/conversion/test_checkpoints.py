"""Published checkpoints -> our networks; pickles can make arrays and nothing else."""

import os
import pickle

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from backends import registry
from backends.conversion import checkpoints
from backends.errors import MissingPart
from backends.faces.parsing import CLASSES, DEVIATION, MEAN, BiSeNet
from backends.metrics.perceptual import Perceptual

WIDTH = 4


@pytest.fixture
def random():
    return torch.Generator().manual_seed(0)


# ------------------------------------------------------------------ face parsing


@pytest.fixture
def parsing(tmp_path, random):
    """A random checkpoint with the names that the published one has, a sixteenth as wide."""
    stored = {}

    def conv(name, inner, outer, side=3):
        stored[f"{name}.weight"] = torch.randn(outer, inner, side, side, generator=random) * 0.3

    def norm(name, channels):
        stored[f"{name}.weight"] = 1 + 0.2 * torch.randn(channels, generator=random)
        stored[f"{name}.bias"] = torch.randn(channels, generator=random)
        stored[f"{name}.running_mean"] = torch.randn(channels, generator=random)
        stored[f"{name}.running_var"] = 0.5 + torch.rand(channels, generator=random)
        stored[f"{name}.num_batches_tracked"] = torch.tensor(3)

    def both(name, inner, outer, side=3):
        conv(f"{name}.conv", inner, outer, side)
        norm(f"{name}.bn", outer)

    conv("cp.resnet.conv1", 3, WIDTH, 7)
    norm("cp.resnet.bn1", WIDTH)
    inner = WIDTH
    for stage, outer in enumerate((WIDTH, 2 * WIDTH, 4 * WIDTH, 8 * WIDTH), 1):
        for block in range(2):
            name = f"cp.resnet.layer{stage}.{block}"
            conv(f"{name}.conv1", inner, outer)
            norm(f"{name}.bn1", outer)
            conv(f"{name}.conv2", outer, outer)
            norm(f"{name}.bn2", outer)
            if stage > 1 and not block:
                conv(f"{name}.downsample.0", inner, outer, 1)
                norm(f"{name}.downsample.1", outer)
            inner = outer
    c = 2 * WIDTH
    for arm, channels in (("cp.arm16", 4 * WIDTH), ("cp.arm32", 8 * WIDTH)):
        both(f"{arm}.conv", channels, c)
        conv(f"{arm}.conv_atten", c, c, 1)
        norm(f"{arm}.bn_atten", c)
    both("cp.conv_head32", c, c)
    both("cp.conv_head16", c, c)
    both("cp.conv_avg", 8 * WIDTH, c, 1)
    both("ffm.convblk", 2 * c, 2 * c, 1)
    conv("ffm.conv1", 2 * c, c // 2, 1)
    conv("ffm.conv2", c // 2, 2 * c, 1)
    both("conv_out.conv", 2 * c, 2 * c)
    conv("conv_out.conv_out", 2 * c, len(CLASSES), 1)
    both("conv_out16.conv", c, c)  # for training only
    conv("conv_out16.conv_out", c, len(CLASSES), 1)
    path = tmp_path / checkpoints.PARSING
    torch.save(stored, path)
    return path, stored


def parsed(s, x):
    """The paper's figure 2 computed straight from a checkpoint, batch norms as batch norms."""

    def normed(x, conv, norm, stride=1):
        kernel = s[f"{conv}.weight"]
        x = F.conv2d(x, kernel, None, stride, kernel.shape[-1] // 2)
        statistics = (s[f"{norm}.{k}"] for k in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *statistics)

    def both(x, name):
        return normed(x, f"{name}.conv", f"{name}.bn").relu()

    def arm(x, name):
        x = both(x, f"{name}.conv")
        whole = F.adaptive_avg_pool2d(x, 1)
        return x * normed(whole, f"{name}.conv_atten", f"{name}.bn_atten").sigmoid()

    def up(x):
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)

    x = F.max_pool2d(normed(x, "cp.resnet.conv1", "cp.resnet.bn1", 2).relu(), 3, 2, 1)
    maps = []
    for stage in range(1, 5):
        for block in range(2):
            name, stride = f"cp.resnet.layer{stage}.{block}", 2 if stage > 1 and not block else 1
            y = normed(x, f"{name}.conv1", f"{name}.bn1", stride).relu()
            y = normed(y, f"{name}.conv2", f"{name}.bn2")
            if f"{name}.downsample.0.weight" in s:
                x = normed(x, f"{name}.downsample.0", f"{name}.downsample.1", stride)
            x = (x + y).relu()
        maps.append(x)
    _, x8, x16, x32 = maps
    y = arm(x32, "cp.arm32") + both(F.adaptive_avg_pool2d(x32, 1), "cp.conv_avg")
    y = both(up(y), "cp.conv_head32")
    y = both(up(arm(x16, "cp.arm16") + y), "cp.conv_head16")
    y = both(torch.cat([x8, y], 1), "ffm.convblk")
    weight = F.conv2d(F.adaptive_avg_pool2d(y, 1), s["ffm.conv1.weight"]).relu()
    y = y + y * F.conv2d(weight, s["ffm.conv2.weight"]).sigmoid()
    return F.conv2d(both(y, "conv_out.conv"), s["conv_out.conv_out.weight"])


def test_bisenet_computes_what_its_checkpoint_says(parsing, random):
    path, stored = parsing
    network = BiSeNet(size=64, width=WIDTH).eval()
    network.load_state_dict(registry.converter("bisenet_checkpoint")({path.name: path}))
    x = torch.rand(2, 3, 64, 64, generator=random)
    seen = (x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]
    with torch.no_grad():
        expected = parsed(stored, seen)
        assert expected.shape == (2, len(CLASSES), 8, 8)
        assert torch.allclose(network(x), expected, rtol=1e-3, atol=1e-3 * expected.abs().max())


def test_another_checkpoint_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / checkpoints.PARSING
    with pytest.raises(MissingPart, match="fetch the bundle again"):
        checkpoints.convert_bisenet({})
    torch.save({"weight": torch.zeros(1)}, path)
    with pytest.raises(MissingPart, match="fetch the bundle again"):
        checkpoints.convert_bisenet({path.name: path})
    path.write_bytes(pickle.dumps(_Shell(tmp_path / "ran"), protocol=2))
    with pytest.raises(MissingPart, match="fetch the bundle again"):
        checkpoints.convert_bisenet({path.name: path})
    assert not (tmp_path / "ran").exists()


# ------------------------------------------------------------------ LPIPS


def flax(backbone, width):
    """Random parameters named and laid out as the package has them."""
    random, inner, heads = np.random.default_rng(0), 3, []
    layers = {}
    for number, (factor, side, _, _, compared) in enumerate(Perceptual.LAYERS[backbone]):
        outer = int(factor * width)
        kernel = random.normal(0, (2 / (side**2 * inner)) ** 0.5, (side, side, inner, outer))
        bias = random.normal(0, 0.1, outer)
        layers[f"Conv_{number}"] = {"kernel": kernel.astype("f4"), "bias": bias.astype("f4")}
        if compared:
            heads.append(random.uniform(0, 1, (1, 1, outer, 1)).astype("f4"))
        inner = outer
    root = {"alex": "AlexNet_0", "vgg": "VGG16_0"}[backbone]
    return {
        root: layers,
        **{f"NetLinLayer_{i}": {"Conv_0": {"kernel": head}} for i, head in enumerate(heads)},
    }


@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "name"), [("alex", "alexnet.ckpt"), ("vgg", "vgg16.ckpt")])
def test_lpips_agrees_with_torchmetrics(backbone, name, tmp_path, random):
    from torchmetrics.functional.image.lpips import _LPIPS

    stored = flax(backbone, 64)
    path = tmp_path / name
    path.write_bytes(pickle.dumps(stored, protocol=3))
    network = Perceptual(backbone).eval()
    network.load_state_dict(registry.converter("lpips_checkpoint")({name: path}))

    reference = _LPIPS(pretrained=False, net=backbone, pnet_rand=True).eval()
    with torch.no_grad():
        theirs = [m for m in reference.net.modules() if isinstance(m, torch.nn.Conv2d)]
        ours = stored[next(iter(stored))].values()
        for layer, values in zip(theirs, ours, strict=True):
            layer.weight.copy_(torch.from_numpy(values["kernel"]).permute(3, 2, 0, 1))
            layer.bias.copy_(torch.from_numpy(values["bias"]))
        for i, layer in enumerate(reference.lins):
            head = torch.from_numpy(stored[f"NetLinLayer_{i}"]["Conv_0"]["kernel"])
            layer.model[-1].weight.copy_(head.permute(3, 2, 0, 1))
        x, y = torch.rand(2, 2, 3, 72, 64, generator=random)
        expected = reference(2 * x - 1, 2 * y - 1).flatten()
        assert torch.allclose(network(x, y), expected, rtol=1e-3)
        assert network(x, x).abs().max() == 0
        assert torch.allclose(network(x[:, :1], y[:, :1]), network(
            x[:, :1].expand(-1, 3, -1, -1), y[:, :1].expand(-1, 3, -1, -1)
        ))  # fmt: skip


def test_lpips_has_a_gradient_even_between_black_pictures():
    network = Perceptual("alex", width=4)
    x = torch.zeros(1, 3, 64, 64, requires_grad=True)
    network(x, torch.rand(1, 3, 64, 64)).sum().backward()
    assert x.grad.isfinite().all()
    assert x.grad.abs().sum() > 0


def test_other_arrays_are_refused_in_one_sentence(tmp_path):
    path = tmp_path / "alexnet.ckpt"
    for stored in ({"AlexNet_0": {"Conv_0": {}}}, {}, [1], flax("vgg", 4)):
        path.write_bytes(pickle.dumps(stored))
        with pytest.raises(MissingPart, match="fetch the bundle again"):
            checkpoints.convert_lpips({path.name: path})
    with pytest.raises(MissingPart, match="fetch the bundle again"):
        checkpoints.convert_lpips({})


# ------------------------------------------------------------------ pickles


class _Shell:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_arrays_come_back_as_they_were():
    stored = {"a": {"b": np.arange(6, dtype="<f4").reshape(2, 3)}, "c": np.zeros(3, "<i8")}
    found = checkpoints.arrays(pickle.dumps(stored, protocol=3))  # as the package's
    assert np.array_equal(found["a"]["b"], stored["a"]["b"])
    assert found["c"].dtype == np.int64


def test_a_pickle_that_runs_something_is_refused_unrun(tmp_path):
    for content in (_Shell(tmp_path / "ran"), {"a": [_Shell(tmp_path / "ran")]}, np.float64,
                    np.array([_Shell(tmp_path / "ran")], dtype=object)):  # fmt: skip
        with pytest.raises(ValueError, match="pickle asks for"):
            checkpoints.arrays(pickle.dumps(content))
    assert not (tmp_path / "ran").exists()


def test_a_pickle_cut_short_is_refused():
    whole = pickle.dumps({"a": np.zeros(9)})
    for length in (0, 5, len(whole) - 3):
        with pytest.raises(ValueError, match="cannot be read"):
            checkpoints.arrays(whole[:length])
