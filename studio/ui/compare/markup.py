"""Markup of the Compare tab: the question, a column a run, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from studio.templates import Markup, render
from studio.translation import N_, _, ngettext
from studio.ui.shared import markup
from studio.ui.shared.badges import STATUS, badge
from studio.ui.shared.requests import sentence

__all__ = [
    "DRAWS_NOTHING",
    "answered",
    "factual",
    "going",
    "note",
    "progress",
    "question",
    "summary",
    "unanswered",
    "waiting",
]

DRAWS_NOTHING = N_("draws nothing")


_render = partial(render, "compare.html")


def question(picture: str, target: str, region: str) -> Markup:
    """What all of them are asked; ``picture`` (a data URL) has the region painted on it."""
    return _render("question", picture, target, region)


def factual(picture: str, label: str | None = None) -> Markup:
    """The first column, once for all; ``label`` is the model's opinion where it is known."""
    return _render("factual", picture, label)


def waiting(title: str, drawn: str) -> Markup:
    """A run whose turn has not come."""
    return _column(title, drawn, "waiting")


def going(
    title: str, drawn: str, picture: str | None, step: int = 0, total: int = 0, p: float = 0.0
) -> Markup:
    """The run under way; ``picture`` its newest frame."""
    if picture is None:
        return _column(title, drawn, "running", lines=[_("starting …")])
    pictures = [(picture, _("{title} at step {step}", title=title, step=step))]
    lines = [_("step {step} of {total}", step=step, total=total), _("target {p:.0%}", p=p)]
    return _column(title, drawn, "running", pictures, lines)


def answered(
    title: str,
    drawn: str,
    picture: str,
    heat: str,
    row: Mapping[str, Any],
    others: Sequence[tuple[str, Mapping[str, Any]]] = (),
    *,
    chosen: bool = False,
) -> Markup:
    """Counterfactual, absolute difference, how it ended, and the run's further answers.

    :param drawn: with which seed, as ``seed 3``, or that the method draws nothing.
    :param others: picture (a data URL) and row of each further answer.
    """
    pictures = [
        (picture, _("Counterfactual of {title}", title=title)),
        (heat, _("How much {title} changed", title=title)),
    ]
    further = [
        (image, _("The {answer} counterfactual of {title}", answer=_(its["answer"]), title=title),
         _opinion(its, f"{_(its['answer'])}: {_(badge(its)[1])}, "))
        for image, its in others
    ]  # fmt: skip
    lines = _opinion(row, f"{_(row['answer'])}: " if others else "")
    return _render(
        "column", title, drawn, *badge(row), pictures, lines, further, chosen,
    )  # fmt: skip


def _opinion(row: Mapping[str, Any], before: str) -> list[str]:
    p = row["target_probability"]
    return [
        _("{before}says “{label}”", before=before, label=row["label"]),
        *([] if p is None else [_("target {p:.0%}", p=p)]),
    ]


def unanswered(title: str, drawn: str, status: str, reason: str | None) -> Markup:
    """A run without an answer, and why."""
    return _column(
        title, drawn, status, lines=[sentence(reason or N_("stopped before the first step"))]
    )


def _column(
    title: str,
    drawn: str,
    status: str,
    pictures: Sequence[tuple[str, str]] = (),
    lines: Sequence[str] = (),
) -> Markup:
    return _render("column", title, drawn, status, STATUS[status], pictures, lines)


def progress(done: int, count: int, title: str, seconds: float, *, earlier: bool = False) -> Markup:
    """How far the comparison is.

    :param earlier: whether it is about another picture than the page shows by now.
    """
    text = _(
        "{title}: run {done} of {count} · {seconds:.0f} s so far",
        title=title,
        done=done + 1,
        count=count,
        seconds=seconds,
    )
    return markup.notice("going", f"{text} · {_('about the picture before')}" if earlier else text)


def summary(rows: Sequence[Mapping[str, Any]], target: str) -> Markup:
    """How it ended."""
    flipped = [row for row in rows if row["status"] == "flipped"]
    if len(rows) > 1:
        text = _(
            "{flipped} of {count} runs made the model say “{target}”",
            flipped=len(flipped), count=len(rows), target=target,
        )  # fmt: skip
    elif flipped:
        text = _("The run made the model say “{target}”", target=target)
    else:
        text = _("The run did not make the model say “{target}”", target=target)
    opinions = [row["oracle_agrees"] for row in flipped if row["oracle_agrees"] is not None]
    if opinions:
        text += f"; {_oracle_says(sum(opinions), len(flipped))}"
    text += "."
    if stopped := sum(row["status"] == "cancelled" for row in rows):
        text += " " + _(
            "{stopped} stopped before the end, with the last frame as answer.", stopped=stopped
        )
    if silent := sum(row["flipped"] is None for row in rows):
        text += " " + _("{silent} ended without an answer.", silent=silent)
    sound = flipped and (not opinions or any(opinions))
    return markup.notice("success" if sound else "warning", text)


def _oracle_says(agree: int, count: int) -> str:
    if count == 1:
        return _("the oracle agrees") if agree else _("the oracle disagrees")
    if agree == count:
        return _("the oracle agrees with all of them")
    if not agree:
        return _("the oracle disagrees with all of them")
    return _("the oracle agrees with {agree} of them", agree=agree)


def note(fixed: Sequence[str], left_out: Sequence[str]) -> Markup:
    """What a comparison does not do as it was asked.

    :param fixed: titles of the methods that draw nothing, where several seeds were asked for.
    :param left_out: titles of the methods that cannot explain this model.
    """
    texts = []
    if fixed:
        titles = ", ".join(fixed)
        text = ngettext(
            "{titles} draws nothing, so every seed gives the same answer: one column for it.",
            "{titles} draw nothing, so every seed gives the same answer: one column for each of "
            "them.", len(fixed), titles=titles,
        )  # fmt: skip
        texts.append(text)
    if left_out:
        texts.append(
            _(
                "Left out, since this model cannot be explained by: {left_out}.",
                left_out=", ".join(left_out),
            )
        )
    return markup.hint(" ".join(texts)) if texts else Markup()
