"""What an answer is worth: the model's opinion before and after, distances, and what else the
bundle's parts allow to measure."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from backends.compute.oom import guarded
from backends.core import Counterfactual, Measuring, Status
from backends.explain.question import Question
from backends.metrics import distance, lpips
from backends.metrics.cout import cout
from backends.metrics.ssim import ssim
from backends.priors.density import ConditionalDensity

__all__ = ["density_for", "density_of", "judge"]


@torch.no_grad()
def judge(question: Question, image: Tensor, status: Status | None = None) -> Counterfactual:
    """Measure an answer: predictions, flip, distances, COUT, and what else the bundle's parts
    and this machine allow: the oracle's verdict, LPIPS, the density of the answer's latent.

    :param image: the answer, [B, C, H, W] in [0, 1].
    :param status: given for a run that was stopped; otherwise flipped or not.
    :raises OutOfMemory: the device has no room for the batch.
    """
    device = question.bundle.device
    question, image = question.on(device), image.to(device)
    with guarded(device, len(image)):
        before, after, metrics = _measured(question, image)
    flipped = after.argmax(1) == question.target.cpu()
    reached = Status.FLIPPED if bool(flipped.all()) else Status.NOT_FLIPPED
    region = replace(question.region, mask=question.region.mask.cpu())
    return Counterfactual(
        image.cpu(), region, before, after, flipped, metrics, {}, 0.0, {}, status or reached
    )


def _measured(question: Question, image: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Probabilities [B, K] before and after, and metrics [B]; taken in on the device, given back
    on the CPU."""
    bundle, f, factual = question.bundle, question.model, question.factual
    target, mask = question.target, question.region.mask
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
    if isinstance(f, Measuring):
        metrics["factual_value"], metrics["value"] = f.measured(factual), f.measured(image)
    # What was trained for the bundle's classes has nothing to say of another model's.
    classes = list(f.class_names) == bundle.manifest.class_names
    if classes and bundle.problem("oracle") is None:
        opinion = bundle.part("oracle")(image).softmax(1)
        metrics["oracle_label"] = opinion.argmax(1)
        metrics["oracle_target_probability"] = opinion.gather(1, target[:, None]).squeeze(1)
    if classes and all(bundle.problem(part) is None for part in ("autoencoder", "density")):
        z = bundle.part("autoencoder").encode(image)
        metrics |= density_of(bundle.part("density"), z, target)
    return before.cpu(), after.cpu(), {name: value.cpu() for name, value in metrics.items()}


def density_for(question: Question) -> ConditionalDensity | None:
    """The density of a generator's latents that learnt the model's classes, if it is here."""
    bundle = question.bundle
    name = bundle.named("density", question.part)
    if bundle.problem(name) is not None:
        return None
    # What learnt other classes has nothing to say of this model's.
    same = bundle.classes(bundle.learnt(name)) == list(question.model.class_names)
    return bundle.part(name) if same else None


@torch.no_grad()
def density_of(network: ConditionalDensity, z: Tensor, target: Tensor) -> dict[str, Tensor]:
    """How likely latents are under their class, and among real pictures of it, [B] each."""
    value = network.log_density(z, target)
    return {"log_density": value, "log_density_percentile": network.percentile(value, target)}
