"""Carry out a request: frames of the search, then the answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from backends import bundles, imaging
from backends.bundles import Bundle, latent_cache
from backends.compute.oom import guarded
from backends.core import Answer, Frame, Region, Request, Status
from backends.errors import BadInput
from backends.regions.spec import RegionSpec
from backends.service import regions as region_service
from backends.service.pictures import known_latent, predict

__all__ = ["explain", "opened", "stopped"]


def explain(request: Request) -> Iterator[Frame | Answer]:
    """Frames of the search, then the answer.

    :raises StudioError: the request cannot be carried out; said before the first frame.
    """
    import torch

    from backends.explain.runner import run
    from backends.service.serialization import answer_of, frame_of

    found, model, factual, target, region = opened(request)
    with torch.no_grad(), guarded(found.device):
        already = int(model.probabilities(factual.to(found.device)).argmax(1)) == target
    if already:
        label = predict(request.bundle, request.picture, request.model).label
        raise BadInput(
            f"the model already says {label!r}; choose another target than its prediction"
        )
    prior = found.generator
    for step in run(
        found, request.method, factual, torch.tensor([target]), region,
        request.settings, request.seed, model, known_latent(found, request.picture),
    ):  # fmt: skip
        yield frame_of(step)
        inverted = step.phase == "inversion" and step.index == step.total - 1
        if prior and inverted and step.latent is not None:
            w = step.latent[0].cpu().numpy()
            latent_cache.remember(found.fingerprint(prior), request.picture, w)
        if step.counterfactual:
            yield answer_of(
                request, found, model, target, step.counterfactual, step.index, step.total
            )


def stopped(request: Request, frame: Frame) -> Answer:
    """A run that was stopped, judged at its last frame and marked as cancelled."""
    import torch
    from torch.nn import functional as F

    from backends.explain.judge import judge
    from backends.explain.runner import config_of
    from backends.service.serialization import answer_of

    found, model, factual, target, region = opened(request)
    image = imaging.to_tensor(frame.picture)
    times = factual.shape[-1] // image.shape[-1]
    if times > 1:
        # The change alone is enlarged, or all of the region would be blurred and count as changed.
        change = image - imaging.eight_bit(F.avg_pool2d(factual, times))
        change = F.interpolate(change, factual.shape[-2:], mode="bilinear")
        image = imaging.eight_bit(factual + change)
    image, wanted = imaging.composite(factual, image, region.mask), torch.tensor([target])
    result = judge(found, model, factual, image, wanted, region, Status.CANCELLED)
    config = config_of(found, request.method, request.settings)
    settings = {"config": config.model_dump(mode="json")}
    result = replace(result, seconds=frame.seconds, settings=settings)
    return answer_of(request, found, model, target, result, frame.index, frame.total)


def opened(request: Request) -> tuple[Bundle, Any, Any, int, Region]:
    """The bundle, the model that is explained, the factual, the target's class, the region."""
    from backends.explain.runner import target_model
    from backends.targets.threshold import Threshold, parse

    found = bundles.get(request.bundle)
    model = target_model(found, request.model, request.target)
    names = model.class_names
    if isinstance(model, Threshold):
        target = parse(request.target)[0]
    elif request.target in names:
        target = names.index(request.target)
    else:
        whose = "" if request.model == "classifier" else f"of model {request.model!r} "
        raise BadInput(
            f"there is no class {request.target!r} {whose}in bundle {found.name!r}; "
            f"choose from: {', '.join(names[:20])}"
        )
    factual = imaging.to_tensor(request.picture)

    spec = RegionSpec.parse(request.region, given=request.mask is not None)
    mask = imaging.require_area(
        region_service.mask_of(request.bundle, request.picture, spec, request.model, request.mask)
    )
    region = Region((imaging.to_tensor(mask) > 0).float(), request.region)
    return found, model, factual, target, region
