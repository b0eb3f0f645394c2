"""Which models a page offers, and of what kind each is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from studio.labels.tasks.retrain import TrainedModel
from studio.translation import N_, _

__all__ = ["KINDS", "ModelChoice", "Offered", "model_choices"]

Kind = Literal["classifier", "property", "people", "own", "judge"]
KINDS: dict[Kind, str] = {
    "classifier": N_("the bundle’s classifier"),
    "property": N_("a measured property"),
    "people": N_("learnt from people’s labels"),
    "own": N_("added by you"),
    "judge": N_("the independent judge"),
}


@dataclass(frozen=True)
class Offered:
    """Models of people's labels, as one visitor may see them.

    :ivar trained: those in the label store, by name.
    :ivar hidden: names of those that only others may see.
    """

    trained: Mapping[str, TrainedModel] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ModelChoice:
    """A model that can be explained.

    :ivar kind: one of :data:`KINDS`.
    :ivar classes: what it can be asked for; empty for a property, which has values.
    :ivar warning: why not to trust it, a sentence; empty where nothing speaks against it.
    """

    name: str
    title: str
    kind: Kind
    classes: tuple[str, ...]
    warning: str = ""


def model_choices(
    models: Mapping[str, Any], class_names: list[str], offered: Offered
) -> list[ModelChoice]:
    """The models of a bundle that a visitor may ask, its classifier first, people's last but one.

    :param models: as ``about(bundle)["models"]`` (:class:`backends.service.bundles.BundleInfo`).
    """
    found = [
        _choice(name, entry, class_names, offered)
        for name, entry in models.items()
        if name not in offered.hidden
    ]
    order = list(KINDS)
    return sorted(found, key=lambda choice: order.index(choice.kind))


def _choice(
    name: str, entry: Mapping[str, Any] | None, class_names: list[str], offered: Offered
) -> ModelChoice:
    if entry is None:
        return ModelChoice(name, _("Classifier"), "classifier", tuple(class_names))
    if "classes" not in entry:
        return ModelChoice(name, str(entry["title"]), "property", ())
    if not entry["labels"]:
        return ModelChoice(name, name, "own", tuple(entry["classes"]))
    trained = offered.trained.get(name)
    lacking = trained.lacking if trained else []
    classes = tuple(goal for goal in entry["classes"] if goal not in lacking)
    warning = _("It never saw a label {lacking}.", lacking=" or ".join(lacking)) if lacking else ""
    return ModelChoice(name, name, "people", classes, warning)
