"""Eyes and mouth from the parts of a face."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import label

from backends.faces.parsing import named

__all__ = ["Point", "landmarks", "turned"]

Point = np.ndarray  # (x, y), y downwards

# Where the eyes are, from what is seen of them: their distance, in that of the two halves' middles,
# and how far they lie below these, on the way to the mouth. The last two are for eyes that are
# hidden, averages over 48 faces drawn by the generator.
EYES = {"eyes": (1.0, 0.0), "glasses": (0.87, -0.04), "eyebrows": (0.94, 0.2)}
FEWEST = 2e-4  # of a cut-out: a part with fewer pixels is chance
CORNER = 0.05  # of the mouth's pixels are at either corner


def turned(v: Point) -> Point:
    """By a right angle, from rightwards to downwards."""
    return np.array([-v[1], v[0]])


def landmarks(labels: np.ndarray) -> tuple[Point, Point, Point] | None:
    """Where the eyes are, the left one in the picture first, and the middle of the mouth's corners.

    :param labels: a square picture's classes [S, S], those of :mod:`backends.faces.parsing`.
    :returns: points (x, y) between -1, the left or upper edge, and 1; None where the parts are not
        those of a face that is about upright.
    """

    def where(words: str) -> np.ndarray:
        return np.isin(labels, named(words) or [])

    pieces, _ = label(where("face"))
    ticks = (np.arange(len(labels)) + 0.5) * 2 / len(labels) - 1
    u, v = np.meshgrid(ticks, ticks)
    # Of two faces the one in the middle, unless it is much the smaller one.
    sizes = np.bincount(pieces.ravel(), weights=np.exp(-2 * (u**2 + v**2)).ravel())
    if len(sizes) < 2:
        return None
    face = pieces == 1 + sizes[1:].argmax()

    def points(words: str) -> np.ndarray:
        mask = where(words) & face
        return np.stack([u[mask], v[mask]], axis=1)

    fewest = FEWEST * labels.size
    mouth = points("mouth")
    if len(mouth) < fewest:
        return None
    for words, (spread, drop) in EYES.items():
        eyes = points(words)
        if len(eyes) < 2 * fewest:
            continue
        right = -turned(mouth.mean(0) - eyes.mean(0))
        second = _halves(eyes @ right)
        if min(second.sum(), (~second).sum()) < fewest:
            continue
        eye, other = eyes[~second].mean(0), eyes[second].mean(0)
        middle, half = (eye + other) / 2, (other - eye) / 2
        low = _corners(mouth, half)
        middle, half = middle + drop * (low - middle), spread * half
        if _plausible(2 * half, low - middle):
            return middle - half, middle + half, low
    return None


def _corners(mouth: np.ndarray, right: Point) -> Point:
    """The middle of a mouth's corners: of the pixels [N, 2] farthest to either side."""
    along = mouth @ right
    ends = np.quantile(along, [CORNER, 1 - CORNER])
    return (mouth[along <= ends[0]].mean(0) + mouth[along >= ends[1]].mean(0)) / 2


def _halves(along: np.ndarray) -> np.ndarray:
    """Which of the numbers [N] belong to the upper one of two heaps (k-means)."""
    border = (along.min() + along.max()) / 2
    for _ in range(8):
        border = (along[along <= border].mean() + along[along > border].mean()) / 2
    return along > border


def _plausible(across: Point, down: Point) -> bool:
    """Whether this is about how an upright face's eyes and mouth lie."""
    apart, below = np.hypot(*across), np.hypot(*down)
    upright = down[1] > 0.5 * below
    straight = abs(across @ down) < 0.35 * apart * below
    return bool(upright and straight and 0.4 < apart / below < 2)
