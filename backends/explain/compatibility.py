"""Which method can explain which model of a bundle, and why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from backends import registry
from backends.bundles import Bundle
from backends.core import Method
from backends.sentences import Sentence, joined

__all__ = ["Explained", "explained", "refusal"]


class Explained(TypedDict):
    """What a page shows of a model beside the bundle's classifier."""

    differentiable: bool
    labels: str | None
    methods: dict[str, str | None]


def explained(
    bundle: Bundle,
    model: str,
    problems: Mapping[str, str | None],
    classes: Sequence[str],
    *,
    differentiable: bool,
) -> Explained:
    """Describe a model beside the bundle's classifier: whether it is ``differentiable``, the
    ``labels`` that it was trained on (None without any), and for each of ``methods`` why it cannot
    explain the model, None where it can.

    :param problems: why each method cannot run at all; None where it can.
    :param classes: the model's.
    :param differentiable: whether it has gradients.
    """
    people = bundle.model(model)
    reasons = dict(problems)
    for name in [name for name, problem in problems.items() if problem is None]:
        method = registry.method(name)
        needed = (bundle.problem(bundle.named(kind, model)) for kind in method.needs)
        reason = refusal(bundle, method, model, classes, differentiable=differentiable)
        reasons[name] = reason or next(filter(None, needed), None)
    return {
        "differentiable": differentiable,
        "labels": people.labels if people and model in people.parts else None,
        "methods": reasons,
    }


def refusal(
    bundle: Bundle,
    method: type[Method],
    part: str,
    classes: Sequence[str],
    *,
    differentiable: bool = True,
) -> str | None:
    """Say why a method cannot explain a model and what to do, in one sentence; None where it can.
    A method whose parts learnt classes can explain only models with the same ones, and a method
    that follows gradients only models that have some.

    :param part: what the bundle calls the model; empty for one that is not the bundle's.
    :param classes: the model's.
    :param differentiable: whether it has gradients.
    """
    gradients = not differentiable and method.differentiable
    if not gradients and _knows(bundle, method, part, classes):
        return None
    able = _able(bundle, part, classes)
    fit = [m for m in able if differentiable or not m.differentiable]
    titles = [m.title for m in fit if m.kind != "baseline"] or [m.title for m in fit]
    if gradients:
        return Sentence(
            "{title} follows gradients, and labels have none; choose {value}, or retrain "
            "with a student",
            title=method.title,
            value=joined(" or ", titles) or Sentence("another method"),
        )
    return Sentence(
        "{title} was trained for the bundle's classes and cannot explain another "
        "model; choose from: {titles}",
        title=method.title,
        titles=", ".join(titles),
    )


def _knows(bundle: Bundle, method: type[Method], part: str, classes: Sequence[str]) -> bool:
    """Whether a method's parts learnt these classes, or no classes at all."""
    parts = bundle.manifest.parts
    names = [bundle.named(kind, part) for kind in method.needs]
    learnt = {parts[n].model for n in names if n in parts}
    same = list(classes) == bundle.manifest.class_names
    return same or part in learnt or not method.knows_classes


def _able(bundle: Bundle, part: str, classes: Sequence[str]) -> list[type[Method]]:
    """Methods whose parts are here and know the model's classes."""
    found = [registry.method(name) for name in registry.METHODS]
    return [
        method for method in found
        if _knows(bundle, method, part, classes)
        and all(bundle.problem(bundle.named(kind, part)) is None for kind in method.needs)
    ]  # fmt: skip
