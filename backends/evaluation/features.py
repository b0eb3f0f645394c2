"""What an evaluation's metrics are measured from, beside the answers themselves."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from backends.bundles import Bundle
from backends.compute.oom import guarded
from backends.metrics.morphometry import Morphometry, measure

__all__ = ["oracle_features", "strokes"]

BATCH = 50  # pictures that a network sees at once
INK = 0.1  # least contrast of a stroke


@torch.no_grad()
def oracle_features(
    bundle: Bundle, factual: Tensor, counterfactual: Tensor
) -> tuple[Tensor, Tensor] | None:
    """What the oracle's last linear layer sees of pictures [N, C, H, W], [N, D] each on the CPU;
    None without an oracle, or where it has no such layer, or one that sees parts of a picture."""
    if bundle.problem("oracle"):
        return None
    network = bundle.part("oracle")
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not layers:
        return None
    seen: list[Tensor] = []
    hook = layers[-1].register_forward_pre_hook(lambda _, given: seen.append(given[0].flatten(1)))
    try:
        with guarded(bundle.device):
            pictures = torch.cat([factual, counterfactual])
            for start in range(0, len(pictures), BATCH):
                network(pictures[start : start + BATCH].to(bundle.device))
    finally:
        hook.remove()
    features = torch.cat(seen).cpu()
    if len(features) != len(pictures):  # the layer sees parts of a picture
        return None
    before, after = features.chunk(2)
    return before, after


def strokes(
    bundle: Bundle, factual: Tensor, counterfactual: Tensor
) -> tuple[Tensor, Tensor] | None:
    """Morphometry of digits [N, 1, H, W], float64 [N, 6] each; NaN where there is no ink. None for
    other pictures, or for no pictures."""
    if bundle.manifest.preparation != "digit" or not len(factual):
        return None
    before, after = (
        torch.tensor([_stroke(x[0].cpu()) for x in pictures], dtype=torch.float64)
        for pictures in (factual, counterfactual)
    )
    return before, after


def _stroke(digit: Tensor) -> Morphometry:
    """Of one digit [H, W]; NaN where all is one grey."""
    nothing = Morphometry(*[float("nan")] * len(Morphometry._fields))
    if float(digit.max() - digit.min()) < INK:
        return nothing
    return measure(digit.double().numpy())
