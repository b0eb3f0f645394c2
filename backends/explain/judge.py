"""Measure an answer: the model's predictions before and after, distances, and what else the
bundle's parts allow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from backends.bundles import ORACLE
from backends.compute.finite import finite
from backends.compute.oom import guarded
from backends.core import Counterfactual, Measuring, Status
from backends.errors import MissingPart
from backends.explain.question import Question
from backends.metrics.metric import METRICS, Supply, measured
from backends.priors.density import ConditionalDensity
from backends.sentences import Sentence

__all__ = ["density_for", "density_of", "judge"]

JUDGES = ("oracle", "density", "autoencoder")  # the last one makes the latents for the density


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
        before, after, metrics, unjudged = _measured(question, image, reconstruction)
    flipped = after.argmax(1) == question.target.cpu()
    reached = Status.FLIPPED if bool(flipped.all()) else Status.NOT_FLIPPED
    region = replace(question.region, mask=question.region.mask.cpu())
    return Counterfactual(
        image.cpu(), region, before, after, flipped, metrics, {}, 0.0, {}, status or reached,
        unjudged=unjudged,
    )  # fmt: skip


def _measured(
    question: Question, image: Tensor, reconstruction: Tensor | None
) -> tuple[Tensor, Tensor, dict[str, Tensor], dict[str, str]]:
    """Return probabilities [B, K] before and after, metrics [B], all on the CPU, and which judges
    failed, with the reason; the question and the image [B, C, H, W] in [0, 1] are on the device.

    :raises MissingPart: the target model gives no numbers.
    """
    bundle, f, factual = question.bundle, question.model, question.factual
    target, mask = question.target, question.region.mask
    before, after = (finite(f.probabilities(x), "the model") for x in (factual, image))
    unjudged: dict[str, str] = {}
    # Parts that learnt the bundle's classes measure nothing where the model has others.
    classes = list(f.class_names) == bundle.manifest.class_names

    def part(name: str) -> Any:
        problem = bundle.problem(name)
        try:
            return None if problem else bundle.part(name)
        except MissingPart as error:  # an answer is none the worse for a judge that is not here
            problem = str(error)
            return None
        finally:
            if problem and name in JUDGES and name in bundle.manifest.parts:
                unjudged[name] = problem

    def of_classes(name: str) -> Any:
        return part(name) if classes else None

    def oracle() -> Tensor | None:
        if question.part == ORACLE:
            unjudged[ORACLE] = Sentence("it is the model that is asked, and cannot judge itself")
            return None
        network = of_classes(ORACLE)
        if network is None:
            return None
        try:
            return finite(network(image).softmax(1), "the oracle")
        except MissingPart as error:
            unjudged[ORACLE] = str(error)
            return None

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
    for name in [name for name, value in metrics.items() if bool(value.isnan().all())]:
        del metrics[name]
        unjudged[name] = f"{METRICS[name].title} is no number here (NaN)"
    numbers = {name: value.cpu() for name, value in metrics.items()}
    return before.cpu(), after.cpu(), numbers, unjudged


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
