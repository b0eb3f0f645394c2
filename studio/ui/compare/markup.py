"""Markup of the Compare tab: the question, a column a run, and the table of their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from studio.ui.shared import markup

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


def question(picture: str, target: str, region: str) -> str:
    """What all of them are asked; ``picture`` (a data URL) has the region painted on it."""
    return (
        f'<div class="question"><img src="{picture}" alt="The factual and its region"><div>'
        f"<p>What would make the model say <strong>“{escape(target)}”</strong>?</p>"
        f"<p>Change is allowed {escape(region)}.</p></div></div>"
    )


def factual(picture: str, label: str | None = None) -> str:
    """The first column, once for all; ``label`` is the model's opinion where it is known."""
    said = f"<p>says “{escape(label)}”</p>" if label else ""
    return (
        f'<figure class="answer"><h4>Factual</h4><img src="{picture}" alt="Factual">{said}</figure>'
    )


def waiting(title: str, seed: int) -> str:
    """A run whose turn has not come."""
    return _column(title, seed, "waiting", '<div class="blank"></div>', "")


def going(
    title: str, seed: int, picture: str | None, step: int = 0, total: int = 0, p: float = 0.0
) -> str:
    """The run under way; ``picture`` its newest frame."""
    if picture is None:
        return _column(title, seed, "running", '<div class="blank"></div>', "starting …")
    image = f'<img src="{picture}" alt="{escape(title)} at step {step}">'
    return _column(title, seed, "running", image, f"step {step} of {total}<br>target {p:.0%}")


def answered(
    title: str,
    seed: int,
    picture: str,
    heat: str,
    row: Mapping[str, Any],
    others: Sequence[tuple[str, Mapping[str, Any]]] = (),
    *,
    chosen: bool = False,
) -> str:
    """Counterfactual, absolute difference, how it ended, and the run's further answers.

    :param others: picture (a data URL) and row of each further answer.
    """
    images = (
        f'<img src="{picture}" alt="Counterfactual of {escape(title)}">'
        f'<img src="{heat}" alt="How much {escape(title)} changed">'
    )
    said = _opinion(row)
    if others:
        said = f"{escape(row['answer'])}: {said}"
    for image, its in others:
        name = escape(its["answer"])
        said += (
            f'<br><img src="{image}" alt="The {name} counterfactual of {escape(title)}">'
            f"<br>{name}: {STATUS[its['status']]}, {_opinion(its)}"
        )
    return _column(title, seed, row["status"], images, said, chosen)


def _opinion(row: Mapping[str, Any]) -> str:
    p = row["target_probability"]
    return f"says “{escape(row['label'])}”" + ("" if p is None else f"<br>target {p:.0%}")


def unanswered(title: str, seed: int, status: str, reason: str | None) -> str:
    """A run without an answer, and why."""
    text = reason or "stopped before the first step"
    told = escape(text[:1].upper() + text[1:])
    return _column(title, seed, status, '<div class="blank"></div>', told)


def _column(
    title: str, seed: int, status: str, images: str, text: str, chosen: bool = False
) -> str:
    kind = "chosen" if chosen else ""
    mark = '<p class="convinced">★ convinces me</p>' if chosen else ""
    return (
        f'<figure class="answer {kind}"><h4>{escape(title)}<small>seed {seed}</small></h4>{images}'
        f'<p class="badge {status}">{STATUS[status]}</p><p>{text}</p>{mark}</figure>'
    )


def table(
    rows: Sequence[Mapping[str, Any]],
    titles: Mapping[str, str],
    metrics: Mapping[str, Mapping[str, Any]],
) -> str:
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

    def cell(row: Mapping[str, Any], name: str) -> str:
        if name in best:
            return _number(row, name, metrics[name]["form"], best[name])
        return _fact(row, name, titles)

    # What both models say comes first.
    first = [name for name in numbers if name == "target_probability"]
    rest = [name for name in numbers if name not in first]
    shown = ["method", "seed", "flipped", *first, "oracle", *rest]
    head = "".join(_heading(name, metrics) for name in shown)
    body = "".join("<tr>" + "".join(cell(row, name) for name in shown) + "</tr>" for row in rows)
    return (
        '<div class="scroller" tabindex="0" role="region" aria-label="Table of the answers">'
        f'<table class="compared"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        '<p class="legend">Click a heading to sort. ↑ higher is better, ↓ lower is better; ★ best '
        "of those that flipped; – not known.</p>"
    )


def _heading(name: str, metrics: Mapping[str, Mapping[str, Any]]) -> str:
    if name in FACTS:
        label, arrow, first, hint = FACTS[name]
    else:
        metric = metrics[name]
        arrow, first = BETTER[metric["direction"]]
        label, hint = metric["short"] or metric["title"], f"{metric['title']}: {metric['unit']}"
    number = "" if name in ("method", "flipped", "oracle") else ' class="number"'
    return (
        f'<th scope="col" aria-sort="none"{number}><button type="button" data-first="{first}" '
        f'title="{escape(hint)}">{escape(label)}{" " + arrow if arrow else ""}</button></th>'
    )


def _best(rows: Sequence[Mapping[str, Any]], name: str, direction: str) -> float | None:
    """The best value among the answers that flipped, where there is anything to choose: a search
    that changed nothing shall not win for its short distance."""
    values = [row[name] for row in rows if row["status"] == "flipped" and row[name] is not None]
    if direction == "neither" or len(set(values)) < 2:
        return None
    return float(max(values) if direction == "higher" else min(values))


def _fact(row: Mapping[str, Any], name: str, titles: Mapping[str, str]) -> str:
    if name == "method":
        label = titles.get(row["method"], row["method"])
        label += f", {row['answer']}" if row.get("answer") else ""
        return f'<th scope="row" data-value="{escape(label)}">{escape(label)}</th>'
    if name == "flipped":
        said = {True: "✓ yes", False: "✗ no", None: "–"}[row["flipped"]]
        if row["status"] not in ("flipped", "not_flipped"):
            said = escape(STATUS[row["status"]])
        return _data(said, None if row["flipped"] is None else int(row["flipped"]))
    if name == "oracle":
        if row["oracle_label"] is None:
            return _data("–", None)
        agrees = row["oracle_agrees"]
        said = f"{escape(row['oracle_label'])} {'✓ agrees' if agrees else '✗ disagrees'}"
        return _data(said, int(bool(agrees)))
    return _data(str(row[name]), row[name], number=True)


def _number(row: Mapping[str, Any], name: str, form: str, best: float | None) -> str:
    value = row[name]
    if value is None:
        return _data("–", None, number=True)
    text = escape(form.format(value))
    if value == best and row["status"] == "flipped":
        text = f'<strong title="best of those that flipped">★ {text}</strong>'
    return _data(text, value, number=True)


def _data(text: str, value: float | None, *, number: bool = False) -> str:
    kind = ' class="number"' if number else ""
    return f'<td{kind} data-value="{"" if value is None else value}">{text}</td>'


def progress(done: int, count: int, title: str, seconds: float) -> str:
    """How far the comparison is."""
    return markup.line("going", f"{title}: run {done + 1} of {count} · {seconds:.0f} s so far")


def summary(rows: Sequence[Mapping[str, Any]], target: str) -> str:
    """How it ended."""
    flipped = sum(row["status"] == "flipped" for row in rows)
    answered = sum(row["flipped"] is not None for row in rows)
    text = f"{flipped} of {len(rows)} runs made the model say “{target}”."
    if answered < len(rows):
        text += f" {len(rows) - answered} ended without an answer."
    return markup.line("flipped" if flipped else "not_flipped", text)
