"""The shared runner: whatever the method, the region holds, the clock runs, the result is judged.

A method cannot forget the region's guarantee, because every picture that leaves this file has
been composited: outside the region it is the factual, bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ValidationError
from torch import Tensor

from backends import registry
from backends.bundles import Bundle
from backends.core import Counterfactual, Region, Status, Step, TargetModel
from backends.devices import paced
from backends.errors import BadInput, MissingPart
from backends.imaging import composite
from backends.metering import Meter
from backends.metrics import distance, lpips
from backends.metrics.cout import cout
from backends.metrics.ssim import ssim
from backends.targets.model import Classifier
from backends.targets.threshold import Threshold, parse

__all__ = ["judge", "run", "settings_of", "target_model"]

C = TypeVar("C", bound=BaseModel)
SOFTNESS = 0.02  # of a regressor's usual range: where passing a value counts as likely


def target_model(
    bundle: Bundle, name: str = "classifier", target: str = ""
) -> Classifier | Threshold:
    """A part of the bundle as the model to explain: its classifier, or a regressor asked for
    ``target``.

    :raises BadInput: the bundle has no such model, or the target is no goal for a regressor.
    """
    if name == "classifier":
        return Classifier(bundle.part(name), bundle.manifest.class_names)
    entry = bundle.manifest.parts.get(name)
    if entry is None or entry.property is None:
        known = ["classifier", *(n for n, p in bundle.manifest.parts.items() if p.property)]
        raise BadInput(
            f"bundle {bundle.name!r} has no model {name!r}; choose from: {', '.join(known)}"
        )
    low, *_, high = entry.property.suggested
    return Threshold(bundle.part(name), parse(target)[1], softness=SOFTNESS * (high - low))


def settings_of(config: type[C], values: dict[str, Any], owner: str) -> C:
    """Settings from JSON or command-line values.

    :param owner: whose settings they are, for the message.
    :raises BadInput: an unknown setting or a value out of bounds.
    """
    try:
        return config.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = ", ".join(config.model_fields)
            raise BadInput(f"{owner} has no setting {name!r}; it has: {known}") from error
        raise BadInput(f"setting {name!r} of {owner}: {first['msg']}") from error


def run(
    bundle: Bundle,
    method_name: str,
    factual: Tensor,
    target: Tensor,
    region: Region,
    settings: dict[str, Any],
    seed: int,
    model: Classifier | Threshold | None = None,
) -> Iterator[Step]:
    """Explain a batch: composited steps, the last of which carries the counterfactual.

    :param factual: [B, C, H, W] in [0, 1], values that 8 bits can hold.
    :param target: classes asked for, int64 [B].
    :param region: mask [B, 1, H, W].
    :param model: what is explained; the bundle's classifier unless given.
    :raises MissingPart: the bundle lacks a part that the method needs.
    :raises BadInput: a setting is wrong.
    """
    start = time.perf_counter()
    method_class = registry.method(method_name)
    config = settings_of(method_class.Config, settings, method_name)
    plain = model or target_model(bundle)
    if method_class.knows_classes and plain.class_names != bundle.manifest.class_names:
        others = [registry.method(name) for name in registry.METHODS]
        able = [
            other.title for other in others
            if not other.knows_classes and all(bundle.problem(p) is None for p in other.needs)
        ]  # fmt: skip
        raise BadInput(
            f"{method_class.title} was trained for the bundle's classes and cannot explain another "
            f"model; choose from: {', '.join(able)}"
        )
    meter = Meter()
    parts = {name: meter.watch(name, bundle.part(name)) for name in method_class.needs}
    watched = plain.over(meter.watch("target_model", plain.network))
    generator = torch.Generator().manual_seed(seed)
    step = None
    method = method_class(watched, **parts)
    steps = method.explain(factual, target, region, config, generator)
    for step in paced(steps, factual[:, 0].numel()):
        step = _show(step, factual, target, region, plain, time.perf_counter() - start)
        if step.index < step.total:
            yield step
    if step is None:
        raise MissingPart(f"method {method_name!r} ended without a step; report this")
    record = {"method": method_name, "seed": seed, "config": config.model_dump(mode="json")}
    answer = judge(bundle, plain, factual, step.image, target, region)
    seconds = time.perf_counter() - start
    answer = replace(
        answer, metrics=answer.metrics | step.measured, nfe=meter.nfe, seconds=seconds,
        settings=record,
    )  # fmt: skip
    # A search that ended early says so: its last step is the last of all.
    yield replace(step, total=step.index, seconds=seconds, counterfactual=answer)


@torch.no_grad()
def _show(
    step: Step, factual: Tensor, target: Tensor, region: Region, f: TargetModel, seconds: float
) -> Step:
    """The step as a person will get it: composited, in 8 bits, with the model's opinion of it."""
    eight_bit = (step.image.detach().clamp(0, 1) * 255).round() / 255
    image = composite(factual, eight_bit, region.mask)
    p = f.probabilities(image).gather(1, target[:, None]).squeeze(1)
    return replace(step, image=image, target_probability=p, seconds=seconds)


@torch.no_grad()
def judge(
    bundle: Bundle,
    f: TargetModel,
    factual: Tensor,
    image: Tensor,
    target: Tensor,
    region: Region,
    status: Status | None = None,
) -> Counterfactual:
    """Measure an answer: predictions, flip, distances, COUT, and what else the bundle's parts
    and this machine allow: the oracle's verdict, LPIPS, the density of the answer's latent.

    :param status: given for a run that was stopped; otherwise flipped or not.
    """
    before, after = f.probabilities(factual), f.probabilities(image)
    flipped = after.argmax(1) == target
    metrics = {
        "target_probability": after.gather(1, target[:, None]).squeeze(1),
        "l1": distance.l1(factual, image),
        "l2": distance.l2(factual, image),
        "changed_area": distance.changed_area(factual, image),
        "change_inside": distance.greatest_change(factual, image, region.mask),
        "change_outside": distance.greatest_change(factual, image, 1 - region.mask),
        "ssim": ssim(factual, image),
        "cout": cout(f, factual, image, before.argmax(1), target),
    }
    if lpips.problem() is None:
        metrics["lpips"] = lpips.lpips(factual, image)
    if bundle.problem("lpips") is None:
        network = bundle.part("lpips")
        metrics[network.metric] = network(factual, image)
    if isinstance(f, Threshold):
        metrics["factual_value"], metrics["value"] = f.measured(factual), f.measured(image)
    # What was trained for the bundle's classes has nothing to say of another model's.
    classes = f.class_names == bundle.manifest.class_names
    if classes and bundle.problem("oracle") is None:
        opinion = bundle.part("oracle")(image).softmax(1)
        metrics["oracle_label"] = opinion.argmax(1)
        metrics["oracle_target_probability"] = opinion.gather(1, target[:, None]).squeeze(1)
    if classes and all(bundle.problem(part) is None for part in ("autoencoder", "density")):
        value = bundle.part("density").log_density(bundle.part("autoencoder").encode(image), target)
        metrics["log_density"] = value
        metrics["log_density_percentile"] = bundle.part("density").percentile(value, target)
    reached = Status.FLIPPED if bool(flipped.all()) else Status.NOT_FLIPPED
    return Counterfactual(
        image, region, before, after, flipped, metrics, {}, 0.0, {}, status or reached
    )
