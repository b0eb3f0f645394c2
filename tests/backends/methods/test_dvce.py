"""DVCE: the length of its guidance, and what each weight does."""

import pytest
import torch
from torch import nn

from backends.methods.dvce import DVCE, at_length
from backends.priors.pixel_diffusion import levels, pixel_alphas
from backends.targets.model import Classifier

ALPHAS = pixel_alphas()
WEIGHTS = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
F = Classifier(lambda x: x.flatten(1) @ WEIGHTS.to(x), ["a", "b", "c"])
X = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(1))
MASK, TARGET = torch.ones(2, 1, 4, 4), torch.tensor([0, 2])


class Net(nn.Module):
    """Its clean estimate is 0.9 times a noisy picture."""

    def forward(self, x, t):
        a = ALPHAS[t].view(-1, 1, 1, 1)
        return (x - a.sqrt() * 0.9 * x) / (1 - a).sqrt()


def quiet():
    return torch.zeros_like(X)


def walk(draw=quiet, **config):
    config = DVCE.Config(**{"steps": 12} | config)
    return list(DVCE(F, Net()).walk(X, TARGET, MASK, config, draw))


def test_guidance_is_as_long_as_the_mean_and_nothing_stays_nothing():
    g = torch.stack([torch.full((1, 2, 2), 7.0), torch.zeros(1, 2, 2)])
    mean = torch.stack([torch.full((1, 2, 2), -0.5), torch.ones(1, 2, 2)])
    found = at_length(g, mean)
    assert torch.allclose(found[0], torch.full((1, 2, 2), 0.5))
    assert torch.equal(found[1], torch.zeros(1, 2, 2))


def test_the_first_step_is_the_papers():
    """x_b = mu + variance * (C_c |mu| g_c / |g_c| - C_d |mu| g_d / |g_d|), without noise."""
    level = levels(0.5, 12, ALPHAS)[0]
    xt = level.a**0.5 * (2 * X - 1)
    x0 = 0.9 * xt
    mu = level.mean(xt, x0)
    p = ((x0 + 1) / 2).flatten(1).matmul(WEIGHTS).softmax(1)
    toward = (WEIGHTS.T[TARGET] - p @ WEIGHTS.T).view_as(X)
    away = (x0 - (2 * X - 1)).sign()
    unit = {name: g / g.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
            for name, g in (("toward", toward), ("away", away))}  # fmt: skip
    length = mu.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    expected = mu + level.variance * length * (2.0 * unit["toward"] - 0.5 * unit["away"])
    second = walk(class_weight=2.0, distance_weight=0.5)[1].image
    assert torch.allclose(2 * second - 1, (0.9 * expected).clamp(-1, 1), atol=1e-5)


@pytest.mark.parametrize(("weight", "better"), [("class_weight", "p"), ("distance_weight", "l1")])
def test_each_weight_does_what_it_is_for(weight, better):
    zero = {"class_weight": 0, "distance_weight": 0}
    before, after = (walk(**zero | {weight: w})[-1].image.clamp(0, 1) for w in (0, 5))
    if better == "p":
        p = [F.probabilities(x).gather(1, TARGET[:, None]) for x in (before, after)]
        assert (p[1] > p[0]).all()
    else:
        assert (after - X).abs().sum() < (before - X).abs().sum()
