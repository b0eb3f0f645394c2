"""What an evaluation's metrics are measured from, beside the answers themselves."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from backends.bundles import Bundle
from backends.compute.oom import guarded
from backends.metrics.morphometry import Morphometry, measure

__all__ = ["oracle_features", "stroke_tables"]

BATCH = 50  # pictures that a network sees at once
INK = 0.1  # least contrast of a stroke


@torch.no_grad()
def oracle_features(
    bundle: Bundle, factual: Tensor, counterfactual: Tensor
) -> tuple[Tensor, Tensor] | None:
    """What the oracle's last linear layer sees of pictures [N, C, H, W] and [M, C, H, W], [N, D]
    and [M, D] on the CPU; None without an oracle, or where it has no such layer, or one that sees
    parts of a picture."""
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
    before, after = features.split([len(factual), len(counterfactual)])
    return before, after


def stroke_tables(
    bundle: Bundle, factual: Tensor, counterfactual: Tensor, rebuilt: Tensor | None, count: int
) -> dict[str, np.ndarray]:
    """Morphometry of the first ``count`` digits of a batch [B, 1, H, W], float64 [B, 6] by name:
    ``strokes_before``, ``strokes_after``, and ``strokes_rebuilt`` where there is a
    reconstruction. NaN where there is no ink, and of the others; nothing for other pictures."""
    if bundle.manifest.preparation != "digit":
        return {}
    named = {"strokes_before": factual, "strokes_after": counterfactual}
    if rebuilt is not None:
        named["strokes_rebuilt"] = rebuilt
    tables = {}
    for name, pictures in named.items():
        table = np.full((len(pictures), len(Morphometry._fields)), np.nan)
        for i, picture in enumerate(pictures[:count]):
            table[i] = _stroke(picture[0].cpu())
        tables[name] = table
    return tables


def _stroke(digit: Tensor) -> Morphometry:
    """Of one digit [H, W]; NaN where all is one grey."""
    nothing = Morphometry(*[float("nan")] * len(Morphometry._fields))
    if float(digit.max() - digit.min()) < INK:
        return nothing
    return measure(digit.double().numpy())
