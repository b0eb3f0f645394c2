"""The shared runner: whatever the method, the region holds, the clock runs, the result is judged.

A method cannot forget the region's guarantee, because every picture that leaves this file has
been composited: outside the region it is the factual, bit for bit. Nor need it think of the
device: :func:`run` and :func:`judge` are the door, through which tensors come from anywhere, work
where the bundle's parts are, and leave on the CPU.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ValidationError
from torch import Tensor
from torch.nn import functional as F

from backends import registry
from backends.bundles import Bundle
from backends.core import Counterfactual, Region, Status, Step, TargetModel
from backends.devices import paced
from backends.errors import BadInput, MissingPart
from backends.imaging import composite, eight_bit
from backends.memory import guarded
from backends.metering import Meter
from backends.metrics import distance, lpips
from backends.metrics.cout import cout
from backends.metrics.ssim import ssim
from backends.priors.anchored import Anchored
from backends.priors.inversion import invert
from backends.priors.mobile_stylegan import MobileStyleGAN
from backends.targets.model import Classifier
from backends.targets.threshold import Threshold, parse

__all__ = ["config_of", "judge", "run", "settings_of", "target_model"]

C = TypeVar("C", bound=BaseModel)
SEEN, SEEN_WITH_GRADIENT = 256, 128  # pixels of a generator's pictures that a method sees
INVERSION, SHOWN = 200, 5  # steps of a portrait's inversion; every how many are shown
SOFTNESS = 0.02  # of a regressor's usual range: where passing a value counts as likely


def target_model(
    bundle: Bundle, name: str = "classifier", target: str = ""
) -> Classifier | Threshold:
    """A part of the bundle as the model to explain: its classifier, another one with classes of
    its own, or a regressor asked for ``target``.

    :raises BadInput: the bundle has no such model, or the target is no goal for a regressor.
    """
    if name == "classifier":
        return Classifier(bundle.part(name), bundle.manifest.class_names)
    entry = bundle.manifest.parts.get(name)
    if entry and entry.classes:
        return Classifier(bundle.part(name), entry.classes, name)
    if entry and entry.property:
        low, *_, high = entry.property.suggested
        softness = SOFTNESS * (high - low)
        return Threshold(bundle.part(name), parse(target)[1], softness, name)
    parts = bundle.manifest.parts.items()
    known = ["classifier", *(n for n, p in parts if p.property or p.classes)]
    raise BadInput(f"bundle {bundle.name!r} has no model {name!r}; choose from: {', '.join(known)}")


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


def config_of(bundle: Bundle, method_name: str, settings: dict[str, Any]) -> Any:
    """A method's settings: what is given, else what suits the bundle, else the method's own.

    :raises BadInput: an unknown setting or a value out of bounds.
    """
    own = bundle.manifest.settings.get(method_name, {})
    return settings_of(registry.method(method_name).Config, own | settings, method_name)


def run(
    bundle: Bundle,
    method_name: str,
    factual: Tensor,
    target: Tensor,
    region: Region,
    settings: dict[str, Any],
    seed: int,
    model: Classifier | Threshold | None = None,
    latent: Tensor | None = None,
) -> Iterator[Step]:
    """Explain a batch: composited steps, the last of which carries the counterfactual.

    Where the bundle's prior draws far larger pictures than the model looks at, the steps are
    small, and the answer has the factual's size.

    :param factual: [B, C, H, W] in [0, 1], values that 8 bits can hold.
    :param target: classes asked for, int64 [B].
    :param region: mask [B, 1, H, W].
    :param model: what is explained; the bundle's classifier unless given.
    :param latent: w [B, D] of the factuals, where the prior is a generator and they are known;
        otherwise they are searched first.
    :raises MissingPart: the bundle lacks a part that the method needs.
    :raises BadInput: a setting is wrong.
    :raises OutOfMemory: the device has no room for the batch.
    """
    device = bundle.device
    factual, target = factual.to(device), target.to(device)
    region = replace(region, mask=region.mask.to(device))
    latent = None if latent is None else latent.to(device)
    steps = _search(
        bundle, method_name, factual, target, region, settings, seed, model, latent
    )  # fmt: skip
    with guarded(device, len(factual)), closing(steps):
        for step in steps:
            yield _home(step)


def _home(step: Step) -> Step:
    """The step on the CPU; a counterfactual is there already."""
    p, latent = step.target_probability, step.latent
    return replace(
        step,
        image=step.image.cpu(),
        target_probability=None if p is None else p.cpu(),
        measured={name: value.cpu() for name, value in step.measured.items()},
        latent=None if latent is None else latent.cpu(),
    )


def _search(
    bundle: Bundle,
    method_name: str,
    factual: Tensor,
    target: Tensor,
    region: Region,
    settings: dict[str, Any],
    seed: int,
    model: Classifier | Threshold | None,
    latent: Tensor | None,
) -> Iterator[Step]:
    """:func:`run`, with everything on the bundle's device."""
    start = time.perf_counter()
    method_class = registry.method(method_name)
    config = config_of(bundle, method_name, settings)
    plain = model or target_model(bundle)
    names = {kind: bundle.named(kind, plain.part) for kind in method_class.needs}
    _require_its_classes(bundle, method_class, names, plain)
    meter = Meter()
    parts = {kind: bundle.part(name) for kind, name in names.items()}
    # Of the CPU, wherever the parts are: the same seed draws the same noise on every device.
    generator = torch.Generator().manual_seed(seed)
    seen, mask, before, anchor = factual, region.mask, 0, None
    drawn = [kind for kind, part in parts.items() if isinstance(part, MobileStyleGAN)]
    if drawn:
        network = parts[drawn[0]]
        if latent is None:
            inversion = _inverted(network, factual, generator)
            for step in paced(inversion, factual[:, 0].numel(), bundle.device):
                latent, before = step.latent, step.total
                step = replace(step, total=step.total + 1)
                yield _show(step, factual, target, region.mask, plain, time.perf_counter() - start)
        size = SEEN_WITH_GRADIENT if method_class.differentiable else SEEN
        size = min(size, factual.shape[-1])
        anchor = Anchored(network, factual, latent, region.mask, size)
        parts |= dict.fromkeys(drawn, anchor)
        seen, mask = anchor.factual, anchor.small
    watched = {kind: meter.watch(kind, part) for kind, part in parts.items()}
    method = method_class(plain.over(meter.watch("target_model", plain.network)), **watched)
    steps = method.explain(seen, target, Region(mask, region.source), config, generator)
    step = None
    for step in paced(steps, seen[:, 0].numel(), bundle.device):
        step = replace(step, index=before + step.index, total=before + step.total)
        step = _show(step, seen, target, mask, plain, time.perf_counter() - start)
        if step.index < step.total:
            yield step
    if step is None:
        raise MissingPart(f"method {method_name!r} ended without a step; report this")
    if anchor:
        full = replace(step, image=anchor.answer(step.latent))
        step = _show(full, factual, target, region.mask, plain, 0.0)
    record = {"method": method_name, "seed": seed, "config": config.model_dump(mode="json")}
    answer = judge(bundle, plain, factual, step.image, target, region)
    measured = {name: value.cpu() for name, value in step.measured.items()}
    if anchor:
        measured["inversion_error"] = anchor.error.cpu()
    density = bundle.named("density", plain.part)
    if anchor and bundle.problem(density) is None:
        value = bundle.part(density).log_density(step.latent, target)
        percentile = bundle.part(density).percentile(value, target)
        measured |= {"log_density": value.cpu(), "log_density_percentile": percentile.cpu()}
    seconds = time.perf_counter() - start
    answer = replace(
        answer, metrics=answer.metrics | measured, nfe=meter.nfe, seconds=seconds,
        settings=record,
    )  # fmt: skip
    # A search that ended early says so: its last step is the last of all.
    yield replace(step, total=step.index, seconds=seconds, counterfactual=answer)


def _require_its_classes(
    bundle: Bundle, method_class: Any, names: dict[str, str], model: Classifier | Threshold
) -> None:
    """A method whose parts learnt classes can explain only the model that has them.

    :raises BadInput: it is asked to explain another.
    """
    learnt = {bundle.manifest.parts[n].model for n in names.values() if n in bundle.manifest.parts}
    own = model.part == "classifier" or model.part in learnt
    if own or not method_class.knows_classes:
        return
    others = [registry.method(name) for name in registry.METHODS]
    able = [
        other.title for other in others
        if not other.knows_classes
        and all(bundle.problem(bundle.named(kind)) is None for kind in other.needs)
    ]  # fmt: skip
    raise BadInput(
        f"{method_class.title} was trained for the bundle's classes and cannot explain another "
        f"model; choose from: {', '.join(able)}"
    )


def _inverted(
    network: MobileStyleGAN, factual: Tensor, generator: torch.Generator
) -> Iterator[Step]:
    """The search for the w of portraits, as steps."""
    size = min(SEEN, factual.shape[-1])
    for found in invert(network, factual, INVERSION, generator):
        if found.index % SHOWN == 0 or found.index == found.total:
            with torch.no_grad():
                image = network.preview(found.w, size)
            image = F.interpolate(image, factual.shape[-2:])
            yield Step(found.index, found.total, "inversion", image, latent=found.w)


@torch.no_grad()
def _show(
    step: Step, factual: Tensor, target: Tensor, mask: Tensor, f: TargetModel, seconds: float
) -> Step:
    """The step as a person will get it: composited, in 8 bits, with the model's opinion of it."""
    image = composite(factual, eight_bit(step.image), mask)
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
    :raises OutOfMemory: the device has no room for the batch.
    """
    device = bundle.device
    factual, image, target = factual.to(device), image.to(device), target.to(device)
    mask = region.mask.to(device)
    with guarded(device, len(factual)):
        before, after, metrics = _measured(bundle, f, factual, image, target, mask)
    flipped = after.argmax(1) == target.cpu()
    reached = Status.FLIPPED if bool(flipped.all()) else Status.NOT_FLIPPED
    return Counterfactual(
        image.cpu(), replace(region, mask=mask.cpu()), before, after, flipped, metrics, {}, 0.0,
        {}, status or reached,
    )  # fmt: skip


def _measured(
    bundle: Bundle, f: TargetModel, factual: Tensor, image: Tensor, target: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Probabilities [B, K] before and after, and metrics [B]; taken in on the device, given back
    on the CPU."""
    before, after = f.probabilities(factual), f.probabilities(image)
    metrics = {
        "target_probability": after.gather(1, target[:, None]).squeeze(1),
        "l1": distance.l1(factual, image),
        "l2": distance.l2(factual, image),
        "changed_area": distance.changed_area(factual, image),
        "change_inside": distance.greatest_change(factual, image, mask),
        "change_outside": distance.greatest_change(factual, image, 1 - mask),
        "ssim": ssim(factual, image),
        "psnr": distance.psnr(factual, image),
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
    classes = f.part == "classifier"
    if classes and bundle.problem("oracle") is None:
        opinion = bundle.part("oracle")(image).softmax(1)
        metrics["oracle_label"] = opinion.argmax(1)
        metrics["oracle_target_probability"] = opinion.gather(1, target[:, None]).squeeze(1)
    if classes and all(bundle.problem(part) is None for part in ("autoencoder", "density")):
        value = bundle.part("density").log_density(bundle.part("autoencoder").encode(image), target)
        metrics["log_density"] = value
        metrics["log_density_percentile"] = bundle.part("density").percentile(value, target)
    return before.cpu(), after.cpu(), {name: value.cpu() for name, value in metrics.items()}
