"""Latents of pictures that were drawn or inverted before, by the picture's content.

They lie in the person's cache, two kilobytes each, so that a face that was saved and brought back
is known again. Where the cache cannot be written, it is searched again instead.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import numpy as np

from backends.fetching import cache
from backends.files import atomic_write

__all__ = ["recall", "remember"]

KEPT = 2000


def remember(prior: str, picture: np.ndarray, w: np.ndarray) -> None:
    """Keep the latent [D] of a picture, uint8 [H, W, C], and the newest :data:`KEPT` of all.

    :param prior: fingerprint of the generator that it belongs to.
    """
    path = _place(prior, picture)
    with suppress(OSError):  # a full disk, or a cache that is shared and read-only
        with atomic_write(path) as scratch, scratch.open("wb") as file:
            np.save(file, w.astype(np.float32), allow_pickle=False)
        _drop_oldest()


def recall(prior: str, picture: np.ndarray) -> np.ndarray | None:
    """The latent [D] of a picture, or None where it is not known."""
    path = _place(prior, picture)
    try:
        latent: np.ndarray = np.load(path, allow_pickle=False)
        return latent
    except (OSError, ValueError):
        return None


def _drop_oldest() -> None:
    """Of every generator's latents; another process may be doing the same."""
    known = list(_root().glob("*/*.npy"))
    if len(known) > KEPT:
        for path in sorted(known, key=lambda p: p.stat().st_mtime_ns)[:-KEPT]:
            path.unlink(missing_ok=True)


def _root() -> Path:
    return cache.root() / "latents"


def _place(prior: str, picture: np.ndarray) -> Path:
    name = hashlib.sha256(np.ascontiguousarray(picture).data).hexdigest()
    return _root() / prior[:12] / f"{name}.npy"
