"""Prototype guidance: the shrinkage, the gradient of its loss, and whence its prototype comes."""

import pytest
import torch

from backends.core import Region
from backends.errors import MissingPart
from backends.methods.prototypes import Prototypes, _prototype, shrunk
from backends.priors.density import ConditionalDensity
from backends.targets.model import Classifier

WEIGHT = torch.tensor([1.0, -1.0, 2.0, 0.5])
F = Classifier(
    lambda x: torch.stack([0 * x.flatten(1) @ WEIGHT, x.flatten(1) @ WEIGHT - 2], 1), ["a", "b"]
)
X = torch.tensor([[[[0.2, 0.8], [0.1, 0.4]]], [[[0.3, 0.6], [0.2, 0.2]]]])
WHOLE, TARGET = Region(torch.ones_like(X)), torch.tensor([1, 1])
QUIET = {
    "prediction_weight": 0, "autoencoder_weight": 0, "prototype_weight": 0, "draws": 20,
}  # fmt: skip


class Halves:
    """The latent is half the picture, and decodes to it but for a fixed error."""

    def encode(self, x):
        return x.flatten(1) / 2

    def decode(self, z):
        return (2 * z + 0.1).view(-1, 1, 2, 2)


@pytest.fixture(scope="module")
def density():
    torch.manual_seed(0)
    density = ConditionalDensity(4, 2, width=8, transforms=1)
    density.learn_scale(torch.randn(100, 4) * 0.1 + 0.3)
    return density.requires_grad_(False)


def method(density, g=None):
    return Prototypes(F, g or Halves(), density)


def test_small_changes_are_taken_back_and_others_shortened():
    x, factual = torch.tensor([0.55, 0.3, 0.9, 1.4, -0.5]), torch.full((5,), 0.5)
    found = shrunk(x, factual, 0.1)
    assert torch.allclose(found, torch.tensor([0.5, 0.4, 0.8, 1.0, 0.0]))


def slope(density, y, prototype, **weights):
    config = Prototypes.Config(**QUIET | weights)
    return method(density)._slope(y, X, TARGET, prototype, config)


def test_every_term_has_its_gradient(density):
    y, prototype = X + 0.2, torch.full((2, 4), 0.3)
    elastic = 2 * (y - X)
    assert torch.allclose(slope(density, y, prototype), elastic)
    # |y - D(E(y))|^2 is constant, since the decoder errs by .1 everywhere.
    assert torch.allclose(slope(density, y, prototype, autoencoder_weight=7), elastic, atol=1e-5)
    # d/dy theta |y/2 - q|^2 = theta (y/2 - q)
    drawn = 3 * (y.flatten(1) / 2 - prototype).view_as(y)
    assert torch.allclose(slope(density, y, prototype, prototype_weight=3), elastic + drawn)
    # The lead is p - (1 - p) = 2p - 1, of gradient 2 p (1 - p) w.
    p = F.probabilities(y)[:, 1:]
    lead = (2 * p * (1 - p) * WEIGHT).view_as(y)
    assert (p < 0.5).all()
    assert torch.allclose(slope(density, y, prototype, prediction_weight=5), elastic - 5 * lead)


def test_nothing_is_gained_beyond_the_lead(density):
    y = X + torch.tensor([[[[0.0, -0.8], [2.0, 0.0]]]])
    assert (F.probabilities(y)[:, 1] > 0.6).all()
    still = slope(density, y, torch.zeros(2, 4), prediction_weight=5, lead=0.1)
    assert torch.allclose(still, 2 * (y - X))


def test_the_prototype_is_the_mean_of_the_nearest_draws_that_the_model_takes(density):
    z = Halves().encode(X[:1])
    drawn = density.sample(TARGET[:1], 200, torch.Generator().manual_seed(0))
    said = F.probabilities(Halves().decode(drawn)).argmax(1)
    assert 3 < int((said == 1).sum()) < 200
    near = drawn[said == 1]
    order = (near - z).norm(dim=1).argsort()
    taken = method(density)._drawn(TARGET[:1], Prototypes.Config(draws=200))
    assert torch.equal(taken, near)
    assert torch.allclose(_prototype(z[0], taken, 3), near[order[:3]].mean(0), atol=1e-6)


def test_draws_have_the_density_that_is_said_of_them(density):
    """Back through the flow they are standard normal."""
    drawn = density.sample(torch.tensor([1]), 4000, torch.Generator().manual_seed(0))
    c = torch.tensor([[0.0, 1.0]]).expand(4000, -1)
    u = density.flow.transform(c)((drawn - density.mean) / density.deviation)
    expected = torch.randn(4000, 4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(u, expected, atol=1e-3)


def test_the_answer_is_valid_and_leaves_pixels_alone(density):
    """A step moves the last pixel, of weight .5, by at most 20 * .5 * .5 * .05 = .25 < beta."""
    config = Prototypes.Config(
        prediction_weight=20, autoencoder_weight=0, prototype_weight=0, steps=200, rate=0.05,
        sparsity=0.3,
    )  # fmt: skip
    *_, last = method(density).explain(X, TARGET, WHOLE, config, torch.Generator())
    assert (F.probabilities(last.image).argmax(1) == 1).all()
    assert torch.equal(last.image[:, 0, 1, 1], X[:, 0, 1, 1])


def test_a_generator_is_refused(density):
    class Held(Halves):
        def decode_rows(self, z, rows):
            return self.decode(z)

    steps = method(density, Held()).explain(
        X, TARGET, WHOLE, Prototypes.Config(), torch.Generator()
    )
    with pytest.raises(MissingPart, match="generator"):
        next(steps)
