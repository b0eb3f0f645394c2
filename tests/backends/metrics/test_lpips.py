"""SSIM and LPIPS: per picture, and LPIPS only where its weights are."""

import hashlib

import pytest
import torch

from backends import bundles
from backends.core import Region
from backends.errors import MissingPart
from backends.explain import judge as judging
from backends.explain.question import Question
from backends.metrics import METRICS, lpips, ssim
from tests.conftest import write_lpips, write_tiny


@pytest.fixture
def pair():
    x = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    y = x.clone()
    y[1, :, :4] = 0
    y[2] = 1 - y[2]
    return x, y


def test_ssim_is_one_number_a_picture(pair):
    x, y = pair
    value = ssim.ssim(x, y)
    assert value.shape == (3,)
    assert abs(float(value[0]) - 1) < 1e-6
    assert 1 > float(value[1]) > float(value[2])
    assert torch.allclose(ssim.ssim(x[1:2], y[1:2]), value[1:2], atol=1e-6)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty torch cache, and nothing remembered."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    lpips._network.cache_clear()
    yield tmp_path / "checkpoints"
    lpips._network.cache_clear()


def test_lpips_says_how_to_get_its_weights_and_fetches_nothing(cache, pair):
    assert "torchvision" in lpips.problem()
    with pytest.raises(MissingPart, match=r"fetch it with: python -c"):
        lpips.lpips(*pair)
    assert not cache.exists()


def test_a_damaged_backbone_is_said(cache):
    cache.mkdir()
    (cache / lpips._weights().name).write_bytes(b"damaged")
    assert "damaged" in lpips.problem()


def test_lpips_is_one_number_a_picture(cache, pair, monkeypatch):
    from torchvision.models import SqueezeNet1_1_Weights, squeezenet1_1

    torch.manual_seed(0)
    cache.mkdir()
    path = cache / SqueezeNet1_1_Weights.DEFAULT.url.rpartition("/")[2]
    torch.save(squeezenet1_1(weights=None).state_dict(), path)
    assert "damaged" in lpips.problem(), "these weights are random"
    monkeypatch.setattr(lpips, "_damaged", lambda path, modified: False)
    assert lpips.problem() is None
    x, y = pair
    value = lpips.lpips(x, y)
    assert value.shape == (3,)
    assert value[0] == 0
    assert (value[1:] > 0).all()
    grey = lpips.lpips(x.expand(-1, 3, -1, -1), y.expand(-1, 3, -1, -1))
    assert torch.allclose(grey, value)


def test_a_bundle_with_weights_of_its_own_is_measured_with_them(cache, tmp_path):
    folder = write_tiny(tmp_path / "own")
    network = write_lpips(folder)
    bundle = bundles.Bundle(folder)
    x = torch.rand(2, 1, 16, 16)
    y = torch.stack([x[0], 1 - x[1]])
    target, region = torch.zeros(2, dtype=torch.long), Region(torch.ones(2, 1, 16, 16))
    answer = judging.judge(Question.of(bundle, "adversarial", x, target, region), y)
    assert torch.allclose(answer.metrics["lpips_alex"], network(x, y), atol=1e-6)
    assert answer.metrics["lpips_alex"][0] == 0 < answer.metrics["lpips_alex"][1]
    assert "lpips" not in answer.metrics, "SqueezeNet's weights are not here"
    assert set(answer.metrics) - {"oracle_label"} <= set(METRICS)


def test_file_names_carry_the_beginning_of_their_checksum(tmp_path):
    digest = hashlib.sha256(b"whole").hexdigest()
    path = tmp_path / f"net-{digest[:8]}.pth"
    path.write_bytes(b"whole")
    assert not lpips._damaged(path, 0.0)


def test_every_metric_declares_what_it_is():
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.title
        assert metric.unit
        assert metric.library
        assert metric.direction in ("higher", "lower", "neither")
