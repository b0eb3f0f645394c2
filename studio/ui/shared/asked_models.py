"""The models of one bundle: which there are, what each can be asked for, and what it says."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Any

from backends.bundles import ORACLE
from backends.core import Prediction
from backends.service.bundles import BundleInfo
from studio.translation import N_, _
from studio.ui.shared import markup
from studio.ui.shared.factual import Shown
from studio.ui.shared.model_list import ModelChoice, Offered, model_choices

__all__ = ["CLASSIFIER", "AskedModels", "goal_of"]

CLASSIFIER = "classifier"  # the part that a question asks unless it names another model
THRESHOLD = re.compile(r"\s*(more|less) than\s+\S+\s*")  # as goal_of writes it


def goal_of(at: float, value: float) -> str:
    """What a model of a number that says ``value`` can be asked for: to pass ``at``."""
    return f"{'more' if at > value else 'less'} than {at:g}"


@dataclass(frozen=True)
class AskedModels:
    """The models of a bundle, as it is described."""

    about: BundleInfo

    def entry(self, model: str | None) -> dict[str, Any] | None:
        """A model beside the classifier, the oracle among them; None for the classifier."""
        name = model or CLASSIFIER
        return self.others.get(name) or (self.about["judge"] if name == ORACLE else None)

    @property
    def others(self) -> dict[str, dict[str, Any]]:
        """Models beside the bundle's classifier: with classes, or with a number."""
        return {name: entry for name, entry in self.about["models"].items() if entry}

    def choices(self, offered: Offered) -> list[ModelChoice]:
        """The models that a visitor may ask, with their kinds."""
        return model_choices(self.about["models"], self.about["class_names"], offered)

    def goals(self, model: ModelChoice, opinion: Prediction) -> list[tuple[str, str]]:
        """(label, target) of what a model can be asked to say, the nearest first."""
        if model.kind != "property":
            others = list(opinion.probabilities)[1:]
            return [(name, name) for name in others if name in model.classes]
        entry, value = self.others[model.name], opinion.value or 0.0
        unit = _(entry["unit"])
        more, less = N_("more than {at:g} {unit}"), N_("less than {at:g} {unit}")
        return [
            (_(more if at > value else less, at=at, unit=unit), goal_of(at, value))
            for at in entry["suggested"]
        ]

    def says(self, model: str, opinion: Prediction) -> str:
        """What a model says, as a sentence goes on: a class, or a number with its unit."""
        if opinion.value is None:
            return opinion.label
        return f"{opinion.value:.1f} {_(self.others[model]['unit'])}"

    def unknown(self, model: str | None, target: str) -> str | None:
        """That a model has no such class, in a sentence; None where it has."""
        entry = self.entry(model)
        if entry is not None and "classes" not in entry:
            return None  # a number: any threshold can be asked for
        names = self.about["class_names"] if entry is None else entry["classes"]
        if target in names:
            return None
        near = difflib.get_close_matches(target, names, 1, 0.6)
        if near:
            text = N_("The model has no class “{target}”; did you mean “{near}”?")
            return _(text, target=target, near=near[0])
        return _("The model has no class “{target}”; choose one from the list.", target=target)

    def knows(self, model: str, target: str) -> bool:
        """Whether a model can be asked for a target: a class of its own, or of a number a
        threshold."""
        entry = self.entry(model)
        if entry is not None and "classes" not in entry:
            return THRESHOLD.fullmatch(target) is not None
        return self.unknown(model, target) is None

    def people_say(self, shown: Shown, offered: Offered) -> str:
        """What the models that learnt from people's labels say of a picture."""
        people = [model.name for model in self.choices(offered) if model.kind == "people"]
        opinions = {name: shown.opinions[name] for name in people if name in shown.opinions}
        return markup.opinions(
            {n: (o.label, o.probabilities[o.label]) for n, o in opinions.items()}
        )
