"""Labels by models, for the page and the command line: plain records in and out, as in
:mod:`backends.service.explanations`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from backends import bundles
from backends.bundles import Bundle
from backends.compute.oom import guarded, in_batches
from backends.errors import BadInput, StudioError
from backends.fetching import checkpoints
from backends.sentences import Sentence
from backends.targets.prompts import defaults as default_prompts
from backends.targets.prompts import read as read_prompts
from backends.targets.prompts import show as show_prompts

if TYPE_CHECKING:
    from backends.targets.annotator import Annotator

__all__ = [
    "DEFAULT",
    "ModelSuggestion",
    "about",
    "annotate",
    "annotators",
    "default_prompts",
    "fetch",
    "read_prompts",
    "show_prompts",
]

DEFAULT = f"clip:{checkpoints.CLIP}"
FIRST, MOST = 8, 256  # pictures of a batch
STEP = 0.5  # seconds a batch, so that a stop soon takes effect


class ModelSuggestion(TypedDict):
    """A label by a model.

    ``value`` is the class, ``score`` its probability among the project's classes, of which
    ``probabilities`` holds those that the model knows. ``own_score`` is how likely the model found
    the class by itself, among all that it could say: small where none of the classes fits.
    ``agent`` and ``model_hash`` (12 digits of its weights' sha256) tell which model it was.
    """

    value: str
    score: float
    probabilities: dict[str, float]
    own_score: float
    agent: str
    model_hash: str


def annotators(name: str) -> list[dict[str, Any]]:
    """What can label pictures of a bundle, a record each as of :func:`about`: its classifier, its
    other models with classes, and CLIP."""
    found = bundles.get(name)
    parts = [
        part for part, entry in found.manifest.parts.items()
        if part == "classifier" or entry.classes
    ]  # fmt: skip
    own = sorted(parts, key="classifier".__ne__)
    return [about(name, annotator) for annotator in [*own, DEFAULT]]


def about(name: str, annotator: str) -> dict[str, Any]:
    """An annotator for a page to show: ``name``, ``title``, ``problem`` (None, or one sentence
    that says how to get it), whether it takes ``prompts``, and the ``labels`` that it knows (None
    of one that takes prompts, and of one that does not say before it is loaded). Reads no
    weights."""
    found = bundles.get(name)
    kind, _, source = annotator.partition(":")
    if kind in ("clip", "hf") and source:
        title: str = (
            Sentence("{name} (zero-shot)", name=source)
            if kind == "clip"
            else Sentence("{name} (classifier)", name=source)
        )
        labels, problem = _published(found, kind, source)
    else:
        entry = found.manifest.parts.get(annotator)
        own = annotator == "classifier"
        labels = found.manifest.class_names if own else (entry.classes if entry else None)
        title = Sentence("the bundle's classifier" if own else annotator)
        if found.model(annotator):
            title = Sentence("{name} (learnt from labels)", name=title)
        problem = found.problem(annotator)
        if not labels and problem is None:
            problem = Sentence(
                "{annotator!r} has no classes; choose classifier, or {default}",
                annotator=annotator, default=DEFAULT,
            )  # fmt: skip
    return {
        "name": annotator, "title": title, "problem": problem,
        "prompts": kind == "clip" and bool(source), "labels": labels,
    }  # fmt: skip


def fetch(annotator: str) -> Iterator[dict[str, Any]]:
    """Download the model of ``clip:REPOSITORY`` or ``hf:REPOSITORY`` into the model hub's cache;
    nothing else here does. Yields ``file``, ``done`` and ``total`` (bytes). It waits for a network
    and needs no device, so it belongs into a thread of its own.

    :raises StudioError: it cannot be fetched, in a sentence.
    """
    kind, _, source = annotator.partition(":")
    if kind not in ("clip", "hf"):
        raise BadInput(
            "{annotator!r} is not on the model hub; name it clip:OWNER/NAME", annotator=annotator
        )
    yield from checkpoints.download(source)


def annotate(
    name: str,
    annotator: str,
    classes: Sequence[str],
    prompts: Mapping[str, Sequence[str]],
    pictures: Iterable[np.ndarray],
) -> Iterator[list[ModelSuggestion]]:
    """Label pictures, a batch a step; batches grow or shrink to half a second each.

    :param annotator: ``classifier`` or another part of the bundle; ``clip:REPOSITORY_OR_FOLDER``
        (CLIP, SigLIP ...); ``hf:REPOSITORY_OR_FOLDER``, a plain classifier, whose labels must
        bear the names of the classes. A model that knows some of the classes chooses from these.
    :param classes: of the project.
    :param prompts: of a zero-shot model, as of :func:`read_prompts`; ignored by the others.
    :param pictures: uint8 [H, W, C], all of one shape, or [N, H, W, C]; taken as they are needed.
    :raises MissingPart: the model is not here; says how to get it.
    :raises BadInput: the model knows fewer than two of the classes, or a picture or prompt
        cannot be used.
    :raises OutOfMemory: the device has no room for even one picture.
    """
    from backends.targets.annotator import of_name

    found = bundles.get(name)
    model = of_name(found, annotator, classes, prompts)
    waiting, size = iter(pictures), FIRST
    while batch := list(islice(waiting, size)):
        start = time.perf_counter()
        label = partial(_labelled, model, _stacked(batch, model))
        for labelled in in_batches(len(batch), len(batch), model.device, label):
            size = _next_size(len(labelled), time.perf_counter() - start)
            yield labelled
            start = time.perf_counter()


def _next_size(count: int, seconds: float) -> int:
    """How many pictures take the time of a step, if so many took so long; at most twice as many,
    since the first batch also waits for what is made only once."""
    fitting = int(count * STEP / max(seconds, 1e-6))
    return max(1, min(fitting, 2 * count, MOST))


def _labelled(model: Annotator, batch: np.ndarray, part: slice) -> Iterator[list[ModelSuggestion]]:
    """Of that part of uint8 [B, H, W, C], all at once."""
    import torch

    pictures = batch[part]
    x = torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy()).to(model.device).float() / 255
    with torch.no_grad(), guarded(model.device, len(pictures)):
        p, own = (values.cpu() for values in model.opinion(x))
    names = list(model.columns)
    yield [
        ModelSuggestion(
            value=names[top], score=row[top], probabilities=dict(zip(names, row, strict=True)),
            own_score=alone[top], agent=model.agent, model_hash=model.model_hash,
        )
        for row, alone, top in zip(p.tolist(), own.tolist(), p.argmax(1).tolist(), strict=True)
    ]  # fmt: skip


def _stacked(batch: Sequence[np.ndarray], model: Annotator) -> np.ndarray:
    """Pictures as [B, H, W, C].

    :raises BadInput: they differ in shape, are not uint8, or are not what the model takes.
    """
    shapes = {np.shape(picture) for picture in batch}
    shape = next(iter(shapes))
    fits = len(shape) == 3 and shape[2] in (1, 3)
    if len(shapes) > 1 or not fits or any(picture.dtype != np.uint8 for picture in batch):
        raise BadInput("pictures to label must be uint8 [H, W, C] of one shape, C 1 or 3")
    if model.shape not in (None, shape):
        size = "x".join(map(str, model.shape or ()))
        raise BadInput(
            "{agent} takes pictures of {size}; prepare them for the bundle first",
            agent=model.agent,
            size=size,
        )
    return np.stack(batch)


def _published(found: Bundle, kind: str, source: str) -> tuple[list[str] | None, str | None]:
    """The labels of a published model, and why it cannot be used and what can stand in."""
    try:
        labels = checkpoints.find(source).labels
        return (labels if kind == "hf" else None), None
    except StudioError as error:
        instead = "" if found.problem("classifier") else "; until then classifier can stand in"
        return None, f"{error}{instead}"
