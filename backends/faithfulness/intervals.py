"""How well one set of numbers is told from another, and how sure one can be of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Estimate", "auroc", "mean"]

RESAMPLED, LEVEL = 2000, 0.95


class Estimate(NamedTuple):
    """A value with the ends of its 95 % bootstrap interval (percentiles)."""

    value: float
    low: float
    high: float


def auroc(found: np.ndarray, control: np.ndarray, seed: int) -> Estimate | None:
    """The area under the ROC curve: how often a number of ``found`` is greater than one of
    ``control``, ties counting half. For the interval the pictures of both are drawn anew, each
    with all its models, and apart from each other, as if they were different pictures.

    :param found: [models, pictures], NaN where there is none; ``control`` likewise, of the same
        pictures.
    :returns: None where one of them is all NaN.
    """
    if not (np.isfinite(found).any() and np.isfinite(control).any()):
        return None
    greater = np.sign(found.reshape(-1, 1) - control.reshape(1, -1))
    greater = np.nan_to_num((greater + 1) / 2)
    pictures = found.shape[1]

    def area(*drawn: np.ndarray) -> np.ndarray:
        ours, theirs = (
            (np.isfinite(values) * counts[:, None, :]).reshape(len(counts), -1)
            for values, counts in zip((found, control), drawn, strict=True)
        )
        pairs = ours.sum(1) * theirs.sum(1)
        return np.divide(
            np.einsum("bi,ij,bj->b", ours, greater, theirs, optimize=True), pairs,
            out=np.full(len(pairs), np.nan), where=pairs > 0,
        )  # fmt: skip

    once = np.ones((1, pictures))
    drawn = area(*_counts(pictures, seed).reshape(2, RESAMPLED, pictures))
    return _estimate(area(once, once)[0], drawn)


def mean(values: np.ndarray, seed: int) -> Estimate | None:
    """The mean of numbers [models, pictures], as :func:`auroc`."""
    there = np.isfinite(values)
    if not there.any():
        return None
    sums, sizes = np.nan_to_num(values).sum(0), there.sum(0)
    counts = _counts(values.shape[1], seed)[:RESAMPLED]
    drawn = np.divide(
        counts @ sums, counts @ sizes, out=np.full(len(counts), np.nan), where=counts @ sizes > 0
    )
    return _estimate(sums.sum() / sizes.sum(), drawn)


def _counts(pictures: int, seed: int) -> np.ndarray:
    """How often each picture is drawn in each resample, for two sets, [2 * RESAMPLED, pictures]."""
    share = np.full(pictures, 1 / pictures)
    return np.random.default_rng(seed).multinomial(pictures, share, 2 * RESAMPLED).astype(float)


def _estimate(value: float, drawn: np.ndarray) -> Estimate:
    outside = (1 - LEVEL) / 2
    low, high = np.nanquantile(drawn, [outside, 1 - outside])
    return Estimate(*(round(float(x), 4) for x in (value, low, high)))
