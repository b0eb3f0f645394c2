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
from backends.metrics import density
from backends.metrics.metric import Supply, measured
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
    # What was trained for the bundle's classes has nothing to say of another model's.
    classes = getattr(f, "part", None) == "classifier"

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
        target_model=lambda: f, regressor=lambda: f if isinstance(f, Threshold) else None,
        oracle=oracle, density=lambda: of_classes("density"), latent=latent,
    )  # fmt: skip
    metrics: dict[str, Tensor] = measured("picture", supply)
    if supply("oracle") is not None:
        metrics["oracle_label"] = supply("oracle").argmax(1)
    return before.cpu(), after.cpu(), {name: value.cpu() for name, value in metrics.items()}


@torch.no_grad()
def density_of(network: Any, z: Tensor, target: Tensor) -> dict[str, Tensor]:
    """How likely latents are under their class, and among real pictures of it, [B] each."""
    return {
        "log_density": density.log_density(network, z, target),
        "log_density_percentile": density.log_density_percentile(network, z, target),
    }
