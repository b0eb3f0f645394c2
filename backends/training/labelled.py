"""Pictures with what people say they show: what training gets, wherever the labels come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Labelled"]


@dataclass(frozen=True)
class Labelled:
    """Exported rows of a label set.

    :ivar classes: the K names that the columns of ``labels`` stand for.
    :ivar pictures: uint8 [N, H, W, C], as the bundle's models see them.
    :ivar labels: float32 [N, K], each row's shares sum to 1; a hard label is one 1.
    :ivar weights: float32 [N] >= 0, how much each picture counts.
    :ivar version: which label set, by which rule: for the record of what was trained.
    """

    classes: list[str]
    pictures: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    version: str
