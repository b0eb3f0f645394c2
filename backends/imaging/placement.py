"""The original picture and what a model sees of it: masks carried in, answers pasted back."""

from __future__ import annotations

import numpy as np
from PIL import Image

from backends.core import Placement
from backends.errors import BadInput

__all__ = ["carried", "centred", "padded", "pasted", "whole"]

ENOUGH = 0.5  # of a pixel of the model must be marked


def centred(size: tuple[int, int]) -> Placement:
    """The central square of a picture of (width, height)."""
    width, height = size
    side = min(size)
    left, top = (width - side) / 2, (height - side) / 2
    return Placement(size, (left, top, left + side, top + side))


def whole(size: tuple[int, int]) -> Placement:
    """All of a picture, squeezed into a square."""
    return Placement(size, (0.0, 0.0, float(size[0]), float(size[1])))


def padded(size: tuple[int, int]) -> Placement:
    """All of a picture in the middle of a square that is as long as its longer side."""
    width, height = size
    side = max(size)
    left, top = (width - side) / 2, (height - side) / 2
    return Placement(size, (left, top, left + side, top + side))


def carried(mask: np.ndarray, placement: Placement, side: int) -> np.ndarray:
    """Carry a mask of the original to what the model sees.

    :param mask: uint8 [H, W] of the original, non-zero where change is allowed.
    :param side: of the model's picture, in pixels.
    :return: uint8 [side, side] of 0 and 255, marked where at least half of a pixel is.
    :raises BadInput: too little is marked to reach any pixel.
    """
    left, top, right, bottom = placement.box
    rows = _overlap(mask.shape[0], side, top, bottom)
    columns = _overlap(mask.shape[1], side, left, right)
    share = rows @ (mask > 0).astype(np.float64) @ columns.T
    if mask.any() and not (share >= ENOUGH).any():
        raise BadInput(
            "the mask marks less than one pixel of what the model sees, or lies outside of it; "
            "mark more"
        )
    return np.where(share >= ENOUGH - 1e-9, 255, 0).astype(np.uint8)


def pasted(
    original: Image.Image, factual: np.ndarray, answer: np.ndarray, placement: Placement
) -> Image.Image:
    """Put an answer's changes into the original at its own size. Where nothing changed the original
    stays as it is, bit for bit.

    :param original: upright, of mode L or RGB.
    :param factual: uint8 [S, S, C], as the model sees the original.
    :param answer: likewise.
    """
    change = (answer.astype(np.float64) - factual).reshape(*answer.shape[:2], -1)
    width, height = original.size
    left, top, right, bottom = placement.box
    rows = _nearest(height, answer.shape[0], top, bottom)
    columns = _nearest(width, answer.shape[1], left, right)
    inside = (rows >= 0)[:, None] & (columns >= 0)[None]
    touched = (change != 0).any(-1)[rows][:, columns] & inside
    smooth = np.stack(
        [_enlarged(change[..., c], original.size, placement.box) for c in range(change.shape[-1])],
        -1,
    )
    values = np.asarray(original).reshape(height, width, -1)
    if values.shape[-1] < smooth.shape[-1]:
        values = np.repeat(values, 3, axis=-1)
    moved = (values + smooth).clip(0, 255).round().astype(np.uint8)
    return Image.fromarray(np.where(touched[..., None], moved, values).squeeze())


def _overlap(length: int, side: int, start: float, stop: float) -> np.ndarray:
    """[side, length]: which share of each new pixel each old one covers."""
    step = (stop - start) / side
    low = start + step * np.arange(side)[:, None]
    old = np.arange(length)[None]
    covered = np.minimum(low + step, old + 1) - np.maximum(low, old)
    return covered.clip(0) / step


def _nearest(length: int, side: int, start: float, stop: float) -> np.ndarray:
    """[length]: in which new pixel the middle of each old one lies; -1 in none."""
    place = np.floor((np.arange(length) + 0.5 - start) / (stop - start) * side).astype(int)
    return np.where((place >= 0) & (place < side), place, -1)


def _enlarged(
    values: np.ndarray, size: tuple[int, int], box: tuple[float, float, float, float]
) -> np.ndarray:
    """Values [S, S] of the model's picture over the original's pixels, smoothly, [H, W]."""
    left, top, right, bottom = box
    across, down = values.shape[1] / (right - left), values.shape[0] / (bottom - top)
    picture = Image.fromarray(np.pad(values, 1, mode="edge").astype(np.float32))
    affine = (across, 0, 1 - left * across, 0, down, 1 - top * down)
    return np.asarray(
        picture.transform(size, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
    )
