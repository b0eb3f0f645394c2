"""What an answer is worth: the model's opinion before and after, distances, and what else the
bundle's parts allow to measure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from backends.bundles import Bundle
from backends.compute.oom import guarded
from backends.core import Counterfactual, Region, Status, TargetModel
from backends.metrics import distance, lpips
from backends.metrics.cout import cout
from backends.metrics.ssim import ssim
from backends.targets.threshold import Threshold

__all__ = ["density_of", "judge"]


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
        z = bundle.part("autoencoder").encode(image)
        metrics |= density_of(bundle.part("density"), z, target)
    return before.cpu(), after.cpu(), {name: value.cpu() for name, value in metrics.items()}


@torch.no_grad()
def density_of(network: Any, z: Tensor, target: Tensor) -> dict[str, Tensor]:
    """How likely latents are under their class, and among real pictures of it, [B] each."""
    value = network.log_density(z, target)
    return {"log_density": value, "log_density_percentile": network.percentile(value, target)}
