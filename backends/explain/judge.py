"""Measure an answer: the model's predictions before and after, distances, and what else the
bundle's parts allow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from backends.compute.oom import guarded
from backends.core import Counterfactual, Measuring, Status
from backends.explain.question import Question
from backends.metrics.metric import Supply, measured
from backends.priors.density import ConditionalDensity

__all__ = ["density_for", "density_of", "judge"]


@torch.no_grad()
def judge(
    question: Question,
    image: Tensor,
    status: Status | None = None,
    reconstruction: Tensor | None = None,
) -> Counterfactual:
    """Measure an answer: predictions, flip, distances, COUT, and what else the bundle's parts
    and this machine allow: the oracle's verdict, LPIPS, the density of the answer's latent.

    :param image: the answer, [B, C, H, W] in [0, 1].
    :param status: of a run that was stopped; None for flipped or not flipped, as measured.
    :param reconstruction: what the prior makes of the factuals inside the region, [B, C, H, W] in
        [0, 1], where there is one.
    :raises OutOfMemory: the device has no room for the batch.
    """
    device = question.bundle.device
    question, image = question.on(device), image.to(device)
    with guarded(device, len(image)):
        before, after, metrics = _measured(question, image, reconstruction)
    flipped = after.argmax(1) == question.target.cpu()
    reached = Status.FLIPPED if bool(flipped.all()) else Status.NOT_FLIPPED
    region = replace(question.region, mask=question.region.mask.cpu())
    return Counterfactual(
        image.cpu(), region, before, after, flipped, metrics, {}, 0.0, {}, status or reached
    )


def _measured(
    question: Question, image: Tensor, reconstruction: Tensor | None
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Return probabilities [B, K] before and after, and metrics [B], all on the CPU; the
    question and the image [B, C, H, W] in [0, 1] are on the device."""
    bundle, f, factual = question.bundle, question.model, question.factual
    target, mask = question.target, question.region.mask
    before, after = f.probabilities(factual), f.probabilities(image)
    # Parts that learnt the bundle's classes measure nothing where the model has others.
    classes = list(f.class_names) == bundle.manifest.class_names

    def part(name: str) -> Any:
        return None if bundle.problem(name) else bundle.part(name)

    def of_classes(name: str) -> Any:
        return part(name) if classes else None

    def oracle() -> Tensor | None:
        network = of_classes("oracle")
        return None if network is None else network(image).softmax(1)

    def latent() -> Tensor | None:
        codec = of_classes("autoencoder")
        return None if codec is None or supply("density") is None else codec.encode(image)

    supply = Supply(
        part, factual=lambda: factual, counterfactual=lambda: image, region=lambda: mask,
        target=lambda: target, source=lambda: before.argmax(1), after=lambda: after,
        target_model=lambda: f, regressor=lambda: f if isinstance(f, Measuring) else None,
        reconstruction=lambda: reconstruction, oracle=oracle, latent=latent,
        density=lambda: of_classes("density"),
        class_autoencoders=lambda: of_classes("class_autoencoders"),
    )  # fmt: skip
    metrics: dict[str, Tensor] = measured("picture", supply)
    if supply("oracle") is not None:
        metrics["oracle_label"] = supply("oracle").argmax(1)
    return before.cpu(), after.cpu(), {name: value.cpu() for name, value in metrics.items()}


def density_for(question: Question) -> ConditionalDensity | None:
    """Find the density of a generator's latents that learnt the model's classes; None where there
    is none."""
    bundle = question.bundle
    name = bundle.named("density", question.part)
    if bundle.problem(name) is not None:
        return None
    # One that learnt other classes measures nothing here.
    same = bundle.classes(bundle.learnt(name)) == list(question.model.class_names)
    return bundle.part(name) if same else None


@torch.no_grad()
def density_of(network: ConditionalDensity, z: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Measure how likely latents z [B, D] are under the density of their classes, target [B]."""
    supply = Supply(density=lambda: network, latent=lambda: z, target=lambda: target)
    return measured("picture", supply)
