"""What further judges say of answers: a linear SVM and nearest neighbours, which see raw pixels and
were never part of a search, the oracle, and networks that know other properties."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backends.bundles import Bundle
from backends.compute.oom import guarded
from backends.core import Networked, TargetModel
from backends.errors import NotFound, StudioError
from backends.evaluation.judge_networks import JudgeNetworks
from backends.evaluation.plan import Plan
from backends.evaluation.questions import Questions
from backends.targets.named import GOAL, target_model
from backends.targets.threshold import Regressor
from backends.training.data import Split, load_mnist, test_split
from backends.training.stored import TRAIN, read

__all__ = ["Judges", "attributes_of", "oracle_probabilities"]

BATCH = 50  # pictures that a network sees at once
MOST = 10_000  # pictures that the SVM learns from
NEIGHBOURS = 10
FEWEST = 2 * NEIGHBOURS  # pictures of each class


@dataclass(frozen=True)
class Judges:
    """A linear SVM and a k-NN of raw pixels, made when they are first asked, and what further
    networks make of the factuals.

    :param questions: whose pictures neither of them learns.
    """

    plan: Plan
    found: Bundle
    model: TargetModel
    questions: Questions
    views: JudgeNetworks

    @cached_property
    def factual_views(self) -> dict[str, Tensor]:
        """Of the factuals, [N, D] by the network's name."""
        return {name: self.views.of(name, self.questions.x) for name in self.views.names}

    @cached_property
    def _learnt(self) -> tuple[np.ndarray, np.ndarray, str] | str:
        """Pixels [M, D] in [0, 1], labels [M] and where they are from; a sentence where there are
        none."""
        if list(self.model.class_names) != self.found.manifest.class_names:
            return "the model's classes are not the bundle's, whose labels they would learn"
        split, source = self._split()
        if split is None:
            return source
        x, y = split.plain().batch(torch.arange(len(split)))
        own = self._asked(x)
        x, y = x[~own], y[~own]
        if len(x) > MOST and self.plan.data is None:
            # A bundle's file may be in the order of the classes. MNIST's is not, and published
            # tables rest on its first pictures.
            order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
            x, y = x[order], y[order]
        x, y = x[:MOST], y[:MOST]
        if int(y.bincount(minlength=len(self.model.class_names)).min()) < FEWEST:
            return f"{source} are fewer than {FEWEST} of each class"
        return x.flatten(1).numpy(), y.numpy(), f"{len(x)} {source}"

    def _split(self) -> tuple[Split | None, str]:
        rest = "test pictures that are not asked about"
        if self.plan.data is not None:
            try:
                return load_mnist(self.plan.data, "train"), "training pictures"
            except NotFound:  # the test pictures are enough to ask about
                return test_split(self.found, self.plan.data), rest
            except StudioError as error:
                return None, str(error)
        if (self.found.folder / TRAIN).is_file():
            return read(self.found.folder / TRAIN), "training pictures"
        if self.found.manifest.test is None:
            return None, "the bundle has neither training nor test pictures"
        return test_split(self.found, None), rest

    def _asked(self, x: Tensor) -> Tensor:
        """Which of the pictures are asked about, bool [M]."""
        asked = {picture.numpy().tobytes() for picture in self.questions.x}
        return torch.tensor([picture.numpy().tobytes() in asked for picture in x])

    @cached_property
    def _svm(self) -> Any:
        from sklearn.svm import LinearSVC

        x, y, _ = self._known
        return LinearSVC(C=0.01, random_state=0, max_iter=10_000).fit(x, y)

    @cached_property
    def _neighbours(self) -> Any:
        from sklearn.neighbors import KNeighborsClassifier

        x, y, _ = self._known
        most = np.bincount(y).min()
        balanced = np.concatenate([np.flatnonzero(y == k)[:most] for k in np.unique(y)])
        return KNeighborsClassifier(NEIGHBOURS).fit(x[balanced], y[balanced])

    @property
    def _known(self) -> tuple[np.ndarray, np.ndarray, str]:
        assert not isinstance(self._learnt, str)
        return self._learnt

    def svm(self, image: Tensor) -> Tensor | None:
        """What the SVM says of pictures [N, C, H, W], int64 [N]; None where it could not learn."""
        return None if isinstance(self._learnt, str) else _said(self._svm, image)

    def neighbours(self, image: Tensor) -> Tensor | None:
        """What most of the 10 nearest pictures are, int64 [N]; None where there are too few."""
        return None if isinstance(self._learnt, str) else _said(self._neighbours, image)

    @property
    def note(self) -> str:
        """What they learnt from and how good they are, or why they are not asked."""
        who = "The linear SVM and the nearest neighbours (k = 10, as many of each class)"
        if isinstance(self._learnt, str):
            return f"{who} are not asked: {self._learnt}."
        right = [
            float((_said(judge, self.questions.x) == self.questions.source).double().mean())
            for judge in (self._svm, self._neighbours)
        ]
        return (
            f"{who} learnt {self._learnt[2]}; of the factuals they say what the model says in "
            f"{right[0]:.0%} and {right[1]:.0%}."
        )


def _said(judge: Any, image: Tensor) -> Tensor:
    return torch.from_numpy(judge.predict(image.flatten(1).numpy()).astype(np.int64))


@torch.no_grad()
def _asked(found: Bundle, model: TargetModel, image: Tensor) -> Tensor:
    with guarded(found.device):
        seen = (model.probabilities(some.to(found.device)).cpu() for some in image.split(BATCH))
        return torch.cat(list(seen))


@torch.no_grad()
def oracle_probabilities(found: Bundle, model: TargetModel, image: Tensor) -> Tensor | None:
    """The oracle's probabilities of pictures [N, C, H, W], [N, K]; None without an oracle, or where
    it knows other classes than the model, or is the model."""
    if found.problem("oracle") or list(model.class_names) != found.manifest.class_names:
        return None
    network = found.part("oracle")
    if isinstance(model, Networked) and model.network is network:
        return None
    with guarded(found.device):
        seen = (network(some.to(found.device)).softmax(1).cpu() for some in image.split(BATCH))
        return torch.cat(list(seen))


def attributes_of(
    found: Bundle, name: str, model: TargetModel, factual: Tensor, image: Tensor
) -> tuple[Tensor, Tensor] | None:
    """Which properties pictures [N, C, H, W] have before and after, bool [N, A] each: the model's
    second class of two, then those of the bundle's other models of two classes, and whether
    regressors measure more than their middle value. None where there is just one."""
    if len(model.class_names) != 2:
        return None
    models: list[tuple[TargetModel | Regressor, float]] = [(model, 0.5)]
    goal = GOAL.fullmatch(name)
    own = goal["name"].strip() if goal else name
    for part, entry in found.manifest.parts.items():
        knows = len(entry.classes or []) == 2 or entry.property is not None
        if part == own or not knows or found.problem(part):
            continue
        middle = 0.5
        if entry.property is not None:
            middle = entry.property.suggested[len(entry.property.suggested) // 2]
        models.append((target_model(found, part), middle))
    if len(models) < 2:
        return None
    before, after = (
        torch.stack([_has(found, one, middle, x) for one, middle in models], dim=1)
        for x in (factual, image)
    )
    return before, after


@torch.no_grad()
def _has(found: Bundle, model: TargetModel | Regressor, middle: float, image: Tensor) -> Tensor:
    if isinstance(model, Regressor):
        with guarded(found.device):
            seen = [model.measured(some.to(found.device)).cpu() for some in image.split(BATCH)]
        return torch.cat(seen) > middle
    return _asked(found, model, image)[:, 1] > middle
