"""LeapFactual's own baselines: the loss that is descended, and what an exchanged class gives."""

import pytest
import torch
from torch import nn

from backends.core import Region
from backends.methods.opt import ConditionalVAE, Opt
from backends.priors.conditional_autoencoder import ConditionalAutoencoder
from backends.targets.model import Classifier

WEIGHT = torch.tensor([1.0, -1.0, 2.0, 0.5])
X = torch.tensor([[[[0.2, 0.8], [0.1, 0.4]]], [[[0.3, 0.6], [0.2, 0.2]]]])
WHOLE, TARGET = Region(torch.ones_like(X)), torch.tensor([1, 1])


def two_classes(scale=1.0):
    return Classifier(
        lambda x: torch.stack([0 * x.flatten(1) @ WEIGHT, scale * x.flatten(1) @ WEIGHT], 1),
        ["a", "b"],
    )


class Reshape:
    """Four pixels are their own latent."""

    def encode(self, x):
        return x.flatten(1)

    def decode(self, z):
        return z.view(-1, 1, 2, 2)


def answer(f, **config):
    opt = Opt(f, Reshape())
    return list(opt.explain(X, TARGET, WHOLE, Opt.Config(**config), torch.Generator()))


def test_the_first_step_follows_the_gradient_of_equation_1():
    """Adam's first step moves each coordinate by the rate, against the gradient's sign:
    d/dz mean (p - y)^2 = -2 (1 - p) p (1 - p) w for two classes."""
    steps = answer(two_classes(), steps=2, rate=0.01, decay=0, distance_weight=0)
    moved = (steps[-1].latent - X.flatten(1)) / 0.01
    assert torch.allclose(moved, WEIGHT.sign().expand(2, -1), atol=1e-4)


def test_the_decay_draws_the_latent_to_zero_where_nothing_else_acts():
    sure = two_classes(scale=0.0)
    steps = answer(sure, steps=3, rate=0.1, decay=0.5, distance_weight=0)
    assert torch.allclose(steps[-1].latent, X.flatten(1) * 0.95**2)


def test_it_stops_short_where_the_model_is_sure():
    """The squared error has no gradient where the softmax is flat; cross-entropy would have one."""
    far = Classifier(
        lambda x: torch.stack([100 + 0 * x.flatten(1) @ WEIGHT, x.flatten(1) @ WEIGHT], 1),
        ["a", "b"],
    )
    last = answer(far, steps=20, decay=0, distance_weight=0)[-1]
    assert torch.equal(last.image, X)
    near = answer(two_classes(), steps=50, decay=0)[-1].image
    assert (two_classes().probabilities(near)[:, 1] > 0.9).all()


class Exchange(nn.Module):
    """A latent beside the class: a picture is its latent times its class's number."""

    def number(self, c):
        return (c @ torch.tensor([1.0, 2.0])).view(-1, 1, 1, 1)

    def encode(self, x, c):
        return x / self.number(c)

    def decode(self, z, c):
        return z * self.number(c)


def labels(x):
    return Classifier(
        lambda x: torch.stack([torch.full((len(x),), 50.0), torch.zeros(len(x))], 1), ["a", "b"]
    )


def test_a_class_is_exchanged_and_the_rest_kept():
    method = ConditionalVAE(labels(X), Exchange())
    first, last = method.explain(X, TARGET, WHOLE, method.Config(), torch.Generator())
    assert torch.allclose(first.image, X)
    assert torch.allclose(last.image, 2 * X)
    assert torch.allclose(last.reconstruction, X)


def test_the_region_holds():
    region = Region(torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]] * 2))
    method = ConditionalVAE(labels(X), Exchange())
    *_, last = method.explain(X, TARGET, region, method.Config(), torch.Generator())
    assert torch.allclose(last.image, X * (1 + region.mask))


@pytest.mark.parametrize("classes", [2, 5])
def test_the_network_hears_its_condition(classes):
    torch.manual_seed(0)
    network = ConditionalAutoencoder(1, 16, 4, [8, 8], classes).eval()
    x, c = torch.rand(3, 1, 16, 16), torch.eye(classes)
    with torch.no_grad():
        z = network.encode(x, c[[0] * 3])
        assert z.shape == (3, 4)
        assert not torch.equal(z, network.encode(x, c[[1] * 3]))
        y = network.decode(z, c[[0] * 3])
        assert y.shape == x.shape
        assert not torch.equal(y, network.decode(z, c[[1] * 3]))
