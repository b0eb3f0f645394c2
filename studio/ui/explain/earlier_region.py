"""The region of an earlier run, as something to lay over the canvas."""

from __future__ import annotations

from collections.abc import Iterable

from backends import imaging
from studio.runs import Run
from studio.ui.shared.canvas import Overlay

__all__ = ["latest_region", "region_of"]


def region_of(run: Run, *, at_once: bool = False) -> Overlay | None:
    """What a run was asked about, or None while it is not known yet.

    :param at_once: whether it is the region now, without being offered first.
    """
    mask = run.request.mask if run.answer is None else run.answer.mask
    if mask is None:
        return None
    return Overlay(imaging.as_bytes(mask > 0), "earlier", run.request.region, at_once=at_once)


def latest_region(runs: Iterable[Run], shape: tuple[int, ...]) -> Overlay | None:
    """The region of the newest of some runs (oldest first) that fits a picture.

    :param shape: of the picture, [H, W].
    """
    found = (region_of(run) for run in reversed(list(runs)))
    fitting = (one for one in found if one and one.mask is not None and one.mask.shape == shape)
    return next(fitting, None)
