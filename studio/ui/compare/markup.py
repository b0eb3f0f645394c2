"""Markup of the Compare tab: the question, a column a run, and the table of their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from studio.templates import Markup, render
from studio.ui.shared import markup
from studio.ui.shared.requests import sentence

__all__ = [
    "answered",
    "factual",
    "going",
    "progress",
    "question",
    "summary",
    "table",
    "unanswered",
    "waiting",
]

STATUS = {
    "flipped": "✓ flipped",
    "not_flipped": "✗ not flipped",
    "cancelled": "■ stopped, last frame",
    "stopped": "■ stopped",
    "not_started": "■ not started",
    "failed": "✗ no answer",
    "waiting": "waiting …",
    "running": "running …",
}
FACTS = {  # columns that are no number: heading, better, sorted first, what it means
    "method": ("Method", "", "ascending", ""),
    "seed": ("Seed", "", "ascending", ""),
    "flipped": ("Flipped", "↑", "descending", "whether the model says the target"),
    "oracle": ("Oracle says", "↑", "descending", "an independent judge that no method ever sees"),
}
BETTER = {"higher": ("↑", "descending"), "lower": ("↓", "ascending"), "neither": ("", "ascending")}


_render = partial(render, "compare.html")


def question(picture: str, target: str, region: str) -> Markup:
    """What all of them are asked; ``picture`` (a data URL) has the region painted on it."""
    return _render("question", picture, target, region)


def factual(picture: str, label: str | None = None) -> Markup:
    """The first column, once for all; ``label`` is the model's opinion where it is known."""
    return _render("factual", picture, label)


def waiting(title: str, seed: int) -> Markup:
    """A run whose turn has not come."""
    return _column(title, seed, "waiting")


def going(
    title: str, seed: int, picture: str | None, step: int = 0, total: int = 0, p: float = 0.0
) -> Markup:
    """The run under way; ``picture`` its newest frame."""
    if picture is None:
        return _column(title, seed, "running", lines=["starting …"])
    pictures = [(picture, f"{title} at step {step}")]
    lines = [f"step {step} of {total}", f"target {p:.0%}"]
    return _column(title, seed, "running", pictures, lines)


def answered(
    title: str,
    seed: int,
    picture: str,
    heat: str,
    row: Mapping[str, Any],
    others: Sequence[tuple[str, Mapping[str, Any]]] = (),
    *,
    chosen: bool = False,
) -> Markup:
    """Counterfactual, absolute difference, how it ended, and the run's further answers.

    :param others: picture (a data URL) and row of each further answer.
    """
    pictures = [(picture, f"Counterfactual of {title}"), (heat, f"How much {title} changed")]
    further = [
        (image, f"The {its['answer']} counterfactual of {title}",
         _opinion(its, f"{its['answer']}: {STATUS[its['status']]}, "))
        for image, its in others
    ]  # fmt: skip
    lines = _opinion(row, f"{row['answer']}: " if others else "")
    return _render(
        "column", title, seed, row["status"], STATUS[row["status"]], pictures, lines, further,
        chosen,
    )  # fmt: skip


def _opinion(row: Mapping[str, Any], before: str) -> list[str]:
    p = row["target_probability"]
    return [f"{before}says “{row['label']}”", *([] if p is None else [f"target {p:.0%}"])]


def unanswered(title: str, seed: int, status: str, reason: str | None) -> Markup:
    """A run without an answer, and why."""
    return _column(title, seed, status, lines=[sentence(reason or "stopped before the first step")])


def _column(
    title: str,
    seed: int,
    status: str,
    pictures: Sequence[tuple[str, str]] = (),
    lines: Sequence[str] = (),
) -> Markup:
    return _render("column", title, seed, status, STATUS[status], pictures, lines)


def table(
    rows: Sequence[Mapping[str, Any]],
    titles: Mapping[str, str],
    metrics: Mapping[str, Mapping[str, Any]],
) -> Markup:
    """A row a run; headings are buttons that sort.

    :param titles: of the methods.
    :param metrics: of each its title, direction, unit, form and whether it is compared
        (``backends.service.about``).
    """
    numbers = [
        name
        for name, m in metrics.items()
        if m["compared"] == "always"
        or (m["compared"] == "known" and any(row.get(name) is not None for row in rows))
    ]
    best = {name: _best(rows, name, metrics[name]["direction"]) for name in numbers}

    def cell(row: Mapping[str, Any], name: str) -> dict[str, Any]:
        if name in best:
            return _number(row, name, metrics[name]["form"], best[name])
        return _fact(row, name, titles)

    # What both models say comes first.
    first = [name for name in numbers if name == "target_probability"]
    rest = [name for name in numbers if name not in first]
    shown = ["method", "seed", "flipped", *first, "oracle", *rest]
    heads = [_heading(name, metrics) for name in shown]
    return _render("table", heads, [[cell(row, name) for name in shown] for row in rows])


def _heading(name: str, metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    if name in FACTS:
        label, arrow, first, hint = FACTS[name]
    else:
        metric = metrics[name]
        arrow, first = BETTER[metric["direction"]]
        label, hint = metric["short"] or metric["title"], f"{metric['title']}: {metric['unit']}"
    return {
        "label": f"{label} {arrow}".rstrip(), "first": first, "hint": hint,
        "number": name not in ("method", "flipped", "oracle"),
    }  # fmt: skip


def _best(rows: Sequence[Mapping[str, Any]], name: str, direction: str) -> float | None:
    """The best value among the answers that flipped, where there is anything to choose: a search
    that changed nothing must not win for its short distance."""
    values = [row[name] for row in rows if row["status"] == "flipped" and row[name] is not None]
    if direction == "neither" or len(set(values)) < 2:
        return None
    return float(max(values) if direction == "higher" else min(values))


def _fact(row: Mapping[str, Any], name: str, titles: Mapping[str, str]) -> dict[str, Any]:
    if name == "method":
        label = titles.get(row["method"], row["method"])
        label += f", {row['answer']}" if row.get("answer") else ""
        return _cell(label, label, "head")
    if name == "flipped":
        text = {True: "✓ yes", False: "✗ no", None: "–"}[row["flipped"]]
        if row["status"] not in ("flipped", "not_flipped"):
            text = STATUS[row["status"]]
        return _cell(text, None if row["flipped"] is None else int(row["flipped"]))
    if name == "oracle":
        if row["oracle_label"] is None:
            return _cell("–", None)
        agrees = row["oracle_agrees"]
        text = f"{row['oracle_label']} {'✓ agrees' if agrees else '✗ disagrees'}"
        return _cell(text, int(bool(agrees)))
    return _cell(str(row[name]), row[name], "number")


def _number(row: Mapping[str, Any], name: str, form: str, best: float | None) -> dict[str, Any]:
    value = row[name]
    if value is None:
        return _cell("–", None, "number")
    marked = value == best and row["status"] == "flipped"
    return _cell(form.format(value), value, "number", best=marked)


def _cell(text: str, value: Any, kind: str = "text", *, best: bool = False) -> dict[str, Any]:
    """A cell for the template: ``value`` is what it is sorted by."""
    return {"text": text, "value": "" if value is None else value, "kind": kind, "best": best}


def progress(done: int, count: int, title: str, seconds: float) -> Markup:
    """How far the comparison is."""
    return markup.notice("going", f"{title}: run {done + 1} of {count} · {seconds:.0f} s so far")


def summary(rows: Sequence[Mapping[str, Any]], target: str) -> Markup:
    """How it ended."""
    flipped = sum(row["status"] == "flipped" for row in rows)
    answered = sum(row["flipped"] is not None for row in rows)
    text = f"{flipped} of {len(rows)} runs made the model say “{target}”."
    if answered < len(rows):
        text += f" {len(rows) - answered} ended without an answer."
    return markup.notice("success" if flipped else "warning", text)
