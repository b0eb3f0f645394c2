"""FastDiME: its mask, its step, and that what is masked is the factual again."""

import pytest
import torch
from torch import nn

from backends.methods.fastdime import FastDiME, changed
from backends.priors.pixel_diffusion import levels, pixel_alphas
from backends.targets.model import Classifier

ALPHAS = pixel_alphas()
WEIGHTS = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
F = Classifier(lambda x: x.flatten(1) @ WEIGHTS.to(x), ["a", "b", "c"])
X = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))
MASK, TARGET = torch.ones(2, 1, 8, 8), torch.tensor([0, 2])


class Net(nn.Module):
    """Its clean estimate is 0.9 times a noisy picture."""

    def forward(self, x, t):
        a = ALPHAS[t].view(-1, 1, 1, 1)
        return (x - a.sqrt() * 0.9 * x) / (1 - a).sqrt()


def quiet():
    return torch.zeros_like(X)


def walk(draw=quiet, net=None, **config):
    config = FastDiME.Config(**{"steps": 12, "truncation": 0.3} | config)
    return list(FastDiME(F, net or Net()).walk(X, TARGET, MASK, config, draw))


def test_the_mask_is_what_changed_most_widened():
    x = torch.zeros(1, 1, 5, 5)
    y = x.clone()
    y[0, 0, 0, 0], y[0, 0, 4, 4] = 1.0, 0.1
    assert changed(y, x, 0.15, 0).nonzero()[:, 2:].tolist() == [[0, 0]]
    assert changed(y, x, 0.15, 1).nonzero()[:, 2:].tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert changed(y, x, 0.05, 0).sum() == 2
    assert changed(x, x, 0.0, 1).sum() == 0


def test_the_first_step_is_the_papers():
    """x_b = mu - variance / sqrt(a) * (-l_c grad log f + l_1 sign), without noise."""
    level = levels(0.3, 12, ALPHAS)[0]
    x = 2 * X - 1
    xt = level.a**0.5 * x
    x0 = (0.9 * xt).clamp(-1, 1)
    p = ((x0 + 1) / 2).flatten(1).matmul(WEIGHTS).softmax(1)
    toward = 0.5 * (WEIGHTS.T[TARGET] - p @ WEIGHTS.T).view_as(X)
    length = level.variance / level.a**0.5
    expected = level.mean(xt, x0) + length * (3 * toward - 0.2 * (x0 - x).sign())
    second = walk(class_weight=3, distance_weight=0.2, warm_up=1)[1].image
    assert torch.allclose(2 * second - 1, (0.9 * expected).clamp(-1, 1), atol=1e-5)


def test_what_has_not_changed_by_then_is_the_factual():
    """The network would redraw one corner only."""

    class Corner(nn.Module):
        def forward(self, x, t):
            a = ALPHAS[t].view(-1, 1, 1, 1)
            x0 = (2 * X - 1).clone()
            x0[..., :2, :2] = 1 - 2 * X[..., :2, :2].round()
            return (x - a.sqrt() * x0) / (1 - a).sqrt()

    last = walk(net=Corner(), class_weight=0, distance_weight=0, dilation=1)[-1].image
    assert torch.allclose(last[..., 3:, :], X[..., 3:, :], atol=1e-5)
    assert torch.allclose(last[..., :2, :2], 1 - X[..., :2, :2].round(), atol=1e-4)


@pytest.mark.parametrize("weight", ["class_weight", "distance_weight"])
def test_each_weight_does_what_it_is_for(weight):
    zero = {"class_weight": 0, "distance_weight": 0, "warm_up": 1}
    before, after = (walk(**zero | {weight: w})[-1].image.clamp(0, 1) for w in (0, 4))
    if weight == "class_weight":
        p = [F.probabilities(x).gather(1, TARGET[:, None]) for x in (before, after)]
        assert (p[1] > p[0]).all()
    else:
        assert (after - X).abs().sum() < (before - X).abs().sum()
