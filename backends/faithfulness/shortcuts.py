"""CleanPictures in which a factor tells the class, and how much a model relies on it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from backends.bundles import Bundle
from backends.core import TargetModel
from backends.errors import BadInput
from backends.faithfulness.factors import Factor
from backends.training.data import Split, affine_jitter, load_mnist, test_split

__all__ = ["PAIRS", "CleanPictures", "TreatmentEffect", "effect", "level_of", "pictures", "planted"]

# The shortcut: classes below 5 have the factor's level -1, the others 1. Every question crosses it.
PAIRS = ((4, 9), (9, 4), (3, 8), (8, 3), (1, 7), (7, 1), (0, 6), (6, 0), (2, 5), (5, 2))
BOUNDARY = 5
LEARNT_SHARE = 0.7  # of the test pictures that came with the bundle, where there is no other data
COPIES = 4  # of each such picture, turned and shifted a little
MOST_LEARNT, MOST_JUDGED = 6000, 1000
AT_ONCE = 250


@dataclass(frozen=True)
class CleanPictures:
    """Clean pictures to learn from, and others to judge by."""

    learnt: Split
    judged: Split


@dataclass(frozen=True)
class TreatmentEffect:
    """What setting a factor from its level -1 to 1 changes in a model's output, on pictures that it
    did not learn from.

    :ivar treatment: change of the probability of all classes that the shortcut gives level 1, [N];
        its mean is the average treatment effect.
    :ivar switched: whether the model's label changes, bool [N].
    """

    treatment: Tensor
    switched: Tensor


def level_of(labels: Tensor) -> Tensor:
    """The factor's level that the shortcut gives to classes [B]: -1 or 1."""
    return torch.where(labels < BOUNDARY, -1.0, 1.0)


def pictures(bundle: Bundle, data: str | None, seed: int) -> CleanPictures:
    """Read clean pictures; of those that came with the bundle some are learnt from, in several
    jittered copies, and the others judged by.

    :param data: as :func:`backends.training.data.load_mnist` takes it.
    :raises NotFound: there are none.
    :raises BadInput: the bundle is none of digits.
    """
    if bundle.manifest.preparation != "digit":
        raise BadInput(
            "factors are planted into digits, and bundle {name!r} holds none; choose digits",
            name=bundle.name,
        )
    if data is not None:
        learnt, judged = load_mnist(data, "train"), load_mnist(data, "test")
        return CleanPictures(learnt.first(MOST_LEARNT), judged.first(MOST_JUDGED))
    all_ = test_split(bundle, None)
    count = int(LEARNT_SHARE * len(all_))
    x, y = all_.batch(torch.arange(count).repeat(COPIES))
    generator = torch.Generator().manual_seed(seed)
    x = torch.cat([x[:count], affine_jitter(x[count:], generator)])
    judged = Split(all_.pictures[count:], all_.labels[count:])
    return CleanPictures(Split(_bytes(x), y), judged)


def planted(clean: Split, factor: Factor, correlation: float, seed: int) -> Split:
    """Plant a factor whose level is the class's own with a probability of (1 + correlation) / 2."""
    generator = torch.Generator().manual_seed(seed)
    own = torch.rand(len(clean), generator=generator) < (1 + correlation) / 2
    levels = level_of(clean.labels) * torch.where(own, 1.0, -1.0)
    found = []
    for at in torch.arange(len(clean)).split(AT_ONCE):
        x, _ = clean.batch(at)
        found.append(_bytes(factor.plant(x, levels[at])))
    return Split(torch.cat(found), clean.labels)


@torch.no_grad()
def effect(f: TargetModel, clean: Split, factor: Factor) -> TreatmentEffect:
    """Intervene on a factor of clean pictures, and see what the model makes of it."""
    treatment, switched = [], []
    for at in torch.arange(len(clean)).split(AT_ONCE):
        x, _ = clean.batch(at)
        low, high = (
            f.probabilities(factor.plant(x, torch.full((len(x),), level))) for level in (-1.0, 1.0)
        )
        treatment.append((high - low)[:, BOUNDARY:].sum(1))
        switched.append(high.argmax(1) != low.argmax(1))
    return TreatmentEffect(torch.cat(treatment), torch.cat(switched))


def _bytes(x: Tensor) -> Tensor:
    return (x * 255).round().clamp(0, 255).byte()
