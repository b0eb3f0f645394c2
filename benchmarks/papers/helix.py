"""The Diffeomorphic paper's toy example (sections 4.1 and C.1, figures 6, 7, 16 and 17): a flow
that learns a helix in three dimensions, and searches in that space, X, and in the flow's
coordinates, Z."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor, nn
from zuko.flows import NICE

from backends.metrics.tangent import tangent_spectrum
from benchmarks.papers.tables import Options, Row, beside

__all__ = ["helix_rows"]

HEIGHT = 4.0  # x3 ~ U(-4, 4)
BATCH, LEARNING, CLASSIFYING = 500, 5000, 500  # points a step; steps of flow and of classifier
RATE, STEPS = 0.05, 5000  # of a search: the defaults of the authors' code
REACHED = 0.9  # the probability that a search ends at, of the class in which it did not begin
SPECTRA = 100  # points whose tangent spectrum is taken
PAPER = {"median distance to the helix": {"X": 2.34, "Z": 0.01}}


def helix(count: int, generator: torch.Generator) -> Tensor:
    """Points (sin t, cos t, t), [count, 3]."""
    t = (2 * torch.rand(count, generator=generator) - 1) * HEIGHT
    return torch.stack([t.sin(), t.cos(), t], 1)


def distance(x: Tensor) -> Tensor:
    """The distance of points [N, 3] to the helix, [N]: to the nearest of 20 000 of its points."""
    t = torch.linspace(-HEIGHT, HEIGHT, 20_000)
    curve = torch.stack([t.sin(), t.cos(), t], 1)
    exact = "donot_use_mm_for_euclid_dist"  # near points lose their digits otherwise
    return torch.cat(
        [torch.cdist(some, curve, compute_mode=exact).amin(1) for some in x.split(100)]
    )


def helix_rows(options: Options) -> list[Row]:
    """Train flow and classifier, search in X and in Z, and measure both."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        flow = _flow(generator, _most(options, LEARNING))
        classifier = _classifier(generator, _most(options, CLASSIFYING))
    transform = flow().transform  # x -> z
    start = helix(options.count, generator)
    spectrum = torch.stack(
        [tangent_spectrum(transform.inv, z[None]) for z in transform(start[:SPECTRA]).detach()]
    ).square()
    far, apart, thin = (spectrum.mean(0)[i] for i in range(3))
    rows = []
    for name, decode, encode in (
        ("X", lambda v: v, lambda x: x), ("Z", transform.inv, transform),
    ):  # fmt: skip
        end, reached = _searched(
            start, encode(start).detach(), decode, classifier, _most(options, STEPS)
        )
        measured: Row = {"median distance to the helix": median(distance(end).tolist())}
        paper = {title: figures[name] for title, figures in PAPER.items()}
        rows.append({"gradient ascent in": name} | beside(measured, paper) | {
            "reached": int(reached.sum()),
            "eigenvalues of ∂g/∂z ∂g/∂zᵀ": f"{far:.2f}, {apart:.4f}, {thin:.4f}",
            "pictures": options.count,
        })  # fmt: skip
    return rows


def _most(options: Options, steps: int) -> int:
    return steps if options.steps is None else min(steps, options.steps)


def _flow(generator: torch.Generator, steps: int) -> nn.Module:
    """Twelve affine couplings, trained by maximum likelihood."""
    flow = NICE(3, transforms=12, hidden_features=(256, 256), activation=nn.LeakyReLU)
    adam = torch.optim.Adam(flow.parameters(), lr=1e-4)
    for _ in range(steps):
        loss = -flow().log_prob(helix(BATCH, generator)).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    return flow.requires_grad_(False)


def _classifier(generator: torch.Generator, steps: int) -> nn.Module:
    """Whether a point lies in the upper half: one hidden layer of 256, one logit."""
    network = nn.Sequential(nn.Linear(3, 256), nn.ReLU(), nn.Linear(256, 1), nn.Flatten(0))
    adam = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(steps):
        x = helix(BATCH, generator)
        loss = nn.functional.binary_cross_entropy_with_logits(network(x), (x[:, 2] > 0).float())
        adam.zero_grad()
        loss.backward()
        adam.step()
    return network.requires_grad_(False)


def _searched(
    start: Tensor, v: Tensor, decode: Callable[[Tensor], Tensor], classifier: nn.Module, steps: int
) -> tuple[Tensor, Tensor]:
    """Ascend from coordinates v [N, 3] to the other class; return the points [N, 3] at which each
    search ended, and whether it got there, bool [N]."""
    upper = classifier(start) <= 0  # the class asked for
    v = v.clone().requires_grad_()
    adam = torch.optim.Adam([v], lr=RATE)
    end, reached = start.clone(), torch.zeros(len(start), dtype=torch.bool)
    for _ in range(steps):
        x = decode(v)
        logit = classifier(x).where(upper, -classifier(x))  # of the class asked for
        now = (logit.detach().sigmoid() > REACHED) & ~reached
        end[~reached] = x.detach()[~reached]
        reached |= now
        if bool(reached.all()):
            break
        (v.grad,) = torch.autograd.grad(-nn.functional.logsigmoid(logit)[~reached].sum(), v)
        adam.step()
    return end, reached
