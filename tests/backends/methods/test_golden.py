"""Our options that follow the authors' code give the authors' numbers, on tiny networks."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from backends.core import Region
from backends.methods.common.guidance import Smoothing
from backends.methods.common.views import Views
from backends.methods.leapfactual import LeapFactual, leap
from backends.methods.rcsb import RCSB
from backends.priors.bridge import BridgeSchedule
from backends.regions import attribution
from backends.targets.model import Classifier
from backends.training import losses

GOLDEN = Path(__file__).parents[2] / "golden"
sys.path.insert(0, str(GOLDEN))
import nets  # noqa: E402 - the reference networks lie beside the data

SCHEDULES = json.loads((GOLDEN / "i2sb_schedule.json").read_text())


def golden(name):
    data = np.load(GOLDEN / f"{name}.npz")
    return data, json.loads(str(data["meta"]))


def close(ours, theirs, tolerance):
    assert np.abs(np.asarray(ours) - np.asarray(theirs)).max() <= tolerance


@pytest.mark.parametrize("key", [k for k in SCHEDULES if k.startswith("beta_max")])
def test_bridge_schedule(key):
    beta_max, interval = (float(pair.split("=")[1]) for pair in key.split(","))
    ours, theirs = BridgeSchedule(int(interval), beta_max), SCHEDULES[key]
    at = theirs["index"]
    close(ours.beta[at], theirs["beta"], 1e-12)
    close(ours.sigma[at], theirs["std_fwd"], 1e-12)
    close(ours.sigma_bar[at], theirs["std_bwd"], 1e-12)
    close(ours.mu[0][at], theirs["mu_x0"], 1e-12)
    close(ours.mu[1][at], theirs["mu_x1"], 1e-12)
    close(ours.noise_level[at], theirs["t_net_float32"], 1e-4)
    for setting, steps in theirs["steps"].items():
        tau, nfe = (float(pair.split("=")[1]) for pair in setting.split(","))
        (indices,) = (value for value in steps.values() if isinstance(value, list))
        assert ours.times(tau, int(nfe)) == indices


class OneLogit:
    """One attribute's logit l as the classes (l, -l) under a sigmoid, as RCSB's multi-label task
    has it; log-sigmoids are normalised already, so log-softmax leaves them alone."""

    def __init__(self, network):
        self.network = network

    def logits(self, x):
        score = self.network(x)
        return torch.stack([F.logsigmoid(score), F.logsigmoid(-score)], dim=1)


def rcsb_case(case, dtype=torch.float64):
    data, meta = golden("rcsb")
    m = meta[case]
    net = nets.Denoiser(3, m["seeds"]["net"])
    clf = nets.Classifier(192, m["classes"], m["seeds"]["clf"])
    assert abs(nets.fingerprint(net) - m["fp_net"]) < 1e-9
    assert abs(nets.fingerprint(clf) - m["fp_clf"]) < 1e-9
    net, clf = net.to(dtype), clf.to(dtype)
    f = OneLogit(clf) if m["classes"] == 1 else Classifier(clf, list("abcd"))
    method = RCSB(f, net, BridgeSchedule(m["interval"], m["beta_max"]))
    config = RCSB.Config(
        scale=m["s"], truncation=m["start_step"] / m["interval"], steps=m["nfe"],
        smoothing="pixel", view="stretch", composite_estimate=False,
    )  # fmt: skip
    x = torch.tensor(data[f"{case}_image"]).to(dtype)
    mask = torch.tensor(data[f"{case}_mask"])[:, None].to(dtype)
    target = torch.tensor(data[f"{case}_target"]).long()
    noise = torch.tensor(data[f"{case}_noise_second"]).to(dtype)
    return data, method, x, target, mask, config, noise


@pytest.mark.parametrize("case", ["a", "b", "c"])
def test_rcsb_walk(case):
    data, method, x, target, mask, config, noise = rcsb_case(case)
    steps = list(method.walk(x, target, mask, config, noise))
    for step, x0hat in zip(steps[:-1], data[f"{case}_x0hat"], strict=False):
        close(2 * step.image - 1, x0hat, 1e-9)
    close(steps[-1].image.clamp(0, 1), data[f"{case}_final"], 1e-9)


@pytest.mark.parametrize("case", ["a", "b", "c"])
def test_rcsb_parts(case):
    data, method, x, target, mask, config, _ = rcsb_case(case)
    smooth = Smoothing(shared=False)
    states = np.concatenate([data[f"{case}_x_start"][None], data[f"{case}_x_next"]])
    for i, (n, _p) in enumerate(data[f"{case}_pairs"]):
        x0, g, _ = method._guidance(
            torch.tensor(states[i]), int(n), x, target, mask, config, Views(1)
        )
        close(x0, data[f"{case}_x0hat"][i], 1e-9)
        close(g, data[f"{case}_grad"][i], 1e-9)
        close(smooth(g), data[f"{case}_grad_norm"][i], 1e-9)


@pytest.mark.parametrize("case", ["a", "b", "c"])
def test_rcsb_in_single_precision(case):
    data, method, x, target, mask, config, noise = rcsb_case(case, torch.float32)
    steps = list(method.walk(x, target, mask, config, noise))
    close(steps[-1].image.clamp(0, 1), data[f"{case}_final_native"], 2e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["random", "heavy", "structured", "sparse", "tie"])
def test_region_from_attributions(name, dtype):
    data, _ = golden("auto_region")
    importance = attribution.normalise(torch.tensor(data[f"{name}_attr"]).to(dtype))
    close(importance[0], data[f"{name}_normalised_0"], 1e-6)
    for i, (cell, area) in enumerate(data["cases"]):
        mask = attribution.cells(importance, int(cell), float(area), ties="all")
        assert np.array_equal(mask[:, 0].numpy(), data[f"{name}_mask_{i}"])


def test_region_end_to_end():
    data, meta = golden("auto_region")
    clf = nets.Classifier(3072, 4, meta["ig"]["seed"])
    f = Classifier(clf, list("abcd"))
    x = torch.tensor(data["ig_image"])
    raw = attribution.ATTRIBUTIONS["integrated_gradients"][1](
        attribution._Logits(f), x, torch.tensor(data["ig_target"])
    )
    close(raw.detach(), data["ig_attr"], 1e-7)
    importance = attribution.attribute(f, x, "integrated_gradients")
    mask = attribution.cells(importance, meta["ig"]["cell"], meta["ig"]["area"], ties="all")
    assert np.array_equal(mask[:, 0].numpy(), data["ig_mask"])


EXACT = {"solver": "dopri5", "tolerance": 1e-11, "steps": 1}


def leap_parts():
    data, meta = golden("leapfactual")
    field = nets.VelocityField(meta["D"], meta["classes"], meta["seeds"]["field"])
    assert abs(nets.fingerprint(field) - meta["fp_field"]) < 1e-9
    return data, meta, field


@pytest.mark.slow
@pytest.mark.parametrize("gamma", ["0.1", "0.8", "1.0"])
@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_leap(gamma, kind):
    data, _, field = leap_parts()
    z, target = torch.tensor(data["leap_z"]), torch.tensor(data["leap_target"]).double()
    source = torch.tensor(data["leap_source" if kind == "hard" else "leap_soft"]).double()
    g = float(gamma)
    close(leap(field, z, source, target, g, g, **EXACT), data[f"leap_g{gamma}_{kind}_exact"], 1e-6)
    for steps in (2, 5, 15):
        ours = leap(field, z, source, target, g, g, solver="dopri5", steps=steps - 1)
        close(ours, data[f"leap_g{gamma}_{kind}_n{steps}"], 5e-2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "lift", "land"), [("leap_inj_galaxy", 1.0, 1.025), ("leap_inj_morpho", 0.0, 0.1)]
)
def test_injection_leap(key, lift, land):
    data, _, field = leap_parts()
    source, target = (torch.tensor(data[f"leap_{k}"]).double() for k in ("source", "target"))
    ours = leap(field, torch.tensor(data["leap_z"]), source, target, lift, land, **EXACT)
    close(ours, data[f"{key}_exact"], 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_leapfactual_explains_like_the_authors(kind, monkeypatch):
    data, meta, field = leap_parts()
    autoencoder = nets.FlatAutoencoder(tuple(meta["shape"]), meta["D"], meta["seeds"]["ae"])
    f = Classifier(nets.Classifier(64, meta["classes"], meta["seeds"]["clf"]), list("abcd"))
    x = torch.tensor(data["image"]).double()
    config = LeapFactual.Config(
        blending_leaps=5, blending_size=0.3, injection_leaps=3, injection_lift=0.0,
        injection_land=0.3, condition=kind, solver="dopri5", solver_steps=1,
    )  # fmt: skip
    monkeypatch.setattr(
        "backends.methods.leapfactual.leap",
        lambda v, z, s, t, lift, land, **_: leap(v, z, s, t, lift, land, **EXACT),
    )
    target = torch.tensor(data["explain_target"]).argmax(1)
    region = Region(torch.ones_like(x))
    steps = list(
        LeapFactual(f, autoencoder, field).explain(x, target, region, config, torch.Generator())
    )
    latents = np.concatenate(
        [data[f"explain_{kind}_blend_exact"], data[f"explain_{kind}_inject_exact"]]
    )
    for step, z in zip(steps, latents, strict=True):
        close(step.image, autoencoder.decode(torch.tensor(z)), 1e-6)
    close(steps[-1].image, data[f"explain_{kind}_image_exact"], 1e-6)


def test_flow_matching_loss(monkeypatch):
    data, _, field = leap_parts()
    z1, z0, t, c = (torch.tensor(data[f"cfm_{k}"]).double() for k in ("z1", "z0", "t", "c"))
    sigmas = {key.split("_")[-1] for key in data.files if key.startswith("cfm_loss")}
    assert sigmas
    for sigma in sigmas:
        draws = iter([z0, torch.tensor(data["cfm_eps"]).double()])
        monkeypatch.setattr(torch, "randn", lambda *a, draws=draws, **k: next(draws))
        monkeypatch.setattr(torch, "rand", lambda *a, **k: t)
        loss = losses.velocity_loss(z1, c, sigma=float(sigma.lstrip("s")))
        close(loss(field, torch.arange(len(z1)), None), data[f"cfm_loss_{sigma}"], 1e-12)
        monkeypatch.undo()
