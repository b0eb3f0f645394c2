"""A person's model, given as whatever they have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from backends.bundles import Bundle
from backends.core import TargetModel
from backends.targets import added, reference
from backends.targets.reference import Options

__all__ = ["Model", "model", "name_of"]

_numbers = count(1)


@dataclass(frozen=True)
class Model:
    """A model that can be explained.

    :ivar name: by which the page and the records know it.
    :ivar made: what the person gave.
    :ivar options: what they said of it.
    """

    name: str
    made: Any
    options: Options = field(default_factory=lambda: Options())

    def made_for(self, bundle: Bundle) -> TargetModel:
        """The model as pictures of a bundle are shown to it.

        :raises BadInput: it is no classifier, or cannot look at such pictures.
        """
        from backends.targets.model import Classifier
        from backends.targets.outside.network import of_object

        if _is_target_model(self.made):
            target: TargetModel = self.made
            return target
        manifest = bundle.manifest
        network = of_object(
            self.made, self.options, name=self.name, size=manifest.image_size,
            channels=manifest.channels,
        ).to(bundle.device)  # fmt: skip
        return Classifier(network, network.labels)


def model(
    net: Any,
    classes: Sequence[str] = (),
    *,
    size: int | None = None,
    channels: int | None = None,
    mean: float | Sequence[float] = (),
    std: float | Sequence[float] = (),
    name: str = "",
) -> Model:
    """Make a model of a torch module, a scikit-learn classifier, a plain function, an object with
    the four members of :class:`backends.core.TargetModel`, or a name such as
    ``torchvision:resnet50`` (:mod:`backends.targets.reference`).

    :param net: a module gets [B, C, size, size], normalised, and gives logits [B, K]; a function
        gets float32 [B, H, W, C] in [0, 1] and gives labels [B] or probabilities [B, K].
    :param classes: names in the order of the logits; else ``0``, ``1`` ... or the model's own.
    :param size: pixels a side that it looks at; else as the prior's pictures are.
    :param channels: 1 grey, 3 colours; else those of its first convolution, or of the prior.
    :param mean: subtracted from values in [0, 1], one number or one a channel.
    :param std: that they are divided by.
    :raises BadInput: an option is wrong, or a name has no such form.
    """
    given = {
        "classes": tuple(classes), "size": size, "channels": channels,
        "mean": _numbers_of(mean), "std": _numbers_of(std),
    }  # fmt: skip
    options = reference.checked({key: value for key, value in given.items() if value})
    if isinstance(net, str):
        found = reference.parse(net)
        both = found.options.model_dump(exclude_defaults=True)
        both |= options.model_dump(exclude_defaults=True)
        found = reference.Reference(
            found.kind, found.name, found.weights, found.attribute, reference.checked(both)
        )
        return Model(str(found), str(found), options)
    made = Model(name or f"{type(net).__name__} {next(_numbers)}", net, options)
    added.add(made.name, made.made_for)
    return made


def name_of(given: Any) -> str:
    """The name under which the backends find a model; what is no :class:`Model` becomes one."""
    if isinstance(given, Model):
        return given.name
    return given if isinstance(given, str) else model(given).name


def _numbers_of(given: float | Sequence[float]) -> tuple[float, ...]:
    return (float(given),) if isinstance(given, int | float) else tuple(given)


def _is_target_model(made: Any) -> bool:
    return all(
        hasattr(made, member)
        for member in ("class_names", "differentiable", "logits", "probabilities")
    )
