"""Masks from shapes, by the rules that the page's canvas has too (studio/ui/static/shapes.js)."""

from __future__ import annotations

import numpy as np

__all__ = ["grown", "in_polygon"]


def in_polygon(corners: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Mark the pixels whose middles lie in a polygon or on its edge.

    :param corners: [N, 2] of x and y in pixels, where the first pixel's middle is (0.5, 0.5).
    :param size: (width, height) of the picture.
    :return: bool [H, W].
    """
    from skimage.draw import polygon

    mask = np.zeros(size[::-1], bool)
    mask[polygon(corners[:, 1] - 0.5, corners[:, 0] - 0.5, mask.shape)] = True
    return mask


def grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    """Mark, too, what lies at most so many pixels away, in a straight line; below 0 it shrinks:
    what lies so near to unmarked pixels goes.

    A picture's border is no edge of the region: what reaches the border does not shrink from it.
    So growing and then shrinking takes nothing away, and shrinking and then growing adds nothing.

    :param mask: bool [H, W].
    :return: bool [H, W].
    """
    from scipy.ndimage import distance_transform_edt

    if pixels < 0:
        return ~grown(~mask, -pixels)
    if not mask.any():  # the distance to nothing is not defined
        return mask.copy()
    return np.asarray(distance_transform_edt(~mask) <= pixels)
