"""Diffeomorphic counterfactuals: the authors' numbers on tiny networks, and what must hold."""

import json
import sys
from math import log, pi
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.func import jacrev

from backends.core import Region
from backends.errors import BadInput
from backends.methods.diffeomorphic import (
    AscentConfig,
    Diffeomorphic,
    FlowConfig,
    LatentConfig,
    ascend,
)
from backends.priors.flow import PixelFlow, from_logits, to_logits
from backends.targets.model import Classifier
from backends.targets.threshold import Regressor, Threshold

GOLDEN = Path(__file__).parents[2] / "golden"
sys.path.insert(0, str(GOLDEN))
import nets  # noqa: E402 - the reference networks lie beside the data

DATA = np.load(GOLDEN / "diffeomorphic.npz")
META = json.loads(str(DATA["meta"]))
SEEDS = META["seeds"]
F = Classifier(nets.Classifier(36, 4, SEEDS["clf"]), list("abcd"))


def close(ours, theirs, tolerance):
    assert np.abs(np.asarray(ours) - np.asarray(theirs)).max() <= tolerance


def decoder(case):
    """(z0 of a picture, g) of the reference networks."""
    if case.startswith("ae"):
        ae = nets.FlatAutoencoder((1, 6, 6), 5, SEEDS["ae"])
        return ae.encode, lambda z: 1.3 * ae.decode(z) - 0.15
    if case == "pixel":
        return (lambda x: x), (lambda x: x)
    flow = nets.CouplingFlow(36, SEEDS["flow"])
    bits = 5 if case.startswith("flow5") else 8
    return (
        lambda x: flow(to_logits(x, bits)[0].flatten(1))[0],
        lambda z: from_logits(flow(z, invert=True)[0].view(-1, 1, 6, 6)),
    )


@pytest.mark.parametrize("bits", [8, 5])
def test_preprocessing(bits):
    x = torch.tensor(DATA["pre_image"])
    logits, logdet = to_logits(x, bits)
    close(logits, DATA[f"pre_logit_{bits}"], 1e-9)
    close(logdet, DATA[f"pre_logdet_{bits}"], 1e-9)
    close(from_logits(logits), DATA[f"post_{bits}"], 1e-9)
    close(from_logits(torch.tensor(DATA["post_in"])), DATA["post_out"], 1e-9)


@pytest.mark.parametrize("name", META["cases"])
def test_every_evaluation_of_the_authors(name):
    case = META["cases"][name]
    net = nets.Classifier(36, 4, SEEDS["clf"])
    assert nets.fingerprint(net) == pytest.approx(META["fp_clf"], abs=1e-9)
    x = torch.tensor(DATA["image"])
    settings = {"rate": case["lr"], "steps": case["max_steps"], "rounding": False}
    if name.startswith("regress"):
        upward = name != "regress_min"
        f = Threshold(Regressor(lambda x: net(x)[:, 0], usual=50), case["threshold"])
        target, confidence, objective = int(upward), 0.5, "margin"
    else:
        f, target, confidence, objective = F, META["target"], case["threshold"], "cross_entropy"
    config = AscentConfig.model_construct(**settings, confidence=confidence, objective=objective)
    encode, decode = decoder(name)
    visited, raw = [], []

    def g(z, _=None):
        visited.append(z.detach().clone())
        raw.append(decode(z))
        return raw[-1]

    project = (lambda x: x.clamp(0, 1)) if case["style"] == "x" else None
    steps = list(
        ascend(f, g, encode(x), x, torch.tensor([target]), torch.ones_like(x), config,
               project=project)
    )  # fmt: skip
    assert len(steps) == int(DATA[f"{name}_evaluations"])
    for i, step in enumerate(steps[:-1]):  # the last one shows the best, not the current
        close(step.image[0], DATA[f"{name}_x"][i], 1e-9)
    if name != "pixel":
        expected = DATA[f"{name}_z"].reshape(len(steps), -1)
        close(torch.cat([z.flatten(1) for z in visited]), expected, 1e-9)
        close(torch.cat(raw).detach(), DATA[f"{name}_x_raw"].reshape(-1, 1, 6, 6), 1e-9)
    if case["stop_index"] is not None:
        assert len(steps) == case["stop_index"] + 1
        close(steps[-1].image[0], DATA[f"{name}_result"], 1e-9)


@pytest.fixture(scope="module")
def flow():
    torch.manual_seed(0)
    flow = PixelFlow(1, 16, 2, (8, 8), (4, 4), bins=4)
    for layer in [*flow.fine, *flow.coarse]:
        torch.nn.init.normal_(layer.net.last.weight, std=0.3)
    torch.nn.init.normal_(flow.scale.shift, std=0.3)
    torch.nn.init.normal_(flow.scale.log_scale, std=0.3)
    return flow.double().requires_grad_(False)


@pytest.fixture
def pictures():
    x = torch.randint(0, 256, (3, 1, 16, 16), generator=torch.Generator().manual_seed(1))
    x = x.double() / 255
    x[..., :2, :] = x[..., -2:, :] = 0
    x[..., :2] = x[..., -2:] = 0
    return x


def coded(x):
    """What decode(encode(x)) gives: the middle of every level's interval, inside the margin."""
    middle = torch.zeros_like(x)
    middle[..., 2:-2, 2:-2] = 0.5
    return (255 * x + middle) / 256


def test_flow_is_a_bijection(flow, pictures):
    z = flow.encode(pictures)
    close(flow.decode(z), coded(pictures), 1e-9)
    assert torch.equal((flow.decode(z) * 255).round(), (pictures * 255).round())
    inner = from_logits(torch.zeros(())).item()
    other = z + 0.1 * torch.randn(z.shape, generator=torch.Generator().manual_seed(0))
    assert 0 < inner < 1
    close(flow.encode((256 * flow.decode(other) - coded(0 * pictures) * 256) / 255), other, 1e-6)


def test_log_density_is_the_jacobians(flow, pictures):
    """log p(u) = log N(z; 0, I) + log |det dz/du|, u = 255/256 x in the inner pixels."""

    def from_u(u):  # encode adds the half of a grey level
        x = (u.view(1, 1, 12, 12) - 0.5 / 256) * 256 / 255
        return flow.encode(torch.nn.functional.pad(x, (2,) * 4)).flatten()

    u = (pictures[:1, :, 2:-2, 2:-2] * 255 / 256).flatten()
    _, logdet = torch.linalg.slogdet(jacrev(from_u)(u))
    z = from_u(u)[None]
    expected = logdet - 0.5 * (z.square() + log(2 * pi)).sum()
    close(flow.log_density(pictures[:1]), expected, 1e-6)
    noise = torch.zeros_like(pictures[:1])
    bits = 8 - expected / (144 * log(2))
    close(flow(pictures[:1], noise), bits, 1e-6)


def small(flow, pictures, **settings):
    def logits(x):
        """How bright the middle and the lower stripe are."""
        middle, lower = x[..., 4:12, 4:12], x[..., 12:14, 2:14]
        return 40 * torch.stack([middle.mean((1, 2, 3)), lower.mean((1, 2, 3))], 1)

    f = Classifier(logits, ["a", "b"])
    method = Diffeomorphic(f, flow)
    target = 1 - f.probabilities(pictures).argmax(1)
    region = Region(torch.ones_like(pictures))
    config = FlowConfig(**settings)
    return f, target, list(method.explain(pictures, target, region, config, torch.Generator()))


def test_confidence_already_there_changes_nothing_but_the_codec(flow, pictures):
    *_, steps = small(flow, pictures, confidence=0.0, rounding=False)
    assert len(steps) == 1
    close(steps[0].image, coded(pictures), 1e-9)


def test_what_the_codec_changes_is_told(flow, pictures):
    *_, steps = small(flow, pictures, confidence=0.0, rounding=False)
    expected = (coded(pictures) - pictures).abs().flatten(1).amax(1)
    close(steps[-1].measured["reconstruction_error"], expected, 1e-9)


def test_rate_zero_never_moves_and_says_so(flow, pictures):
    *_, steps = small(flow, pictures, rate=0.0, steps=4, rounding=False)
    assert len(steps) == 4
    for step in steps:
        close(step.image, coded(pictures), 1e-9)
    assert (steps[-1].measured["confidence"] < 0.99).all()


def test_answer_convinces_as_saved_and_each_stops_alone(flow, pictures):
    f, target, steps = small(flow, pictures, confidence=0.9)
    answer = steps[-1].image
    assert torch.equal((answer * 255).round() / 255, answer)
    p = f.probabilities(answer).gather(1, target[:, None])
    assert (p > 0.9).all()
    for i in range(3):
        one = small(flow, pictures[i : i + 1], confidence=0.9)[2]
        close(one[-1].image[0], answer[i], 1e-9)


def test_refuses_what_the_flow_cannot_rebuild(flow, pictures):
    pictures[:, 0, 0, 0] = 1.0  # ink in the margin, which the flow leaves out
    with pytest.raises(BadInput, match="choose another method"):
        small(flow, pictures)


def test_a_refused_picture_stays_as_it_is_and_its_neighbours_get_their_answers(flow, pictures):
    expected = small(flow, pictures[1:], confidence=0.9)[2][-1].image
    pictures[0, 0, 0, 0] = 1.0
    last = small(flow, pictures, confidence=0.9)[2][-1]
    assert torch.equal(last.image[0], pictures[0])
    assert last.measured["confidence"][0] == 0
    close(last.image[1:], expected, 1e-9)


def test_induced_metric():
    """Affine g(z) = A z + b and linear f: one plain gradient step in z moves x by A A^T grad f;
    Adam's first step is the sign of A^T grad f."""
    generator = torch.Generator().manual_seed(3)
    matrix, w = torch.randn(4, 4, generator=generator), torch.randn(4, generator=generator)
    f = Classifier(lambda x: torch.stack([-(x.flatten(1) @ w), x.flatten(1) @ w], 1), ["a", "b"])
    x = torch.full((1, 1, 2, 2), 0.5)
    seen = []

    def g(z, _=None):
        seen.append(z.detach().clone())
        return (z @ matrix.T).view(-1, 1, 2, 2) * 1e-3 + 0.5

    config = AscentConfig(rate=0.01, steps=2, confidence=0.99, objective="margin", rounding=False)
    list(ascend(f, g, torch.zeros(1, 4), x, torch.tensor([1]), torch.ones_like(x), config))
    close(seen[1] - seen[0], 0.01 * (matrix.T @ w).sign(), 1e-6)


def test_a_climb_ends_with_what_convinced_at_full_size():
    """The small picture reaches the target early; the full one takes twice as far."""

    class Sigmoid:
        def logits(self, x):
            z = x.flatten(1).sum(1)
            return torch.stack([-z, z], 1)

        def probabilities(self, x):
            return self.logits(x).softmax(1)

    state = {"wrong": 1.0}

    def small(z, rows):
        return z.view(-1, 1, 1, 1) + state["wrong"]

    def confirm(z, rows):
        state["wrong"] = 0.0
        return z.view(-1, 1, 1, 1)

    z, x = torch.zeros(1, 1), torch.zeros(1, 1, 1, 1)
    config = LatentConfig(rate=0.1, steps=200, confidence=0.8, rounding=False)
    *_, last = ascend(
        Sigmoid(), small, z, x, torch.tensor([1]), torch.ones_like(x), config, confirm=confirm,
        project=None,
    )  # fmt: skip
    p = Sigmoid().probabilities(last.latent.view(-1, 1, 1, 1))[0, 1]
    assert p > 0.8
    assert last.measured["confidence"] == pytest.approx(float(p), abs=1e-5)


def test_a_search_that_gets_no_surer_ends_at_its_surest_picture():
    """A picture that is the target, but never by 99 %, ends; another one is not given up."""
    ceiling = torch.tensor([0.9, 0.4])  # what the first and the second row get to, in ten steps

    class Rising:
        def logits(self, x):
            share = (x.flatten(1)[:, 0] / 0.1).clamp(0, 1) * ceiling[self.rows]
            return torch.stack([1 - share, share], 1).clamp_min(1e-6).log()

    f, x = Rising(), torch.full((2, 1, 1, 1), 0.01)

    def g(z, rows):
        f.rows = rows
        return z

    ones, config = torch.ones_like(x), AscentConfig(rate=0.01, steps=90)
    asked = (f, g, x, x, torch.tensor([1, 1]), ones, config)
    whole, given_up = list(ascend(*asked)), list(ascend(*asked, patience=20))
    assert len(whole) == len(given_up) == 90  # the second row never says the target
    assert torch.equal(whole[-1].measured["confidence"], given_up[-1].measured["confidence"])
    still = torch.stack([step.image[0] for step in given_up[40:]])
    assert torch.equal(still, given_up[-1].image[0].expand_as(still))
    ended = list(ascend(f, g, x[:1], x[:1], torch.tensor([1]), ones[:1], config, patience=20))
    assert 20 < len(ended) < 40
    assert float(ended[-1].measured["confidence"]) == pytest.approx(0.9, abs=1e-3)
