"""What the Diffeomorphic paper's tables share: fours searched towards nines, in pixels (X) and in
the coordinates of the flow (Z), and the pictures that they are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from backends.bundles import Bundle, find
from backends.core import Region
from backends.explain.question import Question
from backends.explain.runner import run
from backends.targets.threshold import Threshold
from backends.training.data import Split
from benchmarks.digits import of_class, pictures
from benchmarks.papers.tables import Options

__all__ = [
    "SEARCHES", "SOURCE", "TARGET", "Searched", "fours", "held_out", "in_z", "nines", "search",
    "summary",
]  # fmt: skip

SOURCE, TARGET, CONFIDENCE = 4, 9, 0.99
MOST = 2000  # pictures of the source class, and steps of a search
BATCH = 50
# The paper's steps for MNIST: Adam's rate in pixels and in the flow's coordinates.
SEARCHES: Mapping[str, tuple[str, Mapping[str, Any]]] = MappingProxyType({
    "gradient ascent in X": ("adversarial", {"rate": 5e-4}),
    "gradient ascent in Z": ("diffeomorphic", {"rate": 5e-2}),
})  # fmt: skip


@dataclass(frozen=True)
class Searched:
    """The ends of a search.

    :ivar image: as saved, in 8 bits, [N, C, H, W] in [0, 1].
    :ivar latent: z at the end, [N, D]; none of a search in pixels.
    :ivar reached: whether the confidence, or the value, was reached, bool [N].
    """

    image: Tensor
    latent: Tensor | None
    reached: Tensor


@cache
def fours(options: Options) -> Tensor:
    """The first test pictures of a four that the classifier recognises, [N, 1, 32, 32]."""
    return of_class(find(options.bundle), options.data, SOURCE, options.count)


@cache
def held_out(options: Options) -> Split:
    """All test pictures."""
    return pictures(find(options.bundle), options.data)


@cache
def nines(options: Options, title: str) -> Searched:
    """Search nines from the fours, to a confidence of .99, in one of :data:`SEARCHES`."""
    x = fours(options)
    name, settings = SEARCHES[title]
    return search(options, name, settings, x, torch.full((len(x),), TARGET))


def search(
    options: Options, name: str, settings: Mapping[str, Any], x: Tensor, target: Tensor,
    goal: Threshold | None = None, confidence: float = CONFIDENCE,
) -> Searched:  # fmt: skip
    """Search from pictures as the paper does: the model sees what has not been rounded.

    :param goal: a regressor's value, in the place of the classifier's classes.
    """
    bundle = find(options.bundle)
    ends = [
        _ends(bundle, name, _asked(options, name, settings, confidence), part, y, goal)
        for part, y in zip(x.split(BATCH), target.split(BATCH), strict=True)
    ]
    latents = [end.latent for end in ends if end.latent is not None]
    return Searched(
        torch.cat([end.image for end in ends]), torch.cat(latents) if latents else None,
        torch.cat([end.reached for end in ends]),
    )  # fmt: skip


def _asked(
    options: Options, name: str, settings: Mapping[str, Any], confidence: float
) -> dict[str, Any]:
    """The settings, with those of every ascent, and no more steps than the options allow."""
    ascent = name in ("adversarial", "diffeomorphic", "diffeomorphic_vae", "diffeomorphic_gan")
    own: dict[str, Any] = {"rounding": False, "confidence": confidence} if ascent else {}
    own |= {"patience": 0, "beta2": 0.999} if name == "diffeomorphic" else {}
    steps = {} if options.steps is None else {"steps": options.steps}
    return {**own, **settings, **steps}


def _ends(
    bundle: Bundle, name: str, settings: dict[str, Any], x: Tensor, target: Tensor,
    goal: Threshold | None,
) -> Searched:  # fmt: skip
    whole = Region(torch.ones_like(x[:, :1]))
    question = Question.of(
        bundle, name, x, target, whole, settings, model=goal, part="" if goal else None,
        watched=False,
    )  # fmt: skip
    *_, last = run(question)
    end = last.counterfactual
    assert end is not None, "the last step carries the answer"
    reached = end.flipped
    if "confidence" in end.metrics:
        enough = goal.confidence(0.0) if goal else settings["confidence"]
        reached = end.metrics["confidence"] > enough
    return Searched(end.image, end.latent, reached)


@torch.no_grad()
def in_z(options: Options, x: Tensor) -> Tensor:
    """The flow's coordinates of pictures, [N, D]."""
    bundle = find(options.bundle)
    flow = bundle.part("flow")
    return torch.cat([flow.encode(some.to(bundle.device)).cpu() for some in x.split(BATCH)])


def summary(values: Tensor, name: str) -> dict[str, object]:
    """Mean and standard deviation of values, as two columns."""
    flat = values.double().flatten()
    return {name: float(flat.mean()), f"± {name}": float(flat.std())}
