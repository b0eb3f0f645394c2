"""A run on its way to the page: its newest frame, a few a second, and the panels of its answer."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from backends.core import Request
from studio import export
from studio.runs import Run, Runs
from studio.ui.shared import answer_markup, canvas

__all__ = ["Panels", "follow", "newest", "panels", "watched"]

FRAME_GAP = 0.2  # seconds; five frames a second are enough for an eye and easy on a network
AT_ONCE = 5  # people with as many frames; more share that many, since each costs computing time


async def follow(runs: Runs, request: Request, owner: str) -> AsyncIterator[Run]:
    """Start a run and yield it whenever there is something new to show; the last time, it has
    ended. Leaving early stops it, unless its visitor may come back to it."""
    run = runs.start(request, owner)
    try:
        async for _ in watched(run, runs):
            yield run
    finally:
        if not run.visitor:
            run.stop()


async def watched(run: Run, runs: Runs) -> AsyncIterator[Run]:
    """A run whenever there is something new to show; the last time, it has ended."""
    shown = 0.0
    # Most first frames are there in no time; "starting" would only delay them.
    async for frame in run.watch(first=0.15):
        if frame is None:
            yield run
        elif time.monotonic() - shown >= FRAME_GAP * max(1.0, runs.people / AT_ONCE):
            shown = time.monotonic()
            yield run
    yield run


def newest(run: Run) -> str:
    """The newest frame as a data URL."""
    return canvas.preview(export.as_picture(run.frames[-1].picture), 512)


@dataclass(frozen=True)
class Panels:
    """An answer as markup: factual and counterfactual under one slider, the heatmaps, and what
    else the run gave."""

    pair: str
    differences: str
    further: str


def panels(run: Run) -> Panels:
    """The panels of a run's answer."""
    assert run.answer is not None
    answer = run.answer
    pair = (export.as_picture(array) for array in (answer.factual, answer.counterfactual))
    heatmaps = {"absolute": export.absolute_difference(answer)}
    heatmaps["signed"] = export.signed_difference(answer)
    if answer.importance is not None:
        heatmaps["importance"] = export.important_changes(answer.importance)
    if answer.reconstruction is not None:
        heatmaps["reconstruction"] = export.as_picture(answer.reconstruction)
        heatmaps["beyond"] = export.difference_from_reconstruction(answer)
    shown = {name: canvas.preview(picture, 768) for name, picture in heatmaps.items()}
    before_after = (canvas.preview(picture, 768) for picture in pair)
    others = [
        answer_markup.alternative(
            name, answer.record["target"], other.record,
            canvas.preview(export.as_picture(other.counterfactual), 384),
            canvas.preview(export.absolute_difference(other), 384),
        )
        for name, other in answer.alternatives.items()
    ]  # fmt: skip
    return Panels(
        answer_markup.before_after(*before_after), answer_markup.differences(**shown),
        answer_markup.alternatives(answer.record["answer"], others),
    )  # fmt: skip
