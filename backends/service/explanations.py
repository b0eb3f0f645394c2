"""Carry out a request: frames of the search, then the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backends import bundles, imaging
from backends.bundles import latent_cache
from backends.compute.finite import finite
from backends.compute.oom import guarded
from backends.core import Answer, Frame, Region, Request, Status
from backends.errors import BadInput
from backends.regions.spec import RegionSpec
from backends.service import regions as region_service
from backends.service.pictures import known_latent, predict
from backends.service.request_types import require_types

if TYPE_CHECKING:
    from backends.explain.question import Question

__all__ = ["changed_settings", "explain", "posed_question", "resolve", "stopped", "typed_settings"]


def resolve(request: Request) -> Question:
    """Turn a request into tensors, and its names into what they name.

    :raises StudioError: it names something unknown, or its region cannot be drawn.
    """
    import torch

    from backends.explain.question import Question, posed
    from backends.targets.named import part_of

    require_types(request)
    found = bundles.get(request.bundle)
    model, target = posed(found, request.model, request.target)
    return Question.of(
        found, request.method, imaging.to_tensor(request.picture), torch.tensor([target]),
        _region(request), request.settings, request.seed, model,
        known_latent(found, request.picture), part=part_of(found, request.model),
    )  # fmt: skip


def typed_settings(name: str, method: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Some of a method's settings, as a person wrote them, with their types.

    :param name: of the bundle.
    :raises BadInput: the method has no such setting, or a value is out of bounds.
    """
    from backends.explain.question import typed

    return typed(bundles.get(name), method, settings)


def changed_settings(name: str, method: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a method that differ from the bundle's own.

    :param name: of the bundle.
    """
    from backends.explain.question import changed

    return changed(bundles.get(name), method, settings)


def _region(request: Request) -> Region:
    spec = RegionSpec.parse(request.region, given=request.mask is not None)
    mask = imaging.require_area(
        region_service.mask_of(
            request.bundle, request.picture, spec, request.model, request.mask, request.placement
        )
    )
    return Region((imaging.to_tensor(mask) > 0).float(), request.region)


def posed_question(request: Request) -> Question:
    """:func:`resolve`, of a request that asks for something else than the model says already.

    :raises BadInput: it does not.
    """
    import torch

    question = resolve(request)
    device = question.bundle.device
    with torch.no_grad(), guarded(device):
        p = finite(question.model.probabilities(question.factual.to(device)), "the model")
        label = p.argmax(1)
    if int(label) == int(question.target):
        predicted = predict(request.bundle, request.picture, request.model).label
        raise BadInput(
            "the model already says {predicted!r}; choose another target than its prediction",
            predicted=predicted,
        )
    return question


def explain(request: Request) -> Iterator[Frame | Answer]:
    """Yield frames of the search, then the answer.

    :raises StudioError: the request cannot be carried out; raised before the first frame.
    """
    from backends.explain.runner import run
    from backends.service.serialization import answer_of, frame_of

    question = posed_question(request)
    found = question.bundle
    prior = found.generator
    for step in run(question):
        yield frame_of(step)
        inverted = step.phase == "inversion" and step.index == step.total - 1
        if prior and inverted and step.latent is not None:
            w = step.latent[0].cpu().numpy()
            latent_cache.remember(found.fingerprint(prior), request.picture, w)
        if step.counterfactual:
            yield answer_of(request, question, step.counterfactual, step.index, step.total)


def stopped(request: Request, frame: Frame) -> Answer:
    """Measure a run that was stopped at its last frame, and mark it as cancelled."""
    from torch.nn import functional as F

    from backends.explain.judge import judge
    from backends.service.serialization import answer_of

    question = resolve(request)
    factual, image = question.factual, imaging.to_tensor(frame.picture)
    times = factual.shape[-1] // image.shape[-1]
    if times > 1:
        # The change alone is enlarged, or all of the region would be blurred and count as changed.
        change = image - imaging.eight_bit(F.avg_pool2d(factual, times))
        change = F.interpolate(change, factual.shape[-2:], mode="bilinear")
        image = imaging.eight_bit(factual + change)
    image = imaging.composite(factual, image, question.region.mask)
    result = judge(question, image, Status.CANCELLED)
    settings = {"config": question.config.model_dump(mode="json")}
    result = replace(result, seconds=frame.seconds, settings=settings)
    return answer_of(request, question, result, frame.index, frame.total)
