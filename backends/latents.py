"""Latents of pictures that were drawn or inverted before, by the picture's content.

They lie in the person's cache, two kilobytes each, so that a face that was saved and brought back
is known again.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from backends.fetching import cache

__all__ = ["recall", "remember"]


def remember(prior: str, picture: np.ndarray, w: np.ndarray) -> None:
    """Keep the latent [D] of a picture, uint8 [H, W, C].

    :param prior: fingerprint of the generator that it belongs to.
    """
    path = _place(prior, picture)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(f".{os.getpid()}.part")
    with scratch.open("wb") as file:
        np.save(file, w.astype(np.float32), allow_pickle=False)
    scratch.replace(path)


def recall(prior: str, picture: np.ndarray) -> np.ndarray | None:
    """The latent [D] of a picture, or None where it is not known."""
    path = _place(prior, picture)
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError):
        return None


def _place(prior: str, picture: np.ndarray) -> Path:
    name = hashlib.sha256(np.ascontiguousarray(picture)).hexdigest()
    return cache.root() / "latents" / prior[:12] / f"{name}.npy"
