"""Markup of several answers in a grid, and of how much they differ (templates/further.html)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from backends.core import Answer
from studio import export
from studio.runs import Run
from studio.runs.rows import row_of
from studio.runs.series import Series
from studio.templates import Markup, render
from studio.translation import _
from studio.ui.shared import canvas, markup
from studio.ui.shared.badges import STATUS, badge
from studio.ui.shared.requests import sentence

__all__ = ["SIDE", "of_series", "spread_of", "summary"]

SIDE = 192  # pixels of a photograph in the grid
_render = partial(render, "further.html")


def of_series(
    series: Series, names: Sequence[str], targets: Sequence[str] = (), factual: str = ""
) -> Markup:
    """A cell a run, with the method's further answers.

    :param names: of the cells.
    :param targets: to ask for when a cell is pressed; none makes them plain figures.
    :param factual: data URL of the picture, shown first.
    """
    cells = [
        _cell(name, run, series, targets[i] if targets else None)
        for i, (name, run) in enumerate(zip(names, series.runs, strict=True))
    ]
    return _render("grid", cells, (factual, _("Your picture")) if factual else None)


def _cell(name: str, run: Run | None, series: Series, target: str | None) -> dict[str, Any]:
    pictures: list[tuple[str, str, str, str, str]] = []
    state = _("not started") if series.ended else _("waiting …")
    if run and run.answer and run.ended:
        answers = [run.answer, *run.answer.alternatives.values()]
        called = [run.answer.record["answer"], *run.answer.alternatives]
        pictures = [
            _picture(run, one, label if len(answers) > 1 else "", name)
            for one, label in zip(answers, called, strict=True)
        ]
    elif run and run.ended:
        state = sentence(run.reason or STATUS[run.state])
    elif run:
        state = _("running …")
    return {"name": name, "pictures": pictures, "state": state, "target": target}


def _picture(run: Run, answer: Answer, label: str, name: str) -> tuple[str, str, str, str, str]:
    """Of one answer: picture, what it is, kind and words of its badge, what the models say."""
    record = run.answer.record | answer.record if run.answer else answer.record
    seen, oracle = record["counterfactual"], record["oracle"]
    state = {"status": record["status"], "oracle_agrees": oracle["agrees"] if oracle else None}
    kind, words = badge(state)
    p = seen["probabilities"][record["target"]]
    line = _("model: {label} · P {p:.0%}", label=seen["label"], p=p) + (
        " · " + _("oracle: {label}", label=oracle["label"]) if oracle else ""
    )
    url = canvas.preview(export.as_picture(answer.counterfactual), SIDE)
    text = _("{label} counterfactual, {name}", label=_(label), name=name).strip().capitalize()
    return url, text, kind, f"{_(label)}: {_(words)}" if label else words, line


def spread_of(
    told: Mapping[str, Any], metrics: Mapping[str, Mapping[str, Any]], heat: str, brightest: float
) -> Markup:
    """Mean and standard deviation of each number, beside the map of the pictures' deviation.

    :param told: as :func:`studio.runs.rows.spread` gives it.
    :param heat: the map, a data URL.
    :param brightest: what its brightest colour means, in [0, 1].
    """
    rows = [
        (
            _("Flipped"),
            _("{flipped} of {answers}", flipped=told["flipped"], answers=told["answers"]),
            "",
        )
    ]
    if told["oracle_agrees"] is not None:
        rows.append(
            (
                _("Oracle agrees"),
                _(
                    "{oracle_agrees} of {answers}",
                    oracle_agrees=told["oracle_agrees"],
                    answers=told["answers"],
                ),
                "",
            )
        )
    for name, number in told["numbers"].items():
        if name in metrics:
            title, form, unit = (metrics[name][key] for key in ("title", "form", "unit"))
            deviation = form.format(number["deviation"]).lstrip("+")
            rows.append((title, f"{form.format(number['mean'])} ± {deviation}", unit))
    return _render("spread", rows, heat, f"{brightest:.2f}")


def summary(series: Series) -> Markup:
    """How many answers flipped, and what the oracle says of those."""
    rows = [row_of(one, run) for one, run in zip(series.requests, series.runs, strict=True)]
    flipped = [row for row in rows if row["status"] == "flipped"]
    text = _("{count} of {count_2} answers flipped", count=len(flipped), count_2=len(rows))
    opinions = [row["oracle_agrees"] for row in flipped if row["oracle_agrees"] is not None]
    if opinions:
        text += _(
            "; the oracle agrees with {opinions} of those {count}",
            opinions=sum(opinions),
            count=len(flipped),
        )
    silent = sum(row["flipped"] is None for row in rows)
    text += _(". {silent} ended without an answer.", silent=silent) if silent else "."
    return markup.notice("success" if flipped else "warning", text)
