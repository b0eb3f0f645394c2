"""The original picture and what a model sees of it: masks carried in, answers pasted back."""

from __future__ import annotations

import numpy as np
from PIL import Image

from backends.core import Placement
from backends.errors import BadInput
from backends.imaging.orientation import TURNS

__all__ = ["carried", "centred", "padded", "pasted", "stored_size", "turned_mask", "whole"]

ENOUGH = 0.5 - 1e-4  # of a pixel of the model must be marked: half, give or take rounding
FINEST = 8192  # points a side, at most, where a tilted mask is looked at


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
    from scipy.sparse import csr_array

    if placement.tilt:
        share = _tilted_share(mask > 0, placement, side)
    else:
        left, top, right, bottom = placement.box
        # Nearly all weights are 0, and of a photograph there are many.
        rows = csr_array(_overlap(mask.shape[0], side, top, bottom))
        columns = _overlap(mask.shape[1], side, left, right)
        share = rows @ (mask > 0).astype(np.float32) @ columns.T
    if mask.any() and not (share >= ENOUGH).any():
        raise BadInput(
            "the mask marks less than one pixel of what the model sees, or lies outside of it; "
            "mark more"
        )
    return np.where(share >= ENOUGH, 255, 0).astype(np.uint8)


def pasted(
    original: Image.Image, factual: np.ndarray, answer: np.ndarray, placement: Placement,
    mask: np.ndarray | None = None, feather: int = 0,
) -> Image.Image:  # fmt: skip
    """Put an answer's changes into the original at its own size. Where nothing changed the original
    stays as it is, bit for bit.

    :param original: upright, of mode L or RGB.
    :param factual: uint8 [S, S, C], as the model sees the original.
    :param answer: likewise.
    :param mask: uint8 [S, S], non-zero in the region; needed to feather.
    :param feather: pixels of the original over which the changes fade in from the region's edge.
    """
    change = (answer.astype(np.float32) - factual).reshape(*answer.shape[:2], -1)
    values = np.asarray(original).reshape(original.height, original.width, -1)
    if values.shape[-1] < change.shape[-1]:
        values = np.repeat(values, 3, axis=-1)
    part = _reach((change != 0).any(-1), placement, original.size)
    if part is None:
        return Image.fromarray(values.squeeze())
    left, top, right, bottom = part
    size, map_ = (right - left, bottom - top), _affine(placement, answer.shape[0], left, top)
    touched = _seen_at((change != 0).any(-1), map_, size)
    smooth = np.stack([_enlarged(change[..., c], map_, size) for c in range(change.shape[-1])], -1)
    if feather and mask is not None:
        from scipy.ndimage import distance_transform_edt

        region = np.pad(_seen_at(mask > 0, map_, size), 1)
        depth = distance_transform_edt(region)[1:-1, 1:-1]
        smooth = smooth * (depth / feather).clip(0, 1)[..., None]
    before = values[top:bottom, left:right]
    after = (before + smooth).clip(0, 255).round().astype(np.uint8)
    pasted = values.copy()
    pasted[top:bottom, left:right] = np.where(touched[..., None], after, before)
    return Image.fromarray(pasted.squeeze())


def stored_size(placement: Placement) -> tuple[int, int]:
    """(width, height) of the original as its file stores it, before it was turned upright."""
    width, height = placement.original
    return (height, width) if placement.orientation >= 5 else (width, height)


def turned_mask(mask: np.ndarray, placement: Placement) -> np.ndarray:
    """Turn a mask of the original as it is stored, [H, W], as the original was turned."""
    picture = Image.fromarray(mask)
    return np.asarray(picture.transpose(TURNS[placement.orientation]))


Affine = tuple[float, float, float, float, float, float]


def _affine(placement: Placement, side: int, left: int = 0, top: int = 0) -> Affine:
    """From the original's pixels, whose corner is at (left, top), to those of the model: x' =
    a x + b y + c, y' = d x + e y + f."""
    x0, y0, x1, y1 = placement.box
    across, down = side / (x1 - x0), side / (y1 - y0)
    cos, sin = np.cos(np.radians(placement.tilt)), np.sin(np.radians(placement.tilt))
    x, y = left - (x0 + x1) / 2, top - (y0 + y1) / 2
    return (
        float(across * cos), float(across * sin), float(across * (cos * x + sin * y) + side / 2),
        float(-down * sin), float(down * cos), float(down * (cos * y - sin * x) + side / 2),
    )  # fmt: skip


def _corners(placement: Placement, side: int, box: tuple[int, int, int, int]) -> np.ndarray:
    """The original's points [4, 2] at the corners of a box in the model's pixels."""
    x0, y0, x1, y1 = placement.box
    left, top, right, bottom = box
    points = np.array([[left, top], [right, top], [left, bottom], [right, bottom]]) / side - 0.5
    points = points * (x1 - x0, y1 - y0)
    cos, sin = np.cos(np.radians(placement.tilt)), np.sin(np.radians(placement.tilt))
    turned = points @ np.array([[cos, sin], [-sin, cos]])
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    return turned + middle


def _reach(
    changed: np.ndarray, placement: Placement, size: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """The part of the original that the changed pixels [S, S] lie in; None where there is none."""
    if not changed.any():
        return None
    rows, columns = (np.flatnonzero(changed.any(axis)) for axis in (1, 0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    corners = _corners(placement, changed.shape[0], box)
    low = np.maximum(np.floor(corners.min(0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(corners.max(0)).astype(int) + 1, size)
    if (high <= low).any():
        return None
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _seen_at(marked: np.ndarray, map_: Affine, size: tuple[int, int]) -> np.ndarray:
    """Whether the middle of each of the original's pixels lies in a marked one, [H, W]."""
    a, b, c, d, e, f = map_
    x = np.arange(size[0], dtype=np.float64)[None] + 0.5
    y = np.arange(size[1], dtype=np.float64)[:, None] + 0.5
    upright = b == d == 0  # then a row and a column are enough, which a large picture is glad of
    column = np.floor(a * x + c if upright else a * x + b * y + c)
    row = np.floor(e * y + f if upright else d * x + e * y + f)
    side = marked.shape[0]
    inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
    where = row.clip(0, side - 1).astype(np.int32), column.clip(0, side - 1).astype(np.int32)
    return marked[where] & inside


def _tilted_share(mask: np.ndarray, placement: Placement, side: int) -> np.ndarray:
    """Which share of each of the model's pixels is marked, [side, side]."""
    x0, _, x1, _ = placement.box
    finer = min(max(1, round(2 * (x1 - x0) / side)), max(1, FINEST // side))
    ticks = (np.arange(side * finer) + 0.5) / finer
    corner, right, below, _ = _corners(placement, side, (0, 0, side, side))
    across, down = (right - corner) / side, (below - corner) / side
    shares = []
    for rows in ticks.reshape(side, finer):  # a row of the model's at a time
        places = corner + rows[:, None, None] * down + ticks[None, :, None] * across
        column, row = np.floor(places).astype(int).transpose(2, 0, 1)
        inside = (column >= 0) & (column < mask.shape[1]) & (row >= 0) & (row < mask.shape[0])
        row, column = row.clip(0, mask.shape[0] - 1), column.clip(0, mask.shape[1] - 1)
        shares.append((mask[row, column] & inside).reshape(finer, side, finer).mean((0, 2)))
    return np.stack(shares)


def _overlap(length: int, side: int, start: float, stop: float) -> np.ndarray:
    """[side, length]: which share of each new pixel each old one covers."""
    step = (stop - start) / side
    low = start + step * np.arange(side)[:, None]
    old = np.arange(length)[None]
    covered = np.minimum(low + step, old + 1) - np.maximum(low, old)
    return (covered.clip(0) / step).astype(np.float32)


def _enlarged(values: np.ndarray, map_: Affine, size: tuple[int, int]) -> np.ndarray:
    """Values [S, S] of the model's picture over the original's pixels, smoothly, [H, W]."""
    a, b, c, d, e, f = map_
    picture = Image.fromarray(np.pad(values, 1, mode="edge").astype(np.float32))
    padded = (a, b, c + 1, d, e, f + 1)
    return np.asarray(
        picture.transform(size, Image.Transform.AFFINE, padded, Image.Resampling.BILINEAR)
    )
