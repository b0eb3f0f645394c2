"""One question to a method, with every name resolved: from a request by :mod:`backends.service`,
from tensors by :meth:`Question.of`. The runner and the judge work on it."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from torch import Tensor

from backends import registry
from backends.bundles import Bundle
from backends.core import Method, OptionalParts, Preset, Presets, Region, TargetModel
from backends.errors import BadInput
from backends.explain.compatibility import refusal
from backends.targets.named import part_of, target_model
from backends.targets.threshold import Regressor, Threshold, parse

__all__ = ["Question", "changed", "checked_seed", "config_of", "posed", "presets_of", "settings_of",
           "typed"]  # fmt: skip

C = TypeVar("C", bound=BaseModel)
GREATEST_SEED = 2**63 - 1


@dataclass(frozen=True, eq=False)
class Question:
    """A batch of pictures, and the classes that a model should give them.

    :ivar model: what is explained.
    :ivar target: classes asked for, int64 [B].
    :ivar factual: [B, C, H, W] in [0, 1], values that 8 bits can hold.
    :ivar region: mask [B, 1, H, W].
    :ivar config: the method's settings.
    :ivar latent: w [B, D] of the factuals, where the prior is a generator and they are known;
        otherwise they are searched first.
    :ivar labeller: gives the method the labels of pictures in place of the model: a person. The
        model still judges what is shown.
    :ivar part: the model's name, by which the bundle knows the parts that learnt its classes;
        empty for one without any.
    :ivar watched: whether the steps before the last are shown; otherwise the model is not called
        on them.
    """

    bundle: Bundle
    method: type[Method]
    model: TargetModel
    target: Tensor
    factual: Tensor
    region: Region
    config: BaseModel
    seed: int = 0
    latent: Tensor | None = None
    labeller: TargetModel | None = None
    part: str = "classifier"
    watched: bool = True

    @classmethod
    def of(
        cls,
        bundle: Bundle,
        method: str,
        factual: Tensor,
        target: Tensor,
        region: Region,
        settings: Mapping[str, Any] | None = None,
        seed: int = 0,
        model: TargetModel | None = None,
        latent: Tensor | None = None,
        labeller: TargetModel | None = None,
        *,
        part: str | None = None,
        watched: bool = True,
    ) -> Question:
        """Make a question from tensors on any device; the arguments are as above.

        :param method: its name.
        :param settings: of the method; else what suits the bundle, else the method's own.
        :param model: the bundle's ``part`` unless given.
        :param part: that which has the model's classes unless given.
        :raises NotFound: there is no such method.
        :raises BadInput: a setting or the seed is wrong, or the bundle has no such model.
        :raises MissingPart: the model is not here.
        """
        if model is None:
            model = target_model(bundle, part or "classifier")
            part = part_of(bundle, part or "classifier")
        elif part is None:
            part = bundle.model_of(model.class_names)
        config = config_of(bundle, method, settings or {})
        return cls(
            bundle, registry.method(method), model, target, factual, region, config,
            checked_seed(seed), latent, labeller, part, watched,
        )  # fmt: skip

    @property
    def labels(self) -> TargetModel:
        """What gives the method the labels of pictures."""
        return self.labeller or self.model

    @property
    def refusal(self) -> str | None:
        """Why the method cannot explain the model; None where it can."""
        names, gradients = self.model.class_names, self.labels.differentiable
        return refusal(self.bundle, self.method, self.part, names, differentiable=gradients)

    @property
    def parts(self) -> dict[str, Any]:
        """By kind the networks that the method needs, and its optional ones that are here.

        :raises MissingPart: one that it needs is not.
        """
        bundle, method = self.bundle, self.method
        names = {kind: bundle.named(kind, self.part) for kind in method.needs}
        optional: tuple[str, ...] = method.optional if isinstance(method, OptionalParts) else ()
        for kind in optional:
            if bundle.problem(bundle.named(kind, self.part)) is None:
                names[kind] = bundle.named(kind, self.part)
        return {kind: bundle.part(name) for kind, name in names.items()}

    def on(self, device: str) -> Question:
        """Return the same question with its tensors on a device."""
        return replace(
            self,
            target=self.target.to(device),
            factual=self.factual.to(device),
            region=replace(self.region, mask=self.region.mask.to(device)),
            latent=None if self.latent is None else self.latent.to(device),
        )


def posed(bundle: Bundle, name: str, target: str) -> tuple[TargetModel, int]:
    """Find a model, and the index of the class that a person asks for.

    :param name: of the model, as :func:`backends.targets.named.target_model` takes it.
    :param target: a class's name; of a regressor ``more than 3.5`` or ``less than 3.5``.
    :raises BadInput: there is no such model, or the model has no such target.
    """
    model = target_model(bundle, name)
    if isinstance(model, Regressor):
        more, value = parse(target)
        return Threshold(model, value), more
    names = model.class_names
    if target not in names:
        whose = "" if name == "classifier" else f"of model {name!r} "
        raise BadInput(
            "there is no class {target!r} {whose}in bundle {name!r}; choose from: {names}",
            target=target,
            whose=whose,
            name=bundle.name,
            names=", ".join(names[:20]),
        )
    return model, names.index(target)


def checked_seed(seed: Any) -> int:
    """A seed that every random number generator takes.

    :raises BadInput: it is no whole number from 0 to 2**63 - 1.
    """
    try:
        number = -1 if isinstance(seed, bool) else operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number <= GREATEST_SEED:
        raise BadInput(
            "a seed is a whole number from 0 to {greatest_seed}; give another",
            greatest_seed=GREATEST_SEED,
        )
    return number


def settings_of(config: type[C], values: Mapping[str, Any], owner: str) -> C:
    """Check settings from JSON or the command line.

    :param owner: whose settings they are, for the message.
    :raises BadInput: an unknown setting or a value out of bounds.
    """
    for key, value in values.items():
        field = config.model_fields.get(key)
        # Or true would be the number 1.
        if isinstance(value, bool) and field is not None and field.annotation in (int, float):
            raise BadInput(
                "setting {key!r} of {owner} is a number, not {value}; give one",
                key=key,
                owner=owner,
                value=value,
            )
    try:
        return config.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = ", ".join(config.model_fields)
            raise BadInput(
                "{owner} has no setting {name!r}; it has: {known}",
                owner=owner,
                name=name,
                known=known,
            ) from error
        raise BadInput(
            "setting {name!r} of {owner}: {msg}", name=name, owner=owner, msg=first["msg"]
        ) from error


def presets_of(method: type[Method]) -> Mapping[str, Preset]:
    """The named settings of a method that has some."""
    return method.presets if isinstance(method, Presets) else {}


def config_of(bundle: Bundle, method: str, settings: Mapping[str, Any]) -> BaseModel:
    """Check a method's settings; what is not given is the bundle's default, else the method's.

    :param settings: values by name; with ``preset``, what is not given is as that preset says.
    :raises BadInput: an unknown setting or preset, or a value out of bounds.
    """
    found, given = registry.method(method), dict(settings)
    base = bundle.manifest.settings.get(method, {})
    if (name := given.pop("preset", None)) is not None:
        known = presets_of(found)
        if name not in known:
            names = ", ".join(known) or "none"
            raise BadInput(
                "{method} has no preset {name!r}; it has: {names}",
                method=method,
                name=name,
                names=names,
            )
        base = dict(known[name].settings)
    return settings_of(found.Config, base | given, method)


def typed(bundle: Bundle, method: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Some of a method's settings, from JSON or the command line, as its configuration understands
    them: ``{"steps": "50"}`` becomes ``{"steps": 50}``.

    :raises BadInput: as :func:`config_of`.
    """
    known = config_of(bundle, method, settings).model_dump(mode="json")
    return {key: known.get(key, value) for key, value in settings.items()}


def changed(bundle: Bundle, method: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a method that differ from the bundle's own."""
    own = config_of(bundle, method, {}).model_dump(mode="json")
    return {key: value for key, value in settings.items() if own.get(key) != value}
