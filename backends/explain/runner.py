"""The shared runner: whatever the method, the region holds, the clock runs, the result is judged.

A method cannot forget the region's guarantee, because every picture that leaves this file has
been composited: outside the region it is the factual, bit for bit. Nor need it think of the
device: :func:`run` is the door, through which tensors come from anywhere, work where the bundle's
parts are, and leave on the CPU.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ValidationError
from torch import Tensor
from torch.nn import functional as F

from backends import registry
from backends.bundles import Bundle
from backends.compute.devices import paced
from backends.compute.oom import guarded
from backends.core import Region, Step, TargetModel
from backends.errors import BadInput, MissingPart
from backends.explain.compatibility import refusal
from backends.explain.judge import density_of, judge
from backends.explain.nfe import Meter
from backends.imaging import composite, eight_bit
from backends.priors.stylegan.anchored import Anchored
from backends.priors.stylegan.inversion import invert
from backends.priors.stylegan.network import MobileStyleGAN
from backends.targets.model import Classifier
from backends.targets.threshold import Threshold, parse

__all__ = ["config_of", "run", "settings_of", "target_model"]

C = TypeVar("C", bound=BaseModel)
SEEN, SEEN_WITH_GRADIENT = 256, 128  # pixels of a generator's pictures that a method sees
INVERSION, SHOWN = 120, 5  # steps of a portrait's inversion; every how many are shown
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
    labeller: TargetModel | None = None,
    *,
    watched: bool = True,
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
    :param labeller: tells the method what pictures are, instead of the model: a person. The model
        still judges what is shown.
    :param watched: whether somebody looks at the steps before the last; otherwise the model is not
        asked about them.
    :raises MissingPart: the bundle lacks a part that the method needs.
    :raises BadInput: a setting is wrong, or the method cannot explain that model.
    :raises OutOfMemory: the device has no room for the batch.
    """
    device = bundle.device
    task = _Task(
        bundle=bundle,
        method=registry.method(method_name),
        config=config_of(bundle, method_name, settings),
        model=model or target_model(bundle),
        factual=factual.to(device),
        target=target.to(device),
        region=replace(region, mask=region.mask.to(device)),
        seed=seed,
        labeller=labeller,
        watched=watched,
    )
    latent = None if latent is None else latent.to(device)
    with guarded(device, len(factual)), closing(_search(task, latent)) as steps:
        for step in steps:
            yield _home(step)


@dataclass(frozen=True)
class _Task:
    """What is asked of :func:`run`, with every tensor on the bundle's device."""

    bundle: Bundle
    method: Any
    config: BaseModel
    model: Classifier | Threshold
    factual: Tensor
    target: Tensor
    region: Region
    seed: int
    labeller: TargetModel | None = None
    watched: bool = True
    start: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Since the task was set."""
        return time.perf_counter() - self.start

    @torch.no_grad()
    def shown(self, step: Step, factual: Tensor, mask: Tensor) -> Step:
        """The step as a person will get it: composited, in 8 bits, with the model's opinion where
        somebody looks."""
        image = composite(factual, eight_bit(step.image), mask)
        if not self.watched:
            return replace(step, image=image, seconds=self.seconds)
        p = self.model.probabilities(image).gather(1, self.target[:, None]).squeeze(1)
        return replace(step, image=image, target_probability=p, seconds=self.seconds)


def _search(task: _Task, latent: Tensor | None) -> Iterator[Step]:
    """The method's steps, after a portrait's inversion where its latent is not known."""
    bundle, factual, mask = task.bundle, task.factual, task.region.mask
    part, gradients = task.model.part, getattr(task.labeller or task.model, "differentiable", True)
    reason = refusal(bundle, task.method, part, gradients)
    if reason:
        raise BadInput(reason)
    names = {kind: bundle.named(kind, part) for kind in task.method.needs}
    parts = {kind: bundle.part(name) for kind, name in names.items()}
    # Of the CPU, wherever the parts are: the same seed draws the same noise on every device.
    generator = torch.Generator().manual_seed(task.seed)
    before, anchor, meter = 0, None, Meter()
    drawn = [kind for kind, part in parts.items() if isinstance(part, MobileStyleGAN)]
    if drawn:
        network = meter.watch("generator", parts[drawn[0]])
        anchor, before = yield from _anchored(task, network, latent)
        parts |= dict.fromkeys(drawn, anchor)
        factual, mask = anchor.factual, anchor.small
    watched = {
        kind: part if part is anchor else meter.watch(kind, part) for kind, part in parts.items()
    }
    f = task.labeller or task.model.over(meter.watch("target_model", task.model.network))
    region = Region(mask, task.region.source)
    steps = task.method(f, **watched).explain(factual, task.target, region, task.config, generator)
    step = None
    for step in paced(steps, factual[:, 0].numel(), bundle.device):
        step = replace(step, index=before + step.index, total=before + step.total)
        step = task.shown(step, factual, mask)
        if step.index < step.total:
            yield step
    if step is None:
        raise MissingPart(f"method {task.method.name!r} ended without a step; report this")
    yield _finished(task, step, anchor, meter)


def _anchored(
    task: _Task, network: MobileStyleGAN, w: Tensor | None
) -> Generator[Step, None, tuple[Anchored, int]]:
    """The generator held to the portraits, and how many steps their inversion took."""
    factual, mask, before = task.factual, task.region.mask, 0
    side = factual.shape[-1]
    if w is None:
        block = side // min(SEEN, side)
        small, free = F.avg_pool2d(factual, block), F.max_pool2d(mask, block)
        steps = getattr(task.config, "inversion", INVERSION)
        for step in paced(_inverted(network, factual, steps), side**2, task.bundle.device):
            w, before = step.latent, step.total
            yield task.shown(replace(step, total=step.total + 1), small, free)
    size = SEEN_WITH_GRADIENT if task.method.differentiable else SEEN
    return Anchored(network, factual, w, mask, min(size, side)), before


def _finished(task: _Task, step: Step, anchor: Anchored | None, meter: Meter) -> Step:
    """The last step, at full size, with the counterfactual."""
    bundle, measured, rebuilt = task.bundle, dict(step.measured), None
    if anchor:
        rebuilt = anchor.rebuilt.cpu() if anchor.photographs.any() else None
        full = replace(step, image=anchor.answer(step.latent))
        step = task.shown(full, task.factual, task.region.mask)
        if rebuilt is not None:
            measured["inversion_error"] = anchor.error
        density = bundle.named("density", task.model.part)
        # What learnt the classifier's classes has nothing to say of another model's.
        if bundle.problem(density) is None and bundle.learnt(density) == task.model.part:
            measured |= density_of(bundle.part(density), step.latent, task.target)
    answer = judge(bundle, task.model, task.factual, step.image, task.target, task.region)
    measured = {name: value.cpu() for name, value in measured.items()}
    config = task.config.model_dump(mode="json")
    seconds = task.seconds
    answer = replace(
        answer, metrics=answer.metrics | measured, nfe=meter.nfe, seconds=seconds,
        reconstruction=rebuilt,
        settings={"method": task.method.name, "seed": task.seed, "config": config},
    )  # fmt: skip
    # A search that ended early says so: its last step is the last of all.
    return replace(step, total=step.index, seconds=seconds, counterfactual=answer)


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


def _inverted(network: MobileStyleGAN, factual: Tensor, steps: int) -> Iterator[Step]:
    """The search for the w of portraits, as steps. It draws the same whatever the run's seed:
    what it finds is kept for the picture's next run, which must not depend on the first's."""
    size = min(SEEN, factual.shape[-1])
    for found in invert(network, factual, steps, torch.Generator().manual_seed(0)):
        if found.index % SHOWN == 1 or found.index == found.total:
            with torch.no_grad():
                image = network.preview(found.w, size)
            yield Step(found.index, found.total, "inversion", image, latent=found.w)
