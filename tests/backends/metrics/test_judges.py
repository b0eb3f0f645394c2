"""FID and its kin, S3 and the faces' measures, against definitions computed by numpy and scipy."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import nn
from torchvision.models import resnet18

from backends.conversion import simsiam
from backends.errors import BadInput
from backends.metrics import coverage, frechet, identity, kernel, similarity


def drawn(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)).double()


def by_scipy(a, b):
    """Heusel et al., equation 6."""
    a, b = a.numpy(), b.numpy()
    one, two = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    middle = ((a.mean(0) - b.mean(0)) ** 2).sum()
    return middle + np.trace(one + two - 2 * sqrtm(one @ two).real)


@pytest.mark.parametrize("name", ["fid", "spatial_fid"])
def test_fid_is_the_definition_s_and_left_out_of_too_few_pictures(name, monkeypatch):
    measure = getattr(frechet, name)
    real, other = drawn(50, 6), drawn(60, 6, seed=1) + 0.3
    flipped = torch.arange(60) < 45
    assert measure((real, other), flipped) is None, "there are fewer than 2048"
    monkeypatch.setattr(frechet, "ENOUGH", 40)
    assert measure((real, other), flipped) == pytest.approx(by_scipy(real, other[:45]), rel=1e-6)
    assert measure((real, other), torch.arange(60) < 39) is None
    assert measure((real[:39], other), flipped) is None


def test_no_picture_meets_its_own_answers_in_the_split_fid(monkeypatch):
    real = drawn(60, 4)
    seeds = torch.cat([real + 0.1, real + 0.2])  # two answers to each picture
    flipped = torch.arange(120) != 7
    assert frechet.split_fid((real, seeds), flipped) is None
    monkeypatch.setattr(frechet, "ENOUGH", 40)
    first, second = frechet.halves(60, torch.Generator().manual_seed(0))
    one, two = (half.repeat(2) & flipped for half in (first, second))
    expected = (by_scipy(real[first], seeds[two]) + by_scipy(real[second], seeds[one])) / 2
    assert frechet.split_fid((real, seeds), flipped) == pytest.approx(expected, rel=1e-6)


def test_kid_and_precision_are_those_of_the_same_features_elsewhere():
    real, other = drawn(30, 8), drawn(60, 8, seed=1) + 0.1
    flipped = torch.arange(60) < 40

    def kernels(a, b):
        return (a @ b.T / 8 + 1) ** 3

    x, y = real, other[:30]  # as many of each
    same = [(kernels(a, a).sum() - kernels(a, a).trace()) / (30 * 29) for a in (x, y)]
    expected = float(sum(same) - 2 * kernels(x, y).mean())
    assert kernel.kid((real, other), flipped) == pytest.approx(expected, abs=1e-6)
    for kind in ("precision", "recall"):
        told = getattr(coverage, f"{kind}_inception")((real, other), flipped)
        assert told == getattr(coverage, f"{kind}_oracle")((real, other), flipped)
        assert 0 < told <= 1
        assert getattr(coverage, f"{kind}_inception")((real[:19], other), flipped) is None


def test_several_seeds_share_their_factual():
    real, other = drawn(5, 4), drawn(10, 4, seed=1)
    told = similarity.cosine_oracle((real, other))
    expected = [
        float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))
        for a, b in zip([*real.numpy()] * 2, other.numpy(), strict=True)
    ]
    assert np.allclose(told, expected)


def test_a_person_is_the_same_below_dlibs_distance():
    before = torch.zeros(4, 128) + 0.1
    after = before.clone()
    after[0, 0] += 0.59
    after[1, 0] += 0.61
    after[2, :64] = -0.1  # at right angles
    flipped = torch.tensor([True, True, True, False])
    same = identity.face_verified_dlib((before, after), flipped)
    assert same[:3].tolist() == [1, 0, 0]
    assert same[3].isnan(), "each answer keeps its place"
    alike = identity.face_similarity_dlib((before, after), flipped)
    norms = before.norm(dim=1) * after.norm(dim=1)
    assert torch.allclose(alike[:3], ((before * after).sum(1) / norms)[:3])
    assert alike[3].isnan()
    assert alike[2].abs() < 1e-6
    assert identity.face_verified_dlib((before, after), ~torch.ones(4).bool()) is None
    assert identity.face_similarity_dlib((before, after), ~torch.ones(4).bool()) is None


def write_checkpoint(folder):
    """A random encoder as SimSiam's authors build and store it, and the encoder itself."""
    torch.manual_seed(0)
    encoder = resnet18(num_classes=16, zero_init_residual=True)
    inner = encoder.fc.weight.shape[1]
    encoder.fc = nn.Sequential(
        nn.Linear(inner, inner, bias=False), nn.BatchNorm1d(inner), nn.ReLU(inplace=True),
        nn.Linear(inner, inner, bias=False), nn.BatchNorm1d(inner), nn.ReLU(inplace=True),
        encoder.fc, nn.BatchNorm1d(16, affine=False),
    )  # fmt: skip
    encoder.train()(torch.rand(4, 3, 32, 32))  # its norms have seen something
    state = {f"module.encoder.{name}": value for name, value in encoder.state_dict().items()}
    state["module.predictor.0.weight"] = torch.rand(4, 16)
    path = folder / "checkpoint_0099.pth.tar"
    torch.save({"epoch": 100, "arch": "resnet18", "state_dict": state, "optimizer": {}}, path)
    return path, encoder.eval()


@pytest.mark.slow
def test_s3_is_the_cosine_in_the_features_of_a_given_checkpoint(tmp_path):
    path, encoder = write_checkpoint(tmp_path)
    network = simsiam.read(path)
    assert not any(weight.requires_grad for weight in network.parameters())
    x, y = torch.rand(2, 3, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        expected = [
            encoder((some - mean[:, None, None]) / deviation[:, None, None]) for some in (x, y)
        ]
        seen = network(x), network(y)
        assert torch.allclose(network(x[:, :1]), network(x[:, :1].expand(-1, 3, -1, -1)))
    assert torch.allclose(seen[0], expected[0], rtol=1e-4, atol=1e-5)
    told = similarity.s3_simsiam(seen)
    a, b = (features.numpy() for features in expected)
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert np.allclose(told, cosine, atol=1e-5)
    assert (told < 1).all()


def test_another_file_is_no_checkpoint_of_simsiam(tmp_path):
    path = tmp_path / "other.pth.tar"
    with pytest.raises(BadInput, match=r"checkpoint_0099\.pth\.tar"):
        simsiam.read(path)
    for stored in ({}, [1], {"arch": "vgg11", "state_dict": {}}, {"state_dict": {"a": 1}}):
        torch.save(stored, path)
        with pytest.raises(BadInput, match=r"checkpoint_0099\.pth\.tar"):
            simsiam.read(path)
    path.write_bytes(b"no pickle")
    with pytest.raises(BadInput, match=r"checkpoint_0099\.pth\.tar"):
        simsiam.read(path)
