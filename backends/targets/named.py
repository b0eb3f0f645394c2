"""From the name of a model to the model: a part of the bundle, one fitted to it, one added by this
program, or one that no bundle brings (:mod:`backends.targets.reference`)."""

from __future__ import annotations

import re

from backends.bundles import ORACLE, Bundle
from backends.core import TargetModel
from backends.errors import BadInput
from backends.targets import added, outside, reference
from backends.targets.model import Classifier
from backends.targets.threshold import Regressor, Threshold

__all__ = ["GOAL", "canonical", "part_of", "require_known", "target_model"]

GOAL = re.compile(r"(?P<name>.+?)\s*>\s*(?P<value>[-+]?[\d.]+(?:e[-+]?\d+)?)")  # thickness > 3


def target_model(bundle: Bundle, name: str = "classifier") -> TargetModel:
    """Make a target model of a name; a regressor can be explained only with a goal
    (:func:`backends.explain.question.posed`).

    :raises BadInput: there is no such model.
    :raises StudioError: it is not here, or cannot be read.
    """
    manifest = bundle.manifest
    entry = manifest.parts.get(name)
    if name == "classifier":
        return Classifier(bundle.part(name), manifest.class_names)
    if name == ORACLE and entry:
        return Classifier(bundle.part(name), entry.classes or manifest.class_names)
    if entry and entry.classes:
        return Classifier(bundle.part(name), entry.classes)
    if entry and entry.property:
        low, *_, high = entry.property.suggested
        return Regressor(bundle.part(name), high - low, entry.property.unit)
    if goal := GOAL.fullmatch(name):
        regressor = target_model(bundle, goal["name"])
        if isinstance(regressor, Regressor):
            return Threshold(regressor, float(goal["value"]))
    if made_for := added.find(name):
        return made_for(bundle)
    fitted = bundle.model(name)
    if fitted and fitted.source:
        return target_model(bundle, fitted.source)
    if reference.is_reference(name):
        network = outside.load(
            reference.parse(name), size=manifest.image_size, channels=manifest.channels,
            classes=manifest.class_names, device=bundle.device,
        )  # fmt: skip
        return Classifier(network, network.labels)
    raise BadInput(
        "bundle {name!r} has no model {name_2!r}; choose from: {bundle}, or write {forms}",
        name=bundle.name,
        name_2=name,
        bundle=", ".join(_known(bundle)),
        forms=reference.FORMS,
    )


def require_known(bundle: Bundle, name: str) -> None:
    """Check that a model needs no file or code that its asker names.

    :raises BadInput: it is neither the bundle's nor added by who runs this program.
    """
    known, goal = _known(bundle), GOAL.fullmatch(name)
    # What is known is listed, not what is refused: "net.pt2 > 3" names a file too.
    if name not in known and (goal is None or goal["name"] not in known):
        raise BadInput(
            "there is no model {name!r} here, and only who runs the studio can add one; "
            "choose from: {known}",
            name=name[:60],
            known=", ".join(known),
        )


def _known(bundle: Bundle) -> list[str]:
    parts = bundle.manifest.parts.items()
    own = (name for name, part in parts if part.property or part.classes)
    judge = [ORACLE] if ORACLE in bundle.manifest.parts else []
    return list(dict.fromkeys(["classifier", *own, *added.names(), *bundle.outside, *judge]))


def part_of(bundle: Bundle, name: str) -> str:
    """What the bundle calls a model: of a reference that was fitted, the name it was given."""
    return bundle.fitted(canonical(name)) or name


def canonical(name: str) -> str:
    """One spelling for all that mean the same model."""
    if reference.is_reference(name):
        return str(reference.parse(name))
    if goal := GOAL.fullmatch(name):
        return f"{goal['name'].strip()} > {float(goal['value']):g}"
    return name
