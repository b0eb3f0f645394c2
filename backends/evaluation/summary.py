"""From the answers of a row to its numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backends.bundles import Bundle
from backends.core import Region, TargetModel
from backends.evaluation.answering import Taken, joined
from backends.evaluation.features import oracle_features
from backends.evaluation.judge_networks import FACE, FEATURES, INCEPTION, SIMSIAM, STORED
from backends.evaluation.opinions import Judges, attributes_of, oracle_probabilities
from backends.evaluation.questions import Questions
from backends.evaluation.store import AnsweredPictures
from backends.metrics.metric import METRICS, Supply, measured

__all__ = ["RUN", "Answered", "mean", "values"]

RUN = ("nfe", "nfe_forward", "nfe_backward", "seconds")  # what a run costs, paid once
CONFIDENCE, RESAMPLES = 0.95, 2000
LONG_TAILED = {name for name, entry in METRICS.items() if entry.median}
AT_ONCE = 2**22  # drawn values that bootstrap holds at a time


@dataclass(frozen=True)
class Answered:
    """One answer of a row's method to every question, seed after seed: S x N pictures.

    :ivar taken: the row's batches.
    :ivar name: which of the method's answers; empty for its own.
    """

    found: Bundle
    model: TargetModel
    questions: Questions
    region: Region
    taken: Sequence[Taken]
    judges: Judges
    name: str = ""

    @cached_property
    def pictures(self) -> AnsweredPictures:
        """The stored answers."""
        return joined([taken.batch.answers[self.name] for taken in self.taken])

    @property
    def seeds(self) -> int:
        """How often each picture was asked about."""
        return len({taken.seed for taken in self.taken})

    def repeated(self, values: Tensor) -> Tensor:
        """Values [N, ...] of the questions for every seed, [S * N, ...]."""
        return torch.cat([values] * self.seeds)

    @cached_property
    def factual(self) -> Tensor:
        """[S * N, C, H, W] in [0, 1]."""
        return self.repeated(self.questions.x)

    @cached_property
    def image(self) -> Tensor:
        """The answers [S * N, C, H, W] in [0, 1]."""
        return _pixels(self.pictures.arrays["image"])

    @cached_property
    def mask(self) -> Tensor:
        """[S * N, 1, H, W]."""
        return self.repeated(self.region.mask)

    @cached_property
    def target(self) -> Tensor:
        """Classes asked for, int64 [S * N]."""
        return self.repeated(self.questions.target)

    @cached_property
    def after(self) -> Tensor:
        """The target model's probabilities of the answers [S * N, K]."""
        return torch.from_numpy(self.pictures.arrays["after"])

    @cached_property
    def flipped(self) -> Tensor:
        """Whether the model says the target, bool [S * N]."""
        return self.after.argmax(1) == self.target

    @cached_property
    def oracle_label(self) -> Tensor | None:
        """What the oracle says of the answers, int64 [S * N]; None without one, or where it gave
        some batch no numbers."""
        labels = self.pictures.numbers.get("oracle_label")
        if labels is None or np.isnan(labels).any():
            return None
        return torch.from_numpy(labels).long()

    @cached_property
    def oracle_agrees(self) -> Tensor | None:
        """Whether the oracle says the target, bool [S * N]; None without one."""
        return None if self.oracle_label is None else self.oracle_label == self.target

    @property
    def by_seed(self) -> Tensor | None:
        """The answers [S, N, C, H, W]; None of one seed."""
        if self.seeds < 2:
            return None
        return self.image.unflatten(0, (self.seeds, len(self.questions.x)))

    @property
    def attributes(self) -> tuple[Tensor, Tensor] | None:
        """What the bundle's networks say before and after, bool [S * N, A] each."""
        name = self.judges.plan.model
        return attributes_of(self.found, name, self.model, self.factual, self.image)

    def agrees(self, said: Callable[[Tensor], Tensor | None]) -> Tensor | None:
        """Whether a judge says the targets, bool [S * N]; None where it says nothing."""
        labels = said(self.image)
        return None if labels is None else labels == self.target

    @cached_property
    def oracle_features(self) -> tuple[Tensor, Tensor] | None:
        """The oracle's of the factuals [N, D] and of the answers [S * N, D], if it has any."""
        return oracle_features(self.found, self.questions.x, self.image)

    def viewed(self, name: str) -> tuple[Tensor, Tensor] | None:
        """What a network makes of the factuals [N, D] and of the answers [S * N, D]; None where it
        was not asked."""
        stored = self.pictures.arrays.get(f"{STORED}{name}")
        if stored is None:
            return None
        return self.judges.factual_views[name], torch.from_numpy(stored)

    def of_inception(self, part: slice) -> tuple[Tensor, Tensor] | None:
        """Some of Inception's features, likewise."""
        seen = self.viewed(INCEPTION)
        return None if seen is None else (seen[0][:, part], seen[1][:, part])

    def paired(self, name: str) -> tuple[Tensor, Tensor] | None:
        """What a network makes of each factual and its answer, [S * N, D] both."""
        seen = self.viewed(name)
        return None if seen is None else (self.repeated(seen[0]), seen[1])

    def strokes(self, first: str, second: str) -> tuple[Tensor, Tensor] | None:
        """Two of the tables of the digits' strokes; None where they were not measured."""
        tables = [self.pictures.arrays.get(f"strokes_{name}") for name in (first, second)]
        if any(table is None for table in tables):
            return None
        before, after = (torch.from_numpy(table) for table in tables if table is not None)
        return before, after

    @property
    def calls(self) -> dict[str, float]:
        """Calls forward and backward, a picture: each goes through every call of its batch."""
        return {
            way: sum(
                sum(network[way] for network in taken.batch.calls.values()) * _size(taken)
                for taken in self.taken
            ) / len(self.factual)
            for way in ("forward", "backward")
        }  # fmt: skip

    @property
    def seconds(self) -> float:
        """Of the search and of measuring its answer, a picture."""
        return sum(taken.batch.seconds for taken in self.taken) / len(self.factual)

    def of_networks(self) -> dict[str, dict[str, float]]:
        """Calls of each network by direction, a picture."""
        networks = {name for taken in self.taken for name in taken.batch.calls}
        nothing = {"forward": 0, "backward": 0}
        return {
            name: {
                way: sum(
                    taken.batch.calls.get(name, nothing)[way] * _size(taken) for taken in self.taken
                ) / len(self.factual)
                for way in nothing
            }
            for name in sorted(networks)
        }  # fmt: skip


def _size(taken: Taken) -> int:
    return taken.part.stop - taken.part.start


def _pixels(stored: np.ndarray) -> Tensor:
    levels = torch.from_numpy(stored).float()
    return levels / levels.new_tensor(255.0)


def values(answered: Answered) -> dict[str, Any]:
    """The row's numbers: how many pictures, then the metrics as registered."""
    each: dict[str, Any] = {
        name: torch.from_numpy(numbers) for name, numbers in answered.pictures.numbers.items()
    }
    each.pop("oracle_label", None)
    found = measured("row", _supply(answered)) | each
    if answered.name:
        found = {name: value for name, value in found.items() if name not in RUN}
    order = [*METRICS, *(name for name in each if name not in METRICS)]
    return {
        "n": len(answered.questions.x),
        # Smaller than asked for where the device had no room: other noise was drawn then.
        "batch": max(_size(taken) for taken in answered.taken),
    } | {
        name: mean(found[name], len(answered.questions.x), median=name in LONG_TAILED)
        if isinstance(found[name], Tensor)
        else found[name]
        for name in order
        if name in found
    }


def _supply(answered: Answered) -> Supply:
    """What metrics of a whole row are measured from."""
    found = answered.found

    def part(name: str) -> Any:
        return None if found.problem(name) else found.part(name)

    return Supply(
        part, factual=lambda: answered.factual, counterfactual=lambda: answered.image,
        target=lambda: answered.target, region=lambda: answered.mask,
        after=lambda: answered.after, calls=lambda: answered.calls,
        flipped=lambda: answered.flipped, oracle_agrees=lambda: answered.oracle_agrees,
        oracle_features=lambda: answered.oracle_features,
        inception_features=lambda: answered.of_inception(slice(FEATURES)),
        inception_maps=lambda: answered.of_inception(slice(FEATURES, None)),
        simsiam_features=lambda: answered.paired(SIMSIAM),
        face_descriptors=lambda: answered.paired(FACE),
        strokes=lambda: answered.strokes("before", "after"),
        rebuilt_strokes=lambda: answered.strokes("rebuilt", "after"),
        oracle_after=lambda: oracle_probabilities(found, answered.model, answered.image),
        svm_agrees=lambda: answered.agrees(answered.judges.svm),
        neighbours_agree=lambda: answered.agrees(answered.judges.neighbours),
        by_seed=lambda: answered.by_seed, attributes=lambda: answered.attributes,
        seconds_taken=lambda: answered.seconds,
    )  # fmt: skip


def mean(value: Tensor, pictures: int, *, median: bool = False) -> dict[str, float | None]:
    """Mean over the pictures, its standard error, and the ends of its 95 % interval by
    bootstrap (percentiles of 2000 resamples of the pictures); infinite values are left out.

    :param value: [S * N], seed after seed; NaN marks a missing value, such as that of an answer
        that did not flip. Each picture counts as the mean of its seeds.
    :param pictures: N.
    :param median: whether to tell it, too.
    :raises ValueError: the number of values is no multiple of N.
    """
    if len(value) % pictures:
        raise ValueError(
            f"{len(value)} values of {pictures} pictures; give NaN where there is none"
        )
    value = value.double()
    if len(value) > pictures:
        value = value.where(value.isfinite(), torch.nan).view(-1, pictures).nanmean(0)
    value = value[value.isfinite()]
    count = len(value)
    low, high = interval(value.numpy())
    return {
        "mean": float(value.mean()) if count else None,
        "sem": float(value.std() / count**0.5) if count > 1 else None,
        "low": low, "high": high,
    } | ({"median": float(np.median(value)) if count else None} if median else {})  # fmt: skip


def interval(value: np.ndarray) -> tuple[float | None, float | None]:
    """The ends of the mean's 95 % interval; the same values give the same ends. None of fewer than
    two values."""
    if len(value) < 2:
        return None, None
    from scipy.stats import bootstrap

    found = bootstrap(
        (value,), np.mean, confidence_level=CONFIDENCE, n_resamples=RESAMPLES, method="percentile",
        batch=max(1, AT_ONCE // len(value)), rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return float(found.low), float(found.high)
