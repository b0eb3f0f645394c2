"""Metrics on pictures whose answer is known."""

import torch

from backends import bundles
from backends.core import Region
from backends.explain.judge import judge
from backends.explain.nfe import Meter
from backends.explain.question import Question
from backends.metrics import METRICS, area, distance
from backends.metrics.cout import cout
from tests.conftest import write_tiny


def pair():
    x = torch.zeros(1, 1, 10, 10)
    changed = x.clone()
    changed[0, 0, :2, :5] = 0.5
    changed[0, 0, 9, 9] = 0.05
    return x, changed


def test_distances():
    x, y = pair()
    assert torch.allclose(distance.l1(x, y), torch.tensor([5.05]))
    assert torch.allclose(distance.l2(x, y), torch.tensor([(10 * 0.25 + 0.0025) ** 0.5]))
    assert torch.allclose(area.changed_area(x, y), torch.tensor([0.1]))
    outside = torch.ones_like(x)
    outside[0, 0, :2] = 0
    assert torch.allclose(area.greatest_change(x, y, outside), torch.tensor([0.05]))


class Area:
    """Says class 1 in proportion to the share of changed pixels that have entered."""

    def __init__(self, sign):
        self.sign = sign

    def probabilities(self, x):
        share = (x.flatten(1) > 0.2).float().mean(1) * 10
        p = share if self.sign > 0 else 1 - share
        return torch.stack([1 - p, p], 1)


def test_cout_is_high_when_the_most_changed_pixels_flip_first():
    x, y = pair()
    source, target = torch.tensor([0]), torch.tensor([1])
    early = cout(Area(1), x, y, source, target)
    late = cout(Area(-1), x, y, source, target)
    assert 0.85 < float(early) < 1
    assert torch.allclose(early, -late, atol=1e-6)


def test_meter_counts_forward_and_backward_for_one_run_alone():
    layer = torch.nn.Linear(2, 2)
    mine, yours = Meter(), Meter()
    a, b = mine.watch("net", layer), yours.watch("net", layer)
    x = torch.ones(1, 2, requires_grad=True)
    a(x).sum().backward()
    with torch.no_grad():
        a(x)
    b(x)
    assert mine.nfe == {"net": {"forward": 2, "backward": 1}}
    assert yours.nfe == {"net": {"forward": 1, "backward": 0}}


def test_a_run_is_judged_by_all_that_the_bundle_allows(tiny):
    bundle = bundles.find(tiny)
    x = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    y, target, region = 1 - x, torch.tensor([0, 1]), Region(torch.ones(2, 1, 16, 16))
    answer = judge(Question.of(bundle, "adversarial", x, target, region), y)
    assert all(value.shape == (2,) for value in answer.metrics.values())
    with torch.no_grad():
        z = bundle.part("autoencoder").encode(y)
        expected = bundle.part("density").log_density(z, target)
    assert torch.allclose(answer.metrics["log_density"], expected)
    percentile = answer.metrics["log_density_percentile"]
    assert ((percentile >= 0) & (percentile <= 100)).all()
    p = answer.counterfactual.gather(1, target[:, None])[:, 0]
    assert torch.equal(answer.metrics["target_probability"], p)
    assert set(answer.metrics) - {"oracle_label"} <= set(METRICS)


def test_without_a_density_there_is_no_number_for_it(tmp_path):
    x = torch.zeros(1, 1, 16, 16)
    bundle = bundles.find(str(write_tiny(tmp_path / "bundle", without=("density",))))
    region = Region(torch.ones_like(x))
    answer = judge(Question.of(bundle, "adversarial", x, torch.tensor([0]), region), x)
    assert "log_density" not in answer.metrics
    assert abs(float(answer.metrics["ssim"]) - 1) < 1e-6
