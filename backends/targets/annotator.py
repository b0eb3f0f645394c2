"""What labels pictures by itself: a part of the bundle, a zero-shot model, a plain classifier.

Whatever it is, it gives logits over labels of its own; of these, those that mean a class of the
project are all that it can choose from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from backends.bundles import Bundle
from backends.compute.oom import guarded
from backends.errors import BadInput, MissingPart
from backends.fetching import checkpoints
from backends.fetching.checkpoints import Checkpoint
from backends.targets import prompts as words
from backends.targets.pretrained import PlainClassifier, load_classifier
from backends.targets.zero_shot import Encoders, ZeroShotNetwork, load_encoders

__all__ = ["Annotator", "matching", "of_name", "zero_shot"]


@dataclass(frozen=True)
class Annotator:
    """A model that labels.

    :ivar agent: its name, such as ``clip:openai/clip-vit-base-patch32``.
    :ivar model_hash: the first 12 digits of its weights' sha256.
    :ivar network: [B, C, H, W] in [0, 1] -> logits [B, L] over its own labels.
    :ivar columns: by class of the project that it knows, the labels that mean it.
    :ivar alone: whether it scores each label by itself, not against the others.
    :ivar device: where it computes.
    :ivar shape: height, width and channels of the pictures that it takes; None takes any.
    """

    agent: str
    model_hash: str
    network: Callable[[Tensor], Tensor]
    columns: dict[str, list[int]]
    alone: bool
    device: str
    shape: tuple[int, int, int] | None = None

    def opinion(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures [B, C, H, W] in [0, 1] -> probabilities [B, K] of the classes that it knows,
        one of which is true; and [B, K] how likely it found each by itself, among all its labels.
        """
        logits = self.network(x)
        own = [logits[:, labels] for labels in self.columns.values()]
        odds = torch.stack([one.logsumexp(1) for one in own], dim=1)
        if self.alone:
            scores = torch.stack([one.amax(1) for one in own], dim=1).sigmoid()
        else:
            scores = (odds - logits.logsumexp(1, keepdim=True)).exp()
        return odds.softmax(1), scores


def of_name(
    bundle: Bundle, name: str, classes: Sequence[str], prompts: Mapping[str, Sequence[str]]
) -> Annotator:
    """The annotator of that name, for the classes of a project.

    :param name: ``classifier`` or another part of the bundle, ``clip:REPOSITORY_OR_FOLDER``, or
        ``hf:REPOSITORY_OR_FOLDER``.
    :param prompts: of each class, for a zero-shot model.
    :raises MissingPart: its weights are not here; says how to get them.
    :raises BadInput: it knows fewer than two of the classes, or a prompt cannot be used.
    """
    if len(set(classes)) < 2:
        raise BadInput("a project needs two classes or more before a model can label")
    kind, _, source = name.partition(":")
    if kind not in ("clip", "hf") or not source:
        return _part(bundle, name, classes)
    with guarded(bundle.device):
        if kind == "clip":
            return zero_shot(source, classes, prompts, bundle.device)
        checkpoint = checkpoints.find(source)
        network = _classifier(checkpoint, checkpoint.sha256, bundle.device)
    return Annotator(
        f"hf:{checkpoint.name}", checkpoint.sha256[:12], network,
        matching(classes, network.labels, checkpoint.name), network.alone, bundle.device,
    )  # fmt: skip


def zero_shot(
    source: str, classes: Sequence[str], prompts: Mapping[str, Sequence[str]], device: str
) -> Annotator:
    """Classes by their prompts, through CLIP or another zero-shot model."""
    given = words.filled(prompts, classes)
    checkpoint = checkpoints.find(source)
    encoders = _encoders(checkpoint, checkpoint.sha256, device)
    return Annotator(
        f"clip:{checkpoint.name}", checkpoint.sha256[:12],
        ZeroShotNetwork(encoders, encoders.classes(given)),
        {name: [i] for i, name in enumerate(classes)}, encoders.alone, device,
    )  # fmt: skip


def matching(classes: Sequence[str], labels: Sequence[str], whose: str) -> dict[str, list[int]]:
    """By class, the labels that mean it: those of its very name; else, whatever the case and with
    a blank for an underscore; else one of a label's names, which ImageNet separates by commas.

    :raises BadInput: fewer than two of the classes have one, so that there is nothing to choose.
    """
    rules: tuple[Callable[[str, str], bool], ...] = (
        lambda name, label: name == label,
        lambda name, label: _plain(name) == _plain(label),
        lambda name, label: _plain(name) in map(_plain, label.split(",")),
    )
    found: dict[str, list[int]] = {}
    for name in classes:
        meant = ([i for i, label in enumerate(labels) if rule(name, label)] for rule in rules)
        if columns := next(filter(None, meant), None):
            found[name] = columns
    if len(found) > 1:
        return found
    known = f"only {next(iter(found))!r}" if found else "none"
    more = ", …" if len(labels) > 20 else ""
    raise BadInput(
        "{whose} knows {known} of the classes {classes}; its labels are: {labels}{more}",
        whose=whose,
        known=known,
        classes=", ".join(classes[:20]),
        labels=", ".join(labels[:20]),
        more=more,
    )


def _plain(name: str) -> str:
    return re.sub(r"[\s_]+", " ", name).strip().casefold()


def _part(bundle: Bundle, name: str, classes: Sequence[str]) -> Annotator:
    entry = bundle.manifest.parts.get(name)
    labels = bundle.manifest.class_names if name == "classifier" else entry and entry.classes
    if not labels:
        raise BadInput(
            "{name!r} cannot label; choose classifier, another part of bundle {name_2!r} "
            "with classes, clip:REPOSITORY_OR_FOLDER, or hf:REPOSITORY_OR_FOLDER",
            name=name,
            name_2=bundle.name,
        )
    problem = bundle.problem(name)
    if problem:
        raise MissingPart(problem)
    columns = matching(classes, labels, f"{name} of bundle {bundle.name!r}")
    size = bundle.manifest.image_size
    return Annotator(
        name, bundle.fingerprint(name)[:12], bundle.part(name), columns, False, bundle.device,
        (size, size, bundle.manifest.channels),
    )  # fmt: skip


# The digest is part of the key: weights that were replaced on disk are read again.
@lru_cache(maxsize=2)
def _encoders(checkpoint: Checkpoint, sha256: str, device: str) -> Encoders:
    return load_encoders(checkpoint, device)


@lru_cache(maxsize=2)
def _classifier(checkpoint: Checkpoint, sha256: str, device: str) -> PlainClassifier:
    return load_classifier(checkpoint, device)
