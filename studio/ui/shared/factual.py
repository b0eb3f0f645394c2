"""A picture that is chosen on the page, and what the models make of it."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass

import numpy as np

from backends.core import Original, Placement, Prediction
from backends.imaging import Reading

__all__ = ["Factual", "Shown"]


@dataclass(frozen=True, eq=False)  # compared by its digest; a State of the page hashes it
class Factual:
    """A picture as a bundle's models see it, uint8 [H, W, C], which bundle that is, where it lies
    in the person's own picture, and that picture."""

    bundle: str
    pixels: np.ndarray
    placement: Placement | None = None
    original: Original | None = None

    @functools.cached_property
    def digest(self) -> str:
        """A text that identifies the picture on the page."""
        content = hashlib.blake2b(self.bundle.encode(), digest_size=12)
        content.update(np.ascontiguousarray(self.pixels).data)
        return content.hexdigest()


@dataclass(frozen=True)
class Shown:
    """What a chosen picture puts on the page; ``opinions`` are those of the models beside the
    bundle's own classifier; ``placement`` says where it lies in the person's picture, ``reading``
    how that was read."""

    picture: np.ndarray
    scene: str
    prediction: Prediction
    opinions: dict[str, Prediction]
    placement: Placement | None = None
    reading: Reading | None = None
    original: Original | None = None
