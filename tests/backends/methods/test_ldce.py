"""LDCE gives the authors' numbers on tiny networks, and keeps its invariants."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from backends.core import Region
from backends.methods.ldce import LDCE, consensus
from backends.priors.latent_diffusion import latent_schedule
from backends.targets.model import Classifier

GOLDEN = Path(__file__).parents[2] / "golden"
sys.path.insert(0, str(GOLDEN))
import nets  # noqa: E402 - the reference networks lie beside the data

DATA = np.load(GOLDEN / "ldce.npz")
META = json.loads(str(DATA["meta"]))
CASES = [(v, c) for v in ("kl", "vq", "bin") for c in META[v]["cases"]]


def close(ours, theirs, tolerance):
    assert np.abs(np.asarray(ours) - np.asarray(theirs)).max() <= tolerance


class Autoencoder:
    """The reference autoencoder works on [-1, 1] and knows no scale."""

    def __init__(self, network, scale):
        self.network, self.scale = network, scale

    def encode(self, x):
        return self.scale * self.network.encode(2 * x - 1)

    def decode(self, z):
        return (self.network.decode(z / self.scale) + 1) / 2


class Denoiser:
    """The reference denoiser under given contexts; remembers what it was asked and said."""

    def __init__(self, network, context, uncond):
        self.network, self.context, self.uncond = network, context, uncond
        self.calls = []

    def condition(self, target):
        return self.context[: len(target)]

    def unconditional(self, count):
        return self.uncond[:count]

    def __call__(self, z, t, c):
        eps = self.network(z, t, c)
        self.calls.append((z.detach(), t, eps.detach()))
        return eps


class OneLogit:
    """One logit l under a sigmoid as classes (no, yes): log-sigmoids are log-probabilities."""

    def __init__(self, network):
        self.network = network

    def logits(self, x):
        score = self.network(x)
        return torch.stack([F.logsigmoid(-score), F.logsigmoid(score)], dim=1)


def tensor(key, dtype=torch.float64):
    return torch.tensor(DATA[key]).to(dtype)


def reference(v, case="", dtype=torch.float64):
    """The method on the reference networks of variant v, and its factual and target."""
    m = META[v]
    net = nets.Denoiser(m["L"], m["seeds"]["net"], context=6)
    ae = nets.PatchAutoencoder(3, m["L"], m["seeds"]["ae"], m["codes"], m["gain"])
    clf = nets.Classifier(768, m["K"], m["seeds"]["clf"])
    for network, key in ((net, "fp_net"), (ae, "fp_ae"), (clf, "fp_clf")):
        assert abs(nets.fingerprint(network) - m[key]) < 1e-9
    net, ae, clf = net.to(dtype), ae.to(dtype), clf.to(dtype)
    f = OneLogit(clf) if m["K"] == 1 else Classifier(clf, list("abcd"))
    if case and m["cases"][case].get("constant_logits"):
        f = Classifier(lambda x: 0 * clf(x), list("abcd"))
    betas = torch.linspace(m["ls"] ** 0.5, m["le"] ** 0.5, 1000, dtype=torch.float64) ** 2
    schedule = latent_schedule(m["ls"], m["le"])
    # diffusers keeps its schedule in single precision.
    exact = (1 - betas).cumprod(0)
    assert (schedule.alphas_cumprod - exact).abs().max() < 1e-6
    schedule.alphas_cumprod, schedule.final_alpha_cumprod = exact, exact[0]
    denoiser = Denoiser(net, tensor(f"{v}_context", dtype), tensor(f"{v}_uncond", dtype))
    method = LDCE(f, Autoencoder(ae, m["scale"]), denoiser, schedule)
    return method, tensor(f"{v}_image", dtype), tensor(f"{v}_target", torch.long)


def settings(v, case, **changes):
    m = META[v]["cases"][case]
    return LDCE.Config(**{
        "steps": m["t_enc"], "strength": m["t_enc"] / 20, "class_weight": m["lc"],
        "distance_weight": m["ld"], "angle": m["gamma"], "scale": m["scale"],
        "guidance": m.get("guidance", "consensus").replace("projected", "consensus"), **changes,
    })  # fmt: skip


def whole(x):
    return torch.ones_like(x[:, :1])


def walk(method, x, y, config, noise, mask=None):
    z = method.autoencoder.encode(x)
    mask = whole(x) if mask is None else mask
    return list(method.walk(x, y, mask, config, z, noise))


@pytest.fixture
def spied(monkeypatch):
    """Masks and guided noises as they pass by."""
    seen = {"mask": [], "eps_hat": [], "z_prev": []}
    import backends.methods.ldce as module

    plain, denoised = module.consensus, module._denoised

    def spy_mask(*args):
        seen["mask"].append(plain(*args))
        return seen["mask"][-1]

    def spy_step(z, eps, a, a_prev):
        seen["eps_hat"].append(eps)
        seen["z_prev"].append(denoised(z, eps, a, a_prev))
        return seen["z_prev"][-1]

    monkeypatch.setattr(module, "consensus", spy_mask)
    monkeypatch.setattr(module, "_denoised", spy_step)
    return seen


@pytest.mark.parametrize(("v", "case"), CASES)
def test_the_authors_steps(v, case, spied):
    """Times, both noise estimates, masks, guidance and latents, step by step."""
    method, x, y = reference(v, case)
    key, tolerance = f"{v}_{case}", 1e-9 if META[v]["cases"][case]["steps"] == 1 else 1e-7
    close(method.autoencoder.encode(x), DATA[f"{v}_z0"], 1e-9)
    z0, noise = tensor(f"{v}_z0"), tensor(f"{v}_noise")
    steps = method.walk(x, y, whole(x), settings(v, case), z0, noise)
    times = DATA[f"{key}_t"]
    for i, t in enumerate(times):
        step = next(steps)
        (z, asked, eps_c), (_, again, eps_u) = method.epsilon.calls[2 * i : 2 * i + 2]
        assert (asked == int(t)).all()
        assert (again == int(t)).all()
        close(z, DATA[f"{key}_z"][i], tolerance)
        for name, eps in (("eps_c", eps_c), ("eps_u", eps_u)):
            if f"{key}_{name}" in DATA:  # not kept of the run without guidance
                close(eps, DATA[f"{key}_{name}"][i], tolerance)
        close(spied["eps_hat"][i], DATA[f"{key}_eps_hat"][i], tolerance)
        close(spied["z_prev"][i], DATA[f"{key}_z_prev"][i], tolerance)
        if f"{key}_mask" in DATA:
            assert np.array_equal(spied["mask"][i][:, 0], DATA[f"{key}_mask"][i])
        if f"{key}_x0hat_image" in DATA and i + 1 < step.total:
            close(2 * step.image - 1, DATA[f"{key}_x0hat_image"][i], tolerance)
    close(method.epsilon.calls[0][0], DATA[f"{key}_z_start"], 1e-9)
    final = method.autoencoder.decode(spied["z_prev"][len(times) - 1]).clamp(0, 1)
    close(final, DATA[f"{key}_image_final"], tolerance)


@pytest.mark.parametrize(("v", "case"), [("kl", "run"), ("vq", "run"), ("kl", "plain")])
def test_the_authors_answer(v, case):
    method, x, y = reference(v, case)
    steps = walk(method, x, y, settings(v, case), tensor(f"{v}_noise"))
    assert [s.index for s in steps] == list(range(1, META[v]["cases"][case]["t_enc"] + 1))
    assert {s.total for s in steps} == {len(steps)}
    close(steps[-1].image.clamp(0, 1), DATA[f"{v}_{case}_image_final"], 1e-7)


def test_the_authors_answer_in_single_precision(spied):
    method, x, y = reference("vq", dtype=torch.float32)
    steps = walk(method, x, y, settings("vq", "run"), tensor("vq_noise", torch.float32))
    close(steps[-1].image.clamp(0, 1), DATA["vq_run_image_native"], 2e-5)
    method, x, y = reference("kl", dtype=torch.float32)
    walk(method, x, y, settings("kl", "g45"), tensor("kl_noise", torch.float32))
    # Several steps of `kl` differ between precisions, so only its first is compared.
    first = method.autoencoder.decode(spied["z_prev"][len(steps)]).clamp(0, 1)
    close(first, DATA["kl_g45_image_native"], 2e-5)


@pytest.mark.parametrize(("v", "steps"), [("kl", 20), ("vq", 20)])
def test_levels_are_those_of_respaced_ddim(v, steps):
    method, _, _ = reference(v)
    times, alphas = method.levels(LDCE.Config(steps=steps - 1, strength=0.95))
    assert times == DATA[f"{v}_ddim_timesteps"][:-1].tolist()
    close(alphas[1:], DATA[f"{v}_ddim_alphas"], 1e-12)
    close(alphas[:-1], DATA[f"{v}_ddim_alphas_prev"], 1e-12)


def test_levels_of_the_paper():
    """191 of 500 steps: noise of t = 383, the first step at 381, the last at 1."""
    method, _, _ = reference("vq")
    times, alphas = method.levels(LDCE.Config(steps=191, strength=0.382))
    assert (times[0], times[-1], len(times)) == (1, 381, 191)
    assert alphas[-1] == float(method.schedule.alphas_cumprod[383])
    assert math.sqrt(alphas[-1]) == pytest.approx(0.510, abs=1e-3)


# ------------------------------------------------------------------ invariants


def test_without_weights_it_is_plain_ddim():
    method, x, y = reference("kl")
    config = settings("kl", "run", class_weight=0, distance_weight=0)
    noise = tensor("kl_noise")
    ours = walk(method, x, y, config, noise)[-1].image
    schedule = latent_schedule(META["kl"]["ls"], META["kl"]["le"])
    schedule.set_timesteps(20)
    z = schedule.add_noise(method.autoencoder.encode(x), noise, torch.tensor([501, 501]))
    for t in schedule.timesteps[-10:]:
        eps = method.epsilon(z, t.expand(2), method.epsilon.unconditional(2))
        z = schedule.step(eps, t, z).prev_sample
    # Ours runs on the schedule in double precision.
    close(ours, method.autoencoder.decode(z), 1e-4)


@pytest.mark.parametrize("sharpness", [1e-3, 1.0, 30.0])
def test_both_pulls_have_the_length_of_the_implicit_classifier(sharpness, spied):
    method, x, y = reference("kl")
    network = method.f.network
    method.f = Classifier(lambda x: sharpness * network(x), list("abcd"))
    noise = tensor("kl_noise")
    for weights in ({"class_weight": 2.3, "distance_weight": 0}, {"class_weight": 0}):
        config = settings("kl", "g90", **({"distance_weight": 0.3} | weights))
        spied["eps_hat"].clear()
        method.epsilon.calls.clear()
        next(iter(method.walk(x, y, whole(x), config, method.autoencoder.encode(x), noise)))
        (_, _, eps_c), (_, _, eps_u) = method.epsilon.calls[:2]
        weight = config.class_weight + config.distance_weight
        pull, delta = ((v - eps_u).flatten(1).norm(dim=1) for v in (spied["eps_hat"][0], eps_c))
        close(pull / (3 * weight * delta), 1, 1e-5)


def test_consensus():
    g = torch.Generator().manual_seed(0)
    q, delta = torch.randn(2, 2, 4, 32, 32, generator=g)
    assert consensus(q, delta, 180).all()
    assert not consensus(q, delta, 0).any()
    aligned = (q * delta).sum(1, keepdim=True) >= 0
    assert torch.equal(consensus(q, delta, 90), aligned)
    assert torch.equal(consensus(7 * q, 0.01 * delta, 45), consensus(q, delta, 45))
    # Random directions in four dimensions agree to 45 degrees with probability .0908.
    assert consensus(q, delta, 45).float().mean() == pytest.approx(0.0908, abs=0.02)
    assert consensus(0 * q, delta, 45).all(), "no angle: kept"


def test_a_model_without_opinion_has_no_pull():
    method, x, y = reference("kl", "const")
    noise = tensor("kl_noise")
    pulled = walk(method, x, y, settings("kl", "const"), noise)
    still = walk(method, x, y, settings("kl", "const", class_weight=0), noise)
    for a, b in zip(pulled, still, strict=True):
        assert torch.equal(a.image, b.image)


def test_at_the_factual_the_distance_has_no_pull():
    """An estimate that decodes to the factual itself leaves the L1 distance at its kink."""
    method, x, y = reference("kl")
    config = settings("kl", "g180", class_weight=0)
    z, noise = method.autoencoder.encode(x), tensor("kl_noise")
    method.autoencoder.decode = lambda z: x + 0 * z.sum()
    pulled = list(method.walk(x, y, whole(x), config, z, noise))
    eps = [calls[2] for calls in method.epsilon.calls[1::2]]
    assert len(eps) == len(pulled)
    states = [calls[0] for calls in method.epsilon.calls[1::2]]
    _, alphas = method.levels(config)
    a, a_prev = alphas[-2], alphas[-3]
    x0 = (states[0] - math.sqrt(1 - a) * eps[0]) / math.sqrt(a)
    close(states[1], math.sqrt(a_prev) * x0 + math.sqrt(1 - a_prev) * eps[0], 1e-12)


def test_without_noise_the_reconstruction_remains():
    """But for the first level's: .041 for Stable Diffusion's schedule."""
    method, x, y = reference("kl")
    z, noise = method.autoencoder.encode(x), tensor("kl_noise")
    (step,) = walk(method, x, y, settings("kl", "run", strength=0), noise)
    a = float(method.schedule.alphas_cumprod[1])
    assert math.sqrt(1 - a) == pytest.approx(0.041, abs=1e-3)
    expected = method.autoencoder.decode(math.sqrt(a) * z + math.sqrt(1 - a) * noise)
    close(step.image, expected, 1e-12)
    assert (step.index, step.total) == (1, 1)


def test_pictures_of_a_batch_are_independent():
    method, x, y = reference("vq")
    noise, config = tensor("vq_noise"), settings("vq", "run")
    together = walk(method, x, y, config, noise)[-1].image
    contexts = method.epsilon.context, method.epsilon.uncond
    for i in range(2):
        j = slice(i, i + 1)
        method.epsilon.context, method.epsilon.uncond = (c[j] for c in contexts)
        alone = walk(method, x[j], y[j], config, noise[j])[-1].image
        close(alone, together[j], 1e-9)


def test_a_repeated_factual_has_several_answers():
    method, x, y = reference("vq")
    method.epsilon.context = method.epsilon.context[:1].expand(2, -1)
    method.epsilon.uncond = method.epsilon.uncond[:1].expand(2, -1)
    x, y = x[:1].expand(2, -1, -1, -1), y[:1].expand(2)
    *_, last = method.explain(
        x, y, Region(whole(x)), settings("vq", "run"), torch.Generator().manual_seed(0)
    )
    assert (last.image[0] - last.image[1]).abs().max() > 0.01


def test_diffusion_alone_never_asks_the_model():
    method, x, y = reference("kl")
    method.f = None
    steps = walk(method, x, y, settings("kl", "free"), tensor("kl_noise"))
    assert not any(s.image.requires_grad for s in steps)


# ------------------------------------------------------------------ region


def test_the_model_sees_the_composite_and_outside_stays_the_factual():
    method, x, y = reference("kl")
    mask = torch.zeros_like(x[:, :1])
    mask[..., 3:9, 2:10] = 1
    seen, network = [], method.f.network

    def spy(image):
        seen.append(image.detach())
        return network(image)

    method.f = Classifier(spy, list("abcd"))
    noise = tensor("kl_noise")
    steps = walk(method, x, y, settings("kl", "run"), noise, mask)
    assert len(seen) == len(steps)
    for image in [*seen, *(s.image for s in steps[:-1])]:
        assert torch.equal(image * (1 - mask), x * (1 - mask))
    # A latent pixel covers 2x2; rows 3 to 8 touch rows 1 to 4, columns 2 to 9 columns 1 to 4.
    cells = torch.zeros(1, 1, 8, 8)
    cells[..., 1:5, 1:5] = 1
    _, alphas = method.levels(settings("kl", "run"))
    z0, states = method.autoencoder.encode(x), [call[0] for call in method.epsilon.calls[::2]]
    # The first state is noised one level higher than it is denoised at.
    for z, a in zip(states, [alphas[-1], *alphas[-3:0:-1]], strict=True):
        known = math.sqrt(a) * z0 + math.sqrt(1 - a) * noise
        close(z * (1 - cells), known * (1 - cells), 1e-12)
    assert (steps[-1].image - x).abs().amax((0, 1))[3:9, 2:10].max() > 0.01


def test_a_small_region_is_pulled_by_its_own_share(spied):
    """Outside the latent region there is no pull, and its length is that of the part inside."""
    method, x, y = reference("kl")
    mask = torch.zeros_like(x[:, :1])
    mask[..., :4, :4] = 1
    config = settings("kl", "g90", distance_weight=0)
    walk(method, x, y, config, tensor("kl_noise"), mask)
    (_, _, eps_c), (_, _, eps_u) = method.epsilon.calls[:2]
    pull = spied["eps_hat"][0] - eps_u
    assert (pull[..., 2:, :] == 0).all()
    assert (pull[..., 2:] == 0).all()
    goal = 3 * 2.3 * (eps_c - eps_u)[..., :2, :2].flatten(1).norm(dim=1)
    close(pull.flatten(1).norm(dim=1) / goal, 1, 1e-9)
