"""New pictures of a bundle's domain, from whichever of its priors draws from nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends import imaging
from backends.bundles import Bundle
from backends.memory import guarded

if TYPE_CHECKING:
    import numpy as np

__all__ = ["draw", "source"]


def source(found: Bundle) -> str | None:
    """The part that draws: the generator, or else the GAN; None where neither is here."""
    gan = found.named("gan")
    return found.generator or (gan if found.problem(gan) is None else None)


def draw(name: str, seed: int) -> np.ndarray:
    """A picture that the bundle's generator draws, or its GAN at z ~ N(0, I); uint8 [H, W, C], the
    same for the same seed.

    :raises BadInput: the bundle has neither.
    """
    import torch

    from backends import jobs

    found = jobs.bundle(name)
    part = source(found)
    if part is None or part == found.generator:
        return jobs.sample(name, seed)
    network = found.part(part)
    with torch.no_grad(), guarded(found.device):
        z = torch.randn(1, network.latent, generator=torch.Generator().manual_seed(seed))
        return imaging.to_array(network.decode(z.to(found.device)))
