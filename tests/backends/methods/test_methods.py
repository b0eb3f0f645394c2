"""Invariants of the two papers that need no trained weights."""

import pytest
import torch
from torch import nn

from backends.core import Region
from backends.methods.leapfactual import LeapFactual, leap
from backends.methods.rcsb import RCSB
from backends.priors.bridge import BridgeSchedule
from backends.priors.velocity import VelocityField, transport
from backends.targets.model import Classifier

torch.manual_seed(0)
WEIGHTS = torch.randn(16, 3)
F = Classifier(lambda x: x.flatten(1) @ WEIGHTS.to(x), ["a", "b", "c"])


class Net(nn.Module):
    """x_n - sigma_n * net = a fixed point, a bit of the input, or the input itself."""

    def __init__(self, x_star, follow):
        super().__init__()
        self.x_star, self.follow = x_star, follow
        self.schedule = BridgeSchedule()

    def forward(self, x, t):
        k = round(float(t[0] - 0.1) / (1000 - 0.1) * 999)
        goal = (1 - self.follow) * self.x_star + self.follow * x
        return (x - goal) / float(self.schedule.sigma[k])


def walk(net, *, scale=1.0, steps=20, mask=None, batch=2, seed=0, **config):
    g = torch.Generator().manual_seed(seed)
    x = torch.rand(batch, 1, 4, 4, generator=g, dtype=torch.float64)
    z = torch.randn(batch, 1, 4, 4, generator=g, dtype=torch.float64)
    mask = torch.ones_like(x) if mask is None else mask
    config = RCSB.Config(scale=scale, steps=steps, truncation=0.6, **config)
    target = torch.arange(batch) % 3
    return x, list(RCSB(F, net).walk(x, target, mask, config, z))


@pytest.mark.parametrize("nfe", [5, 20, 100])
def test_rcsb_ends_at_a_perfect_estimate_whatever_the_step_count(nfe):
    x_star = torch.full((1, 1, 4, 4), 0.25, dtype=torch.float64)
    x, steps = walk(Net(x_star, 0.0), scale=0, steps=nfe)
    s, k0 = BridgeSchedule(), 599
    z = torch.Generator().manual_seed(0)
    torch.rand(2, 1, 4, 4, generator=z, dtype=torch.float64)
    noise = torch.randn(2, 1, 4, 4, generator=z, dtype=torch.float64)
    start = s.mu[0][k0] * (2 * x - 1) + s.mu[1][k0] * noise
    error = (2 * steps[-1].image - 1) - x_star
    expected = (s.sigma[0] ** 2 / s.sigma[k0] ** 2) * (start - x_star)
    assert (error - expected).abs().max() < 1e-6


def test_rcsb_without_scale_or_region_changes_nothing_outside():
    mask = torch.zeros(2, 1, 4, 4, dtype=torch.float64)
    mask[..., :2, :] = 1
    x, steps = walk(Net(torch.zeros(1, 1, 4, 4, dtype=torch.float64), 0.5), mask=mask)
    for step in steps[-1:]:
        assert ((step.image - x) * (1 - mask)).abs().max() < 1e-7


@pytest.mark.parametrize("smoothing", ["picture", "pixel"])
def test_rcsb_first_step_has_length_s(smoothing):
    net = Net(torch.zeros(1, 1, 4, 4, dtype=torch.float64), 1.0)  # identity: x0hat = x_n
    _, still = walk(net, scale=0, steps=2, smoothing=smoothing, view="clamp")
    _, moved = walk(net, scale=0.3, steps=2, smoothing=smoothing, view="clamp")
    s, times = BridgeSchedule(), BridgeSchedule().times(0.6, 2)
    r = (s.sigma[times[1]] / s.sigma[times[2]]) ** 2
    # The second estimate is x_n itself, so the first guidance shows in it, weighted by r.
    step = 2 * (moved[1].image - still[1].image)
    r_last = (s.sigma[times[0]] / s.sigma[times[1]]) ** 2
    first = 2 * (moved[0].image - still[0].image)
    assert first.abs().max() == 0, "the first shown estimate is not moved yet"
    assert torch.isfinite(step).all()
    assert (step.flatten(1).norm(dim=1) <= 0.3 * r * (1 + r_last) * 3).all()
    assert (step.flatten(1).norm(dim=1) > 0).all()


def test_rcsb_pictures_of_a_batch_are_independent():
    net = Net(torch.zeros(1, 1, 4, 4, dtype=torch.float64), 0.7)
    g = torch.Generator().manual_seed(3)
    x = torch.rand(3, 1, 4, 4, generator=g, dtype=torch.float64)
    z = torch.randn(3, 1, 4, 4, generator=g, dtype=torch.float64)
    config, target = RCSB.Config(steps=10, scale=1.0), torch.tensor([0, 1, 2])
    for view in ("clamp", "stretch"):
        config = config.model_copy(update={"view": view})
        method, m = RCSB(F, net), torch.ones_like(x)
        together = list(method.walk(x, target, m, config, z))[-1].image
        for i in range(3):
            j = slice(i, i + 1)
            alone = list(method.walk(x[j], target[j], m[j], config, z[j]))[-1].image
            assert (alone - together[j]).abs().max() < 1e-9


def test_rcsb_guidance_raises_the_target():
    net = Net(torch.zeros(1, 1, 4, 4, dtype=torch.float64), 0.9)
    _, plain = walk(net, scale=0, batch=1)
    _, guided = walk(net, scale=1, batch=1)
    p0, p1 = (F.probabilities(s[-1].image.float())[0, 0] for s in (plain, guided))
    assert p1 > p0


def test_schedule_identities():
    s = BridgeSchedule()
    mu0, mu1 = s.mu
    assert abs(mu0 + mu1 - 1).max() < 1e-12
    assert abs(s.beta - s.beta[::-1]).max() == 0
    total = s.beta.sum()
    assert abs(s.sigma**2 + s.sigma_bar**2 - total - s.beta).max() < 1e-12


FIELD = VelocityField(4, 3, 16, 2).double().eval().requires_grad_(False)


def latents(n=5):
    g = torch.Generator().manual_seed(0)
    z = torch.randn(n, 4, generator=g, dtype=torch.float64)
    eye = torch.eye(3, dtype=torch.float64)
    return z, eye[torch.arange(n) % 3], eye[(torch.arange(n) + 1) % 3]


@pytest.mark.parametrize("gamma", [0.1, 0.5, 1.0])
def test_leap_between_equal_labels_goes_nowhere(gamma):
    z, c, _ = latents()
    moved = leap(FIELD, z, c, c, gamma, gamma, steps=10)
    assert (moved - z).abs().max() < 3e-3


def test_constant_fields_move_by_gamma():
    z, c, y = latents()
    a = torch.randn(3, 4, dtype=torch.float64)
    for n in (1, 3):
        moved = z
        for _ in range(n):
            moved = leap(lambda t, z, c: c @ a, moved, c, y, 0.2, 0.2, steps=2)
        assert (moved - (z + n * 0.2 * (y - c) @ a)).abs().max() < 1e-9


def test_leap_without_lift_is_a_landing_and_without_both_nothing():
    z, c, y = latents()
    assert leap(FIELD, z, c, y, 0, 0) is z
    landed = transport(FIELD, z, y, 0.3, lift=False, steps=5)
    assert torch.equal(leap(FIELD, z, c, y, 0, 0.3, steps=5), landed)


def test_transport_back_and_forth():
    z, c, _ = latents()
    there = transport(FIELD, z, c, 1.0, lift=True, solver="dopri5", steps=1, tolerance=1e-9)
    back = transport(FIELD, there, c, 1.0, lift=False, solver="dopri5", steps=1, tolerance=1e-9)
    assert (back - z).abs().max() < 1e-6


class Plain:
    """The picture is its own latent."""

    def encode(self, x):
        return x.flatten(1)

    def decode(self, z):
        return z.reshape(-1, 1, 2, 2)


class LabelsOnly:
    """A target model that gives nothing but hard labels, as people do."""

    class_names = ("a", "b", "c")
    differentiable = False

    def probabilities(self, x):
        score = x.flatten(1)[:, :3]
        return nn.functional.one_hot(score.argmax(1), 3).to(x)

    def logits(self, x):
        raise AssertionError("LeapFactual must not ask for logits")


def test_leapfactual_needs_only_labels_and_rests_at_the_target():
    a = torch.zeros(3, 4)
    a[0, 0] = a[1, 1] = a[2, 2] = 1.0
    x = torch.tensor([[0.9, 0.1, 0.0, 0.0]]).reshape(1, 1, 2, 2)
    method = LeapFactual(LabelsOnly(), Plain(), lambda t, z, c: c @ a)
    config = LeapFactual.Config(blending_leaps=12, injection_leaps=0, condition="hard")
    region = Region(torch.ones_like(x))
    steps = list(method.explain(x, torch.tensor([1]), region, config, torch.Generator()))
    assert LabelsOnly().probabilities(steps[-1].image).argmax() == 1
    reached = [int(LabelsOnly().probabilities(s.image).argmax()) == 1 for s in steps].index(True)
    for step in steps[reached + 1 :]:
        assert (step.image - steps[reached].image).abs().max() < 1e-6


def test_leapfactual_label_comes_from_the_composite():
    """Outside the region the model sees the factual, so what lies there decides with it."""
    seen = []

    class Spy(LabelsOnly):
        def probabilities(self, x):
            seen.append(x.clone())
            return super().probabilities(x)

    x = torch.rand(1, 1, 2, 2)
    mask = torch.tensor([[1.0, 0.0], [0.0, 0.0]]).reshape(1, 1, 2, 2)
    field = lambda t, z, c: torch.ones_like(z)  # noqa: E731
    config = LeapFactual.Config(injection_leaps=2)
    method = LeapFactual(Spy(), Plain(), field)
    list(method.explain(x, torch.tensor([1]), Region(mask), config, torch.Generator()))
    for image in seen:
        assert torch.equal(image * (1 - mask), x * (1 - mask))
