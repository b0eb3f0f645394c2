"""What lies behind the transparent pixels of a picture."""

from __future__ import annotations

import numpy as np

__all__ = ["on_page"]

OPAQUE = 250


def on_page(values: np.ndarray) -> np.ndarray:
    """RGBA [H, W, 4] on the page that it was drawn on, RGB [H, W, 3]."""
    from scipy import ndimage

    colours, alpha = values[..., :3].astype(np.float32), values[..., 3]
    solid = alpha >= OPAQUE
    if solid.all():
        return values[..., :3]
    grey = colours.mean(-1)
    # The outermost two pixels of what is opaque may be blended with what lay behind.
    core = ndimage.binary_erosion(solid, iterations=2, border_value=1)
    if _is_card(core):
        nearest = ndimage.distance_transform_edt(~core, return_distances=False, return_indices=True)
        return values[..., :3][nearest[0], nearest[1]]
    share = alpha[..., None] / np.float32(255)
    bright = float((grey * alpha).sum() / max(alpha.sum(), 1)) > 127
    page = 0.0 if bright else 255.0
    return (colours * share + page * (1 - share)).round().astype(np.uint8)


def _is_card(core: np.ndarray) -> bool:
    """Whether what is opaque is a sheet with something on it rather than strokes."""
    if not core.any():
        return False
    rows, columns = (np.flatnonzero(core.any(axis)) for axis in (1, 0))
    box = core[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    large = min(box.shape[0] / core.shape[0], box.shape[1] / core.shape[1]) > 0.5
    return bool(large and box.mean() > 0.7)
