"""PLACE's loss is the paper's, its density a density, and the searches keep their promise."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import jacrev

from backends.core import Region
from backends.errors import MissingPart
from backends.methods.clarity import Clarity, ClarityConfig
from backends.methods.common.descent import SearchConfig, descend
from backends.methods.place import Place, PlaceConfig
from backends.methods.revise import Revise, ReviseConfig
from backends.priors.density import ConditionalDensity, LatentEnsemble
from backends.targets.model import Classifier


class Linear:
    """Encode and decode are reshapes of four pixels, so that everything can be worked out."""

    def encode(self, x):
        return x.flatten(1)

    def decode(self, z):
        return z.view(-1, 1, 2, 2)


class Normal(nn.Module):
    """log N(z; class, 1) up to a constant."""

    def forward(self, z, target):
        return -0.5 * (z - target[:, None]).square().sum(1)


WEIGHT = torch.tensor([1.0, -1.0, 2.0, 0.5])
F = Classifier(
    lambda x: torch.stack([0 * x.flatten(1) @ WEIGHT, x.flatten(1) @ WEIGHT], 1), ["a", "b"]
)
X = torch.tensor([[[[0.2, 0.8], [0.1, 0.4]]], [[[0.3, 0.6], [0.2, 0.2]]]])
WHOLE = Region(torch.ones_like(X))


def losses(config, target=(1, 1)):
    """What the search minimises, by asking it for its first rows."""
    seen = []
    target = torch.tensor(target)
    place = Place(F, Linear(), Normal())
    original = descend.__globals__["torch"].autograd.grad

    def spy(value, z):
        seen.append((value.detach(), *original(value, z)))
        return seen[-1][1:]

    descend.__globals__["torch"].autograd.grad = spy
    try:
        list(place.explain(X, target, WHOLE, config, torch.Generator()))
    finally:
        descend.__globals__["torch"].autograd.grad = original
    return seen


def hinge(x, margin=0.05):
    p = F.probabilities(x)[:, 1]
    return (0.5 + margin - p).clamp_min(0)


def test_loss_at_the_start():
    """Equation 1 with distance 0: lambda_dec * hinge - lambda_plaus * log p."""
    config = PlaceConfig(decision="margin", steps=2, decision_weight=7, plausibility_weight=3)
    value, _ = losses(config)[0]
    expected = 7 * hinge(X) - 3 * Normal()(X.flatten(1), torch.ones(2))
    assert value == pytest.approx(float(expected.sum()), abs=1e-4)


def test_decision_gradient_is_minus_the_probabilitys():
    config = PlaceConfig(
        decision="margin", steps=2, plausibility_weight=0, distance_weight=0, decision_weight=1
    )
    _, gradient = losses(config)[0]
    jacobian = jacrev(lambda x: F.probabilities(x)[:, 1].sum())(X).flatten(1)
    open_ = (hinge(X) > 0).float()[:, None]
    assert torch.allclose(gradient, -jacobian * open_, atol=1e-6)


def test_no_decision_gradient_beyond_the_margin():
    config = PlaceConfig(decision="margin", steps=2, plausibility_weight=0, distance_weight=0)
    sure = Classifier(
        lambda x: torch.stack([0 * x.flatten(1).sum(1), 50 + x.flatten(1).sum(1)], 1), ["a", "b"]
    )
    place = Place(sure, Linear(), Normal())
    *_, last = place.explain(X, torch.tensor([1, 1]), WHOLE, config, torch.Generator())
    assert torch.equal(last.image, X)


@pytest.fixture(scope="module")
def density():
    torch.manual_seed(0)
    density = ConditionalDensity(2, 3, width=16, transforms=2)
    density.learn_scale(torch.randn(100, 2) * torch.tensor([2.0, 0.5]) + 1)
    return density.requires_grad_(False)


def test_density_integrates_to_one(density):
    side = torch.linspace(-9, 11, 400)
    grid = torch.cartesian_prod(side, torch.linspace(-2, 4, 400))
    for k in range(3):
        log_p = density(grid, torch.full((len(grid),), k))
        area = (20 / 399) * (6 / 399)
        assert float(log_p.exp().sum() * area) == pytest.approx(1, abs=0.02)


def test_density_is_the_flows_jacobian(density):
    z, target = torch.randn(1, 2), torch.tensor([1])
    c = torch.nn.functional.one_hot(target, 3).float()
    transform = density.flow(c).transform

    def base(z):
        return transform((z - density.mean) / density.deviation).flatten()

    _, logdet = torch.linalg.slogdet(jacrev(base)(z).view(2, 2))
    u = base(z)
    expected = logdet - 0.5 * (u.square() + np.log(2 * np.pi)).sum()
    assert density(z, target).item() == pytest.approx(expected.item(), abs=1e-4)


def test_percentile_counts_real_pictures(density):
    z, labels = torch.randn(300, 2), torch.arange(300) % 3
    density.learn_quantiles(z, labels)
    value = density(z, labels)
    place = density.percentile(value, labels)
    for k in range(3):
        own = value[labels == k]
        share = (own[None] < own[:, None]).float().mean(1) * 100
        assert (place[labels == k] - share).abs().max() < 1.5
    ends = torch.tensor([-1e9, 1e9])
    assert density.percentile(ends, torch.tensor([0, 0])).tolist() == [0, 100]


def test_answer_is_the_best_valid_iterate():
    """A search that overshoots goes back to the cheapest picture that was valid."""
    config = SearchConfig(rate=0.3, steps=60, patience=60, margin=0.0)
    seen = []

    def loss(rows, z, x, log_p):
        value = (z.mean(1) - 0.9).abs() + z.std(1)
        seen.append((value.detach().clone(), x.detach().clone(), log_p.detach().exp()))
        return value

    z = X.flatten(1)[:1]
    *_, last = descend(
        F,
        lambda z, _: Linear().decode(z),
        z,
        X[:1],
        torch.tensor([1]),
        torch.ones(1, 1, 2, 2),
        config,
        loss,
    )
    valid = [(float(v[0]), x) for v, x, p in seen if float(p[0]) > 0.5]
    best = min(valid, key=lambda pair: pair[0])[1]
    assert torch.equal(last.image, best)


def test_never_valid_ends_at_the_surest():
    stubborn = Classifier(
        lambda x: torch.stack([9 + 0 * x.sum((1, 2, 3)), -x.sum((1, 2, 3)).tanh()], 1), ["a", "b"]
    )
    config = ReviseConfig(steps=30)
    *_, last = Revise(stubborn, Linear()).explain(
        X, torch.tensor([1, 1]), WHOLE, config, torch.Generator()
    )
    before, after = (stubborn.probabilities(x)[:, 1] for x in (X, last.image))
    assert (after < 0.5).all()
    assert (after > before).all()


def test_clarity_never_asks_the_model_for_a_gradient():
    labels_only = Classifier(lambda x: F.logits(x.detach()), ["a", "b"])
    method = Clarity(labels_only, Linear(), lambda z: F.logits(z.view(-1, 1, 2, 2)).log_softmax(1))
    target = torch.tensor([0, 0])
    *_, last = method.explain(X, target, WHOLE, ClarityConfig(steps=50), torch.Generator())
    assert (F.probabilities(last.image)[:, 0] > 0.55).all()


def test_ensemble_is_the_mean_of_its_members():
    torch.manual_seed(0)
    ensemble, z = LatentEnsemble(4, 3, width=8, members=3), torch.randn(5, 4)
    mean = sum(member(z).softmax(1) for member in ensemble.members) / 3
    assert torch.allclose(ensemble(z).exp(), mean, atol=1e-6)


def test_place_beats_revise_in_density_on_a_known_one():
    """With the true density in the loss the answer lies where the class does."""
    density = Normal()
    target = torch.tensor([1, 1])
    config = PlaceConfig(plausibility_weight=1)
    *_, place = Place(F, Linear(), density).explain(X, target, WHOLE, config, torch.Generator())
    *_, revise = Revise(F, Linear()).explain(X, target, WHOLE, ReviseConfig(), torch.Generator())
    ours, theirs = (density(s.image.flatten(1), target) for s in (place, revise))
    assert (ours > theirs).all()


def test_a_model_that_is_very_sure_still_has_a_gradient():
    """The target's probability rounds to 0 where the search begins."""
    sure = Classifier(
        lambda x: 300 * torch.stack([1 - x.mean((1, 2, 3)), x.mean((1, 2, 3))], 1), ["a", "b"]
    )
    x = torch.full((1, 1, 2, 2), 0.1)
    assert sure.probabilities(x)[0, 1] == 0
    *_, last = Revise(sure, Linear()).explain(
        x, torch.tensor([1]), Region(torch.ones_like(x)), ReviseConfig(), torch.Generator()
    )
    assert sure.probabilities(last.image)[0, 1] > 0.5


@pytest.mark.parametrize("distance", ["mean", "sum"])
def test_revise_weighs_the_mean_of_the_pixels_or_their_sum(distance):
    """The reference (CARLA) adds the absolute differences up."""
    seen = []

    class Shifted(Linear):
        def encode(self, x):
            return x.flatten(1) + 0.1

    original = torch.autograd.grad

    def spy(value, z):
        seen.append(value.detach())
        return original(value, z)

    config = ReviseConfig(distance=distance, distance_weight=3, steps=2)
    torch.autograd.grad = spy
    try:
        list(Revise(F, Shifted()).explain(X, torch.tensor([1, 1]), WHOLE, config, None))
    finally:
        torch.autograd.grad = original
    cross_entropy = -F.probabilities(X + 0.1)[:, 1].log()
    share = 0.1 * (1 if distance == "mean" else 4)
    assert seen[0] == pytest.approx(float((cross_entropy + 3 * share).sum()), abs=1e-4)


def test_the_perceptual_term_is_the_bundles_own_network(tmp_path):
    """PLACE's fourth term works offline where the bundle has a part ``lpips``."""
    from backends import bundles
    from backends.explain.question import Question
    from backends.explain.runner import run
    from tests.conftest import write_lpips, write_tiny

    folder = write_tiny(tmp_path / "own")
    write_lpips(folder)
    x, found = torch.rand(1, 1, 16, 16), bundles.find(str(folder))
    region = Region(torch.ones_like(x))
    ends = []
    for weight in (0, 500):
        settings = {"steps": 8, "perceptual_weight": weight}
        *_, last = run(Question.of(found, "place", x, torch.tensor([1]), region, settings, 0))
        ends.append(last.counterfactual)
    assert not torch.equal(ends[0].image, ends[1].image)
    assert "lpips" not in ends[0].nfe
    assert ends[1].nfe["lpips"]["backward"] > 0


@pytest.mark.parametrize("space", ["autoencoder", "flow", "gan"])
def test_revise_searches_the_space_that_is_asked_for(space):
    class Half(Linear):
        def encode(self, x):
            encoded.append(self)
            return super().encode(x)

    encoded, priors = [], {name: Half() for name in ("autoencoder", "flow", "gan")}
    revise = Revise(F, **priors)
    config = ReviseConfig(space=space, steps=3)
    list(revise.explain(X, torch.tensor([1, 1]), WHOLE, config, torch.Generator()))
    assert encoded == [priors[space]]


def test_revise_says_which_prior_is_missing():
    steps = Revise(F, Linear()).explain(
        X, torch.tensor([1, 1]), WHOLE, ReviseConfig(space="flow"), torch.Generator()
    )
    with pytest.raises(MissingPart, match="flow"):
        next(steps)
