"""RePaint, DDRM and MCG: what each promises, with networks whose estimate is known."""

import itertools

import pytest
import torch
from torch import nn

from backends import bundles
from backends.core import Region
from backends.explain.question import Question
from backends.explain.runner import run
from backends.methods.inpainting import Inpainting, ancestral, restored
from backends.priors.pixel_diffusion import clean_estimate, levels, noised, pixel_alphas
from backends.targets.model import Classifier
from backends.training.digits import PARTS

DOUBLE = {"dtype": torch.float64}
SAMPLERS = ["repaint", "ddrm", "mcg"]
WEIGHTS = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
F = Classifier(lambda x: x.flatten(1) @ WEIGHTS.to(x), ["a", "b", "c"])
ALPHAS = pixel_alphas().double()
MASK = torch.zeros(2, 1, 4, 4, **DOUBLE)
MASK[..., :2, :] = 1


class Net(nn.Module):
    """Its clean estimate is a fixed picture, or partly the input."""

    def __init__(self, x_star, follow=0.0):
        super().__init__()
        self.x_star, self.follow, self.calls = x_star, follow, 0

    def forward(self, x, t):
        self.calls += 1
        a = ALPHAS[t].view(-1, 1, 1, 1)
        x0 = (1 - self.follow) * self.x_star + self.follow * x
        return (x - a.sqrt() * x0) / (1 - a).sqrt()


def pictures(batch=2, seed=0):
    return torch.rand(batch, 1, 4, 4, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def noise(batch=2, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(batch, 1, 4, 4, generator=generator, **DOUBLE)


def walk(sampler, net, *, mask=MASK, target=(0, 1), f=F, draw=None, x=None, **config):
    x = pictures() if x is None else x
    config = Inpainting.Config(**{"sampler": sampler, "steps": 12, **config})
    return list(Inpainting(f, net).walk(x, torch.tensor(target), mask, config, draw or noise()))


X_STAR = 2 * pictures(seed=5) - 1


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_perfect_estimate_is_the_answer_in_the_region(sampler):
    last = walk(sampler, Net(X_STAR))[-1].image
    assert ((2 * last - 1 - X_STAR) * MASK).abs().max() < 1e-9
    assert ((last - pictures()) * (1 - MASK)).abs().max() < 1e-9, "known pixels moved"


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_known_pixels_stay_whatever_the_network_says(sampler):
    last = walk(sampler, Net(X_STAR, 0.7), scale=5)[-1].image
    assert ((last - pictures()) * (1 - MASK)).abs().max() < 1e-12


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_scale_decides_whether_the_target_model_is_heard(sampler):
    net = Net(X_STAR, 0.6)
    deaf = [walk(sampler, net, scale=0, target=t)[-1].image for t in [(0, 1), (1, 2)]]
    assert torch.equal(*deaf)
    guided = walk(sampler, net, scale=10)[-1].image
    p = [F.probabilities(x).gather(1, torch.tensor([[0], [1]])) for x in (deaf[0], guided)]
    assert (p[1] > 1.1 * p[0]).all()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_target_model_sees_the_factual_around_the_region(sampler):
    seen = []

    def spy(x):
        seen.append(x.detach())
        return x.flatten(1) @ WEIGHTS.to(x)

    walk(sampler, Net(X_STAR, 0.6), f=Classifier(spy, ["a", "b", "c"]))
    assert all(((u - pictures()) * (1 - MASK)).abs().max() < 1e-12 for u in seen)
    assert all(u.min() >= 0 and u.max() <= 1 for u in seen)


@pytest.mark.parametrize(("resamplings", "calls"), [(1, 12), (2, 23), (5, 56)])
def test_repaint_takes_every_step_but_the_last_several_times(resamplings, calls):
    net = Net(X_STAR)
    steps = walk("repaint", net, resamplings=resamplings)
    assert net.calls == calls
    assert [s.index for s in steps] == list(range(1, calls + 1))
    assert all(s.total == calls for s in steps)


@pytest.mark.parametrize("sampler", ["ddrm", "mcg"])
def test_resamplings_are_for_repaint_alone(sampler):
    net = Net(X_STAR)
    walk(sampler, net, resamplings=5)
    assert net.calls == 12


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_pictures_of_a_batch_are_independent(sampler):
    net = Net(X_STAR[:1], 0.6)
    x, draw = pictures(3), noise(3)
    drawn = [draw() for _ in range(100)]
    mask, target = MASK[:1].expand(3, -1, -1, -1), (0, 1, 2)
    rest = {"manifold": 2.0, "scale": 2.0}
    together = walk(sampler, net, mask=mask, target=target, x=x, draw=iter(drawn).__next__, **rest)[
        -1
    ].image
    for i in range(3):
        j = slice(i, i + 1)
        alone = walk(
            sampler, net, mask=mask[j], target=target[j], x=x[j],
            draw=iter([z[j] for z in drawn]).__next__, **rest,
        )[-1].image  # fmt: skip
        assert (alone - together[j]).abs().max() < 1e-9


@pytest.mark.parametrize(("sampler", "backward"), [("repaint", 5), ("ddrm", 3), ("mcg", 6)])
def test_every_sampler_runs_with_the_real_network_and_says_what_it_cost(tiny, sampler, backward):
    x = torch.randint(0, 256, (2, 1, 16, 16), generator=torch.Generator().manual_seed(1)) / 255
    region = Region(torch.zeros_like(x))
    region.mask[..., 4:12, 2:9] = 1
    settings = {"sampler": sampler, "steps": 3, "resamplings": 2}
    target = torch.tensor([0, 1])
    first, again = (
        list(run(Question.of(bundles.find(tiny), "inpainting", x, target, region, settings, 7)))[-1]
        for _ in range(2)
    )
    assert torch.equal(first.image, again.image)
    assert torch.equal(first.image * (1 - region.mask), x * (1 - region.mask))
    assert not torch.equal(first.image, x)
    assert first.counterfactual.nfe["pixel_denoiser"]["backward"] == backward


class Leaky(nn.Module):
    """An estimate in which a pixel inside the region also stands for one outside."""

    def forward(self, x, t):
        a = ALPHAS[t].view(-1, 1, 1, 1)
        x0 = 0.5 * x + 0.25 * x.flip(2)
        return (x - a.sqrt() * x0) / (1 - a).sqrt()


def known_error(steps):
    """Distance of the clean estimate from what is known, halfway."""
    return ((steps[len(steps) // 2].image - pictures()) * (1 - MASK)).norm()


def test_mcg_moves_the_region_so_that_the_estimate_agrees_with_what_is_known():
    free, held = (walk("mcg", Leaky(), scale=0, manifold=w) for w in (0.0, 0.5))
    assert known_error(held) < known_error(free)


def test_mcg_has_nothing_to_correct_where_nothing_is_known_or_all_agrees():
    everywhere = torch.ones_like(MASK)
    for net, mask in [(Leaky(), everywhere), (Net(2 * pictures() - 1), MASK)]:
        off, on = (walk("mcg", net, mask=mask, scale=0, manifold=w)[-1].image for w in (0.0, 5.0))
        assert torch.isfinite(on).all()
        assert (on - off).abs().max() < 1e-9


def test_ancestral_steps_are_the_posterior_of_the_diffusion():
    """q(x_b | x_a, x_0), from Bayes' rule for two Gaussians instead of DDPM's formula."""
    x, x0, zero = pictures(seed=2), pictures(seed=3), torch.zeros_like(MASK)
    for level in levels(0.8, 7)[:-1]:
        keep = level.a / level.b
        forward, prior = keep / (1 - keep), 1 / (1 - level.b)
        mean = (keep**0.5 / (1 - keep) * x + prior * level.b**0.5 * x0) / (forward + prior)
        assert (ancestral(x, x0, zero, level, zero) - mean).abs().max() < 1e-9
        assert level.variance == pytest.approx(1 / (forward + prior))
        moved = ancestral(x, x0, zero + 2, level, zero) - mean
        assert (moved - 2 * level.variance).abs().max() < 1e-9


def test_ddrm_draws_as_much_noise_as_the_level_has():
    """Whatever eta is: the estimate times sqrt(b) and noise of variance 1 - b."""
    level = levels(0.8, 7)[2]
    g = torch.Generator().manual_seed(0)
    eps, z = torch.randn(2, 200_000, 1, 1, 1, generator=g, **DOUBLE)
    x0 = torch.full_like(eps, 0.3)
    xa = level.a**0.5 * x0 + (1 - level.a) ** 0.5 * eps
    for eta, inside in itertools.product((0.0, 0.85, 1.0), (0.0, 1.0)):
        xb = restored(xa, x0, -x0, torch.full_like(x0, inside), level, z, eta, 1.0)
        mean = 0.3 if inside else -0.3
        assert float(xb.mean()) == pytest.approx(level.b**0.5 * mean, abs=0.01)
        assert float(xb.var()) == pytest.approx(1 - level.b, rel=0.02)
    still = restored(xa, x0, x0, torch.ones_like(x0), level, z, 0.0, 1.0)
    assert (still - noised(x0, level.b, eps)).abs().max() < 1e-9, "eta 0 is DDIM"


def test_ddrm_trusts_known_pixels_as_far_as_asked():
    x, half = pictures(), walk("ddrm", Net(X_STAR), eta_known=0.5, scale=0)[-1].image
    expected = 0.5 * x + 0.5 * (X_STAR + 1) / 2
    assert ((half - expected) * (1 - MASK)).abs().max() < 1e-9


def test_truncation_decides_how_much_is_forgotten():
    starts = [levels(tau, 5)[0] for tau in (0.2, 0.5, 0.95)]
    assert [level.t for level in starts] == [199, 499, 949]
    assert starts[0].a > starts[1].a > starts[2].a
    for plan in (levels(0.5, 5), levels(0.05, 200)):  # more steps than levels
        assert plan[-1].t == 0
        assert plan[-1].b == 1
        assert all(one.b == next_.a for one, next_ in itertools.pairwise(plan))


def test_the_denoiser_learns_the_noise_that_the_estimate_takes_away():
    x = pictures(seed=4)

    class Data:
        def batch(self, indices):
            return x[indices], None

        def __len__(self):
            return len(x)

    loss, size = PARTS["pixel_denoiser"].loss(Data(), None)
    generator = torch.Generator().manual_seed(0)
    perfect = Net(2 * x - 1)
    assert size == 2
    assert loss(perfect, torch.arange(2), generator) < 1e-9
    assert loss(Net(-(2 * x - 1)), torch.arange(2), generator) > 1e-3
    level = levels(0.8, 3)[0]
    estimate = clean_estimate(perfect, torch.randn(2, 1, 4, 4, **DOUBLE), level.t, level.a)
    assert (estimate - (2 * x - 1)).abs().max() < 1e-9
