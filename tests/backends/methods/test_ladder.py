"""RCSB's ladder: what each rung leaves out, and how guidance is scheduled."""

import pytest
import torch
from torch import nn

from backends.methods.common.guidance import Smoothing
from backends.methods.common.views import Views
from backends.methods.rcsb import RCSB, share
from backends.priors.bridge import BridgeSchedule
from backends.targets.model import Classifier

WEIGHTS = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
F = Classifier(lambda x: x.flatten(1) @ WEIGHTS.to(x), ["a", "b", "c"])
X = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(1))
MASK, TARGET = torch.ones(2, 1, 4, 4), torch.tensor([0, 2])
RUNGS = ["naive", "tweedie", "adam", "normalised", "truncated"]


class Net(nn.Module):
    def forward(self, x, t):
        return 0.3 * x


def method():
    return RCSB(F, Net(), BridgeSchedule(100, 1.0))


def test_naive_guidance_is_the_models_gradient_at_the_noisy_picture():
    """d log softmax / dx of a linear model, times the 1/2 of (x + 1) / 2."""
    config = RCSB.Config(judged="noisy", composite_estimate=False)
    xn = 2 * X - 1
    _, g, _ = method()._guidance(xn, 50, X, TARGET, MASK, config, Views(1))
    p = (X.flatten(1) @ WEIGHTS).softmax(1)
    expected = 0.5 * (WEIGHTS.T[TARGET] - p @ WEIGHTS.T)
    assert torch.allclose(g.flatten(1), expected, atol=1e-6)


def test_tweedies_gradient_goes_through_the_network():
    clean, noisy = (
        method()._guidance(2 * X - 1, 50, X, TARGET, MASK, RCSB.Config(judged=judged), Views(1))[1]
        for judged in ("clean", "noisy")
    )
    assert not torch.allclose(clean, noisy, atol=1e-3)


def test_without_adam_only_the_first_norm_divides():
    smooth = Smoothing(shared=False, adam=False)
    first, second = 3 * torch.ones(1, 1, 2, 2), torch.full((1, 1, 2, 2), 12.0)
    assert torch.allclose(smooth(first), first / 6)  # |(3, 3, 3, 3)| = 6
    assert torch.allclose(smooth(second), second / 6)
    raw = Smoothing(shared=False, adam=False, normalised=False)
    assert torch.equal(raw(first), first)


def test_adams_first_step_has_length_one_a_pixel():
    smooth = Smoothing(shared=False, normalised=False)
    assert torch.allclose(smooth(torch.tensor([[[[0.2, -7.0]]]])), torch.tensor([[[[1.0, -1.0]]]]))


def test_every_rung_adds_one_thing():
    rungs = [RCSB.Config(**RCSB.presets[name].settings) for name in RUNGS]
    assert [r.judged for r in rungs] == ["noisy"] + 4 * ["clean"]
    assert [r.smoothing for r in rungs] == 2 * ["none"] + 3 * ["pixel"]
    assert [r.normalisation for r in rungs] == 3 * [False] + 2 * [True]
    assert [r.truncation for r in rungs] == 4 * [1.0] + [0.6]
    assert [r.scale for r in rungs] == [1.0, 1.0, 0.01, 1.0, 1.0]


@pytest.mark.parametrize("name", RUNGS)
def test_every_rung_walks(name):
    config = RCSB.Config(**RCSB.presets[name].settings | {"steps": 6})
    last = list(method().walk(X, TARGET, MASK, config, torch.randn_like(X)))[-1]
    assert last.index == 6
    assert last.image.isfinite().all()


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        ("constant", [1, 1, 1]),
        ("interval", [0, 1, 0]),
        ("exponential", [1, 0.1353, 0.0183]),
        ("gaussian", [0.0039, 1, 0.0039]),
    ],
)
def test_schedules(schedule, values):
    assert [share(schedule, u) for u in (0.0, 0.5, 1.0)] == pytest.approx(values, abs=1e-4)
