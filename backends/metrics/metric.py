"""What a metric is, and the table that each joins where it is defined.

Nothing here or in a module of metrics loads torch before a number is asked for, so that a page may
show the table.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

__all__ = ["METRICS", "NEEDS", "Metric", "Supply", "measured", "metric", "reported",
           "without_gradients"]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])
Direction = Literal["higher", "lower", "neither"]
Scope = Literal["picture", "row", "run"]
Compared = Literal["always", "known", "never"]

PART = "part_"  # and the name of a bundle's part
NEEDS: Mapping[str, str] = {
    # of a batch of answers, and of all answers of an evaluation's row
    "factual": "pictures [B, C, H, W] in [0, 1]",
    "counterfactual": "pictures [B, C, H, W] in [0, 1]",
    "region": "mask [B, 1, H, W] in {0, 1}",
    "target": "classes asked for, int64 [B]",
    # of a batch of answers
    "source": "classes of the factuals by the target model, int64 [B]",
    "after": "the target model's probabilities of the counterfactuals [B, K]",
    "target_model": "the model that is explained",
    "regressor": "the model that is explained, where it measures a number",
    "oracle": "the oracle's probabilities of the counterfactuals [B, K]",
    "density": "the density of latents under their class",
    "latent": "latents of the counterfactuals [B, D], for the density",
    "class_autoencoders": "an autoencoder of each class and one of all",
    "reconstruction": "what the prior makes of the factuals inside the region, [B, C, H, W]",
    # of all answers of a row
    "flipped": "whether the target model says the target, bool [N]",
    "oracle_agrees": "whether the oracle says the target, bool [N]",
    "oracle_features": "the oracle's last features of the factuals [N, D] and, seed after seed, of "
    "the counterfactuals [S * N, D]",
    "inception_features": "the same of Inception's, D = 2048",
    "inception_maps": "the same of Inception's first maps in its seventh block, D = 2023",
    "simsiam_features": "the same of SimSiam's projector, [S * N, D] both",
    "face_descriptors": "the same of a network that tells persons, [S * N, D] both",
    "oracle_after": "the oracle's probabilities of all counterfactuals [N, K]",
    "svm_agrees": "whether a linear SVM of raw pixels says the target, bool [N]",
    "neighbours_agree": "whether most of the 10 nearest real pictures are the target's, bool [N]",
    "strokes": "morphometry of the first digits before and after, float64 [M, 6] each",
    "rebuilt_strokes": "the same of the reconstructions and after",
    "by_seed": "counterfactuals seed by seed, [S, N, C, H, W], S > 1",
    "attributes": "what networks say of pictures before and after, bool [N, A] each; first the "
    "model that is explained",
    "calls": "calls of networks by direction, forward and backward, a picture",
    "seconds_taken": "seconds of all answers, a picture",
}


@dataclass(frozen=True)
class Metric:
    """What a number means.

    :ivar direction: which way a counterfactual is better; ``neither`` for a
        plain description, and where the best value is no extreme.
    :ivar unit: of one picture's value; a mean has the same.
    :ivar library: what computes it.
    :ivar form: how one value is written.
    :ivar meaning: what one answer's value says, for a reader who does not know the metric.
    :ivar good: which values speak for an answer, and why; a sentence, as is ``bad`` of those that
        speak against it. Every metric of the page's table has both.
    :ivar scope: measured on every ``picture``, on a whole ``row`` of an evaluation, or reported
        by the ``run`` itself.
    :ivar needs: what it is measured from, of :data:`NEEDS`; it is left out where one is missing.
    :ivar short: its heading where there is no room for the title.
    :ivar page: place in the page's table of an answer, smaller first, then as registered; None
        leaves it out.
    :ivar median: whether an evaluation's row also has the median, for values with long tails.
    :ivar compared: whether Compare has a column for it: always, where some answer has it, or never.
    """

    name: str
    title: str
    direction: Direction
    unit: str
    library: str = "torch"
    form: str = "{:.4g}"
    meaning: str = ""
    good: str = ""
    bad: str = ""
    scope: Scope = "picture"
    needs: tuple[str, ...] = ()
    short: str = ""
    page: int | None = None
    median: bool = False
    compared: Compared = "never"


METRICS: dict[str, Metric] = {}
_FUNCTIONS: dict[str, Callable[..., Any]] = {}


def metric(
    name: str, title: str, direction: Direction, unit: str, **words: Any
) -> Callable[[F], F]:
    """Enter a function into the table. Its parameters without a default are what it needs.

    A function of a picture returns values [B], or None where it cannot measure; one of a row
    returns values [N] (their mean and its standard error are shown), a number, or None.

    :param words: the other fields of :class:`Metric`.
    :raises ValueError: there is such a metric already, or it needs what :data:`NEEDS` lacks.
    """

    def register(function: F) -> F:
        parameters = inspect.signature(function).parameters.values()
        needs = tuple(p.name for p in parameters if p.default is p.empty)
        unknown = [need for need in needs if need not in NEEDS and not need.startswith(PART)]
        if unknown:
            raise ValueError(f"metric {name!r} needs {unknown[0]!r}, which nothing provides")
        _enter(Metric(name, title, direction, unit, needs=needs, **words))
        _FUNCTIONS[name] = function
        return function

    return register


def reported(name: str, title: str, direction: Direction, unit: str, **words: Any) -> None:
    """Enter what a method or the runner measures by itself; fields as in :class:`Metric`."""
    _enter(Metric(name, title, direction, unit, scope="run", **words))


def _enter(entry: Metric) -> None:
    if entry.name in METRICS:
        raise ValueError(f"there is a metric {entry.name!r} already")
    METRICS[entry.name] = entry


class Supply:
    """What metrics are measured from, made when the first metric needs it.

    :param part: name of a bundle's part -> the part, or None where it is not here.
    :param makers: by name of :data:`NEEDS`, what makes it; None where there is none.
    """

    def __init__(
        self, part: Callable[[str], Any] = lambda name: None, **makers: Callable[[], Any]
    ) -> None:
        self._part, self._makers = part, makers
        self._made: dict[str, Any] = {}

    def __call__(self, need: str) -> Any:
        """Return what metrics need under that name; None where it is missing."""
        if need not in self._made:
            if need in self._makers:
                self._made[need] = self._makers[need]()
            elif need.startswith(PART):
                self._made[need] = self._part(need.removeprefix(PART))
            else:
                self._made[need] = None
        return self._made[need]


def measured(scope: Scope, supply: Supply) -> dict[str, Any]:
    """Measure all metrics of that scope for which nothing is missing, in the registered order."""
    values = {}
    for name, entry in METRICS.items():
        if entry.scope != scope or name not in _FUNCTIONS:
            continue
        things = [supply(need) for need in entry.needs]
        if any(thing is None for thing in things):
            continue
        value = _FUNCTIONS[name](*things)
        if value is not None:
            values[name] = value
    return values


def without_gradients(function: F) -> F:
    """As ``torch.no_grad``, for a module that loads no torch by itself."""

    @functools.wraps(function)
    def inner(*arguments: Any, **words: Any) -> Any:
        import torch

        with torch.no_grad():
            return function(*arguments, **words)

    return inner  # type: ignore[return-value]
