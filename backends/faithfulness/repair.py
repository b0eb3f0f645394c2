"""Mend a model by what its counterfactuals showed: teach it the pictures that fooled it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from backends.bundles import Bundle
from backends.core import Region
from backends.explain.question import Question
from backends.explain.runner import run
from backends.faithfulness.factors import FACTORS, Factor
from backends.faithfulness.shortcuts import PAIRS, effect, level_of, planted
from backends.targets.model import Classifier
from backends.training.data import Split
from backends.training.fit import FitPlan, fit
from backends.training.losses import classifier_loss

__all__ = [
    "Mended", "accuracy", "changed_most", "joined", "mend", "mistakes", "retaught", "towards",
]  # fmt: skip

GONE = 0.05  # treatment effect below which a shortcut is gone
ROUNDS = 12
AT_ONCE = 50


@dataclass(frozen=True)
class Mended:
    """A model after a round of repair; round 0 is before.

    :ivar effect: mean treatment effect of the factor on the pictures that are watched.
    :ivar taught: counterfactuals that it was taught so far.
    """

    round: int
    network: nn.Module
    effect: float
    taught: int


def mend(
    bundle: Bundle, factor: Factor, data: Split, clean: Split, watched: Split, method: str,
    region: Tensor, settings: Mapping[str, Any], seed: int, steps: int = 150,
) -> Iterator[Mended]:  # fmt: skip
    """Teach a model its own counterfactuals, labelled as the pictures that they were made of, until
    the shortcut is gone: what spoke for another class is shown to be no reason. Those that did
    not convince it are taught, too: once it relies less on the factor, hardly any does, and the
    few of the first rounds would teach against all of ``data``.

    :param data: what the model learnt from, with the factor.
    :param clean: pictures to ask about, without it; planted at the level of their class.
    :param watched: clean pictures by which the end is told; none of them is asked about, and
        none should be judged by.
    :param region: mask [1, 1, 32, 32] where counterfactuals may change.
    :param steps: of each round's training.
    """
    network, lessons = bundle.part("classifier"), None
    pairs = dict(PAIRS)
    x, y = (asked := planted(clean, factor, 1.0, seed)).batch(torch.arange(len(asked)))
    target = torch.tensor([pairs[label] for label in y.tolist()])
    at = _effect(bundle, network, factor, watched)
    yield Mended(0, network, at, 0)
    for number in range(1, ROUNDS + 1):
        if abs(at) < GONE:
            return
        images, _ = towards(
            bundle, network, x, target, method, region.expand(len(x), -1, -1, -1), settings, seed
        )
        shown = Split((images * 255).round().byte(), y)
        lessons = shown if lessons is None else joined(lessons, shown)
        network = retaught(network, joined(data, lessons, even=True), steps, seed + number)
        at = _effect(bundle, network, factor, watched)
        yield Mended(number, network, at, len(lessons))


def _effect(bundle: Bundle, network: nn.Module, factor: Factor, clean: Split) -> float:
    f = Classifier(network, bundle.own.class_names)
    return float(effect(f, clean, factor).treatment.mean())


def towards(
    bundle: Bundle, network: nn.Module, x: Tensor, target: Tensor, method: str, mask: Tensor,
    settings: Mapping[str, Any], seed: int,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Counterfactuals of a network, [N, 1, 32, 32] in [0, 1], and whether each convinces it."""
    f = Classifier(network, bundle.own.class_names)
    images, flipped = [], []
    for at in torch.arange(len(x)).split(AT_ONCE):
        region = Region(mask[at], "repair")
        question = Question.of(
            bundle, method, x[at], target[at], region, settings, seed, f, watched=False,
            part="classifier",
        )  # fmt: skip
        *_, last = run(question)
        assert last.counterfactual is not None
        images.append(last.counterfactual.image)
        flipped.append(last.counterfactual.flipped)
    return torch.cat(images), torch.cat(flipped)


def joined(first: Split, second: Split, *, even: bool = False) -> Split:
    """Both sets of pictures; ``even`` repeats the second until both are about as large."""
    times = max(1, len(first) // max(len(second), 1)) if even else 1
    return Split(
        torch.cat([first.pictures, second.pictures.repeat(times, 1, 1, 1)]),
        torch.cat([first.labels, second.labels.repeat(times)]),
    )


def retaught(
    network: nn.Module, data: Split, steps: int, seed: int, *, last_layer: bool = False
) -> nn.Module:
    """A copy of a classifier, trained further; ``last_layer`` leaves all others as they are."""
    network = copy.deepcopy(network).requires_grad_(not last_layer)
    if last_layer:
        [*_, last] = [module for module in network.modules() if isinstance(module, nn.Linear)]
        last.requires_grad_(True)
    plan = FitPlan(steps=steps, batch=64, learning_rate=1e-3, seed=seed, mixed=False)
    for _ in fit(network, classifier_loss(data, jitter=False), len(data), plan):
        pass
    return network.requires_grad_(False)


@torch.no_grad()
def mistakes(network: nn.Module, data: Split) -> tuple[Tensor, Tensor]:
    """Places of the pictures that a classifier gives a wrong label, and those labels."""
    said = torch.cat([network(data.batch(at)[0]).argmax(1) for at in _parts(data)])
    places = (said != data.labels).nonzero().flatten()
    return places, said[places]


def accuracy(network: nn.Module, data: Split) -> float:
    """Share of pictures that get their label."""
    return 1 - len(mistakes(network, data)[0]) / len(data)


def _parts(data: Split) -> tuple[Tensor, ...]:
    return torch.arange(len(data)).split(AT_ONCE)


def changed_most(
    before: Tensor, after: Tensor, labels: Tensor, units: Mapping[str, float]
) -> tuple[str, dict[str, Tensor]]:
    """Name the factor that the answers to mistakes changed most: what the model misses in pictures
    [N, 1, 32, 32] to give them their labels.

    :param units: by factor the distance of its levels, as it is measured.
    :returns: the name, and by factor the changes [N] towards the level that is usual for the label.
    """
    changes = {
        name: (factor.measure(after) - factor.measure(before)) * level_of(labels) / units[name]
        for name, factor in FACTORS.items()
    }
    return max(changes, key=lambda name: abs(float(changes[name].nanmean()))), changes
