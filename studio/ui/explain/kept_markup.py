"""Markup of a visitor's earlier answers (templates/kept.html)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from PIL import Image

from backends.regions.spec import RegionSpec
from backends.service.bundles import MethodInfo
from studio import export
from studio.runs import Run
from studio.runs.store import KeptRun
from studio.templates import Markup, render
from studio.translation import N_, _
from studio.ui.shared import canvas
from studio.ui.shared.asked_models import CLASSIFIER

__all__ = ["compared", "gallery"]

VERDICTS = {
    "flipped": N_("flipped"),
    "not_flipped": N_("not flipped"),
    "cancelled": N_("stopped early"),
}
_render = partial(render, "kept.html")


def gallery(
    going: Sequence[Run], kept: Sequence[KeptRun], count: int, methods: Mapping[str, MethodInfo],
    shown: str,
) -> Markup:  # fmt: skip
    """The list: what goes on, then ended runs, the newest first.

    :param count: most ended runs to show.
    :param shown: the id of the run that the page shows.
    """
    runs = [
        {
            "id": r.id,
            "question": _("to “{target}”", target=r.request.target),
            "method": _title(r.request.method, methods),
        }
        for r in going
    ]
    cards = [
        {
            "id": run.id,
            "question": _("“{source}” to “{target}”", source=run.source, target=run.target),
            "verdict": _verdict(run),
            "method": _title(run.method, methods),
            "particular": _particular(run, methods),
            "status": run.status,
            "when": time.strftime("%d %b, %H:%M", time.localtime(run.ended)),
            "picture": _thumbnail(run),
            "shown": run.id == shown,
        }
        for run in kept[:count]
    ]
    return _render("gallery", runs, cards, len(kept) > count, len(kept))


def compared(one: Run, other: Run, methods: Mapping[str, MethodInfo]) -> Markup:
    """Two answered runs side by side, and what differs between them."""
    pair = (one, other)
    rows = [
        (label, *values) for label, values in _rows(pair, methods).items() if values[0] != values[1]
    ]
    return _render("compared", [_side(run) for run in pair], rows, _apart(*pair))


def _rows(pair: tuple[Run, Run], methods: Mapping[str, MethodInfo]) -> dict[str, tuple[str, str]]:
    """Every row that both have, by its label; two methods share few settings."""
    one, other = (_facts(run, methods) for run in pair)
    return {label: (one[label], other[label]) for label in one if label in other}


def _facts(run: Run, methods: Mapping[str, MethodInfo]) -> dict[str, str]:
    assert run.answer is not None
    request, record = run.request, run.answer.record
    target, metrics, oracle = record["target"], record["metrics"], record["oracle"]
    region = RegionSpec.parse(request.region, given=request.mask is not None)
    facts = {
        _("Domain"): request.bundle, _("Model"): request.model, _("Asked for"): target,
        _("Change allowed"): _(region.describe()), _("Method"): _title(request.method, methods),
        _("Seed"): str(request.seed), _("Result"): _(VERDICTS[record["status"]]),
        _("Model’s probability of the target"):
            f"{record['counterfactual']['probabilities'][target]:.0%}",
        _("Oracle says"): oracle["label"] if oracle else "–",
        _("Share of the picture changed"): _number(metrics.get("changed_area"), "{:.1%}"),
        _("Amount of change (L1)"): _number(metrics.get("l1"), "{:.1f}"),
        _("Seconds"): f"{record['seconds']:.1f}",
    }  # fmt: skip
    return facts | {
        _("Setting {key}", key=_setting(key, request.method, methods)): str(value)
        for key, value in record["settings"].items()
    }


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _verdict(run: KeptRun) -> str:
    verdict = _(VERDICTS[run.status])
    return _("{verdict}, from a file", verdict=verdict) if run.brought else verdict


def _particular(run: KeptRun, methods: Mapping[str, MethodInfo]) -> str:
    """Name the run's model, unless it is the bundle's own, and the settings that were changed."""
    model = [] if run.model in ("", CLASSIFIER) else [run.model]
    changed = [f"{_setting(key, run.method, methods)} {run.changed[key]}" for key in run.changed]
    return ", ".join([*model, *changed])


def _title(method: str, methods: Mapping[str, MethodInfo]) -> str:
    return _(methods[method]["title"]) if method in methods else method


def _setting(key: str, method: str, methods: Mapping[str, MethodInfo]) -> str:
    """Name a setting as its control does; one that the method no longer has by its key."""
    fields = methods[method]["schema"]["properties"] if method in methods else {}
    return _(fields[key]["title"]) if key in fields else key


def _side(run: Run) -> dict[str, str]:
    assert run.answer is not None
    record = run.answer.record
    return {
        "picture": _small(export.as_picture(run.answer.counterfactual)),
        "heat": _small(export.absolute_difference(run.answer)),
        "question": _(
            "“{label}” to “{target}”", label=record["factual"]["label"], target=record["target"]
        ),
    }


def _apart(one: Run, other: Run) -> str:
    """How far the two answers are from each other, where they are of the same picture."""
    assert one.answer is not None
    assert other.answer is not None
    if not np.array_equal(one.request.picture, other.request.picture):
        return _("The two answers are about different pictures. Only rows that differ are shown.")
    first, second = (run.answer.counterfactual.astype(np.int16) for run in (one, other))  # type: ignore[union-attr]
    if np.array_equal(first, second):
        return _(
            "Both answers are the same picture, to the last bit. Only rows that differ are shown."
        )
    gap = np.abs(first - second).max(axis=-1)
    return _(
        "The two answers differ in {np:.0%} of the picture, by up to {gap:.0%} of "
        "the range. Only rows that differ are shown.",
        np=np.mean(gap > 0),
        gap=gap.max() / 255,
    )


def _small(picture: Image.Image) -> str:
    return canvas.preview(picture, 192)


def _thumbnail(run: KeptRun) -> str:
    """A data URL; empty where another studio has just removed the file."""
    try:
        return export.encoded_url(run.thumbnail.read_bytes())
    except OSError:
        return ""
