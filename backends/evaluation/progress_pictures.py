"""Pictures by which a person can judge networks while they are trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from backends import imaging
from backends.bundles import Bundle
from backends.priors.velocity import transport

__all__ = ["DRAWERS", "SHOWN", "drawn", "rebuilt"]

DRAWERS = ("velocity", "flow")  # parts whose pictures are drawn from nothing
SHOWN = 6  # pictures


@torch.no_grad()
def rebuilt(autoencoder: Any, pictures: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Some pictures of uint8 [N, S, S, C], and what the autoencoder makes of each."""
    chosen = pictures[:: max(len(pictures) // SHOWN, 1)][:SHOWN]
    x = torch.cat([imaging.to_tensor(picture) for picture in chosen])
    place = next(autoencoder.parameters()).device
    y = autoencoder.decode(autoencoder.encode(x.to(place))).clamp(0, 1).cpu()
    return tuple(
        (picture, imaging.to_array(one)) for picture, one in zip(chosen, y.split(1), strict=True)
    )


@torch.no_grad()
def drawn(part: str, network: Any, bundle: Bundle) -> tuple[tuple[str, np.ndarray], ...]:
    """Pictures uint8 [S, S, C] that a part of :data:`DRAWERS` draws, always from the same noise,
    each with its class; an empty name where the part knows no classes."""
    place = next(network.parameters()).device
    noise = torch.randn(
        SHOWN, network.dimensions, generator=torch.Generator().manual_seed(0)
    ).to(place)  # fmt: skip
    if part == "flow":
        names, x = [""] * SHOWN, network.decode(noise)
    else:
        classes = torch.arange(SHOWN, device=place) % network.classes
        names = [bundle.own.class_names[k] for k in classes.tolist()]
        condition = F.one_hot(classes, network.classes).to(noise)
        z = transport(network, noise, condition, 1.0, lift=False)
        x = bundle.part(bundle.named("autoencoder")).to(place).decode(z)
    pictures = [imaging.to_array(one) for one in x.clamp(0, 1).cpu().split(1)]
    return tuple(zip(names, pictures, strict=True))
