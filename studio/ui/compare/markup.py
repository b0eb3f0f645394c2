"""Markup of the Compare tab: the question, a column a run, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from studio.export.second_opinions import believed
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
    "only_heard",
    "progress",
    "question",
    "says",
    "second_says",
    "summary",
    "unanswered",
    "waiting",
]

DRAWS_NOTHING = N_("draws nothing")


_render = partial(render, "compare.html")


def question(picture: str, target: str, region: str) -> Markup:
    """What all of them are asked; ``picture`` (a data URL) has the region painted on it."""
    return _render("question", picture, target, region)


def factual(picture: str, opinions: Sequence[str] = (), mark: str = "") -> Markup:
    """The first column, once for all, with the models' opinions where they are known.

    :param mark: empty for one model; else not, so that it stands beside both models' columns.
    """
    return _render("factual", picture, opinions, mark)


def says(label: str, model: str = "") -> str:
    """What a model says; which, where there are two."""
    if model:
        return _("{model} says “{label}”", model=model, label=label)
    return _("says “{label}”", label=label)


def waiting(title: str, drawn: str, mark: str = "") -> Markup:
    """A run whose turn has not come.

    :param mark: of the model that is asked: ``first``, ``second``, empty where there is only one.
    """
    return _column(title, drawn, "waiting", mark=mark)


def going(
    title: str, drawn: str, picture: str | None, step: int = 0, total: int = 0, p: float = 0.0,
    mark: str = "",
) -> Markup:  # fmt: skip
    """The run under way; ``picture`` its newest frame."""
    if picture is None:
        return _column(title, drawn, "running", lines=[_("starting …")], mark=mark)
    pictures = [(picture, _("{title} at step {step}", title=title, step=step))]
    lines = [_("step {step} of {total}", step=step, total=total), _("target {p:.0%}", p=p)]
    return _column(title, drawn, "running", pictures, lines, mark)


def answered(
    title: str,
    drawn: str,
    picture: str,
    heat: str,
    row: Mapping[str, Any],
    others: Sequence[tuple[str, Mapping[str, Any]]] = (),
    *,
    chosen: bool = False,
    mark: str = "",
    second: str = "",
) -> Markup:
    """Counterfactual, absolute difference, how it ended, and the run's further answers.

    :param drawn: what tells it from the others: its settings and seed, as ``seed 3``, or that the
        method draws nothing.
    :param others: picture (a data URL) and row of each further answer.
    :param second: what another model says of it, a sentence.
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
        "column", title, drawn, *badge(row), pictures, lines, further, chosen, mark, second,
    )  # fmt: skip


def second_says(opinion: str, agrees: bool | None, p: float | None, model: str) -> str:
    """What another model says of an answer, before and after.

    :param agrees: whether it takes the answer for the target; None where it knows no such class.
    """
    if agrees is None:
        return _("{model}: {opinion}", model=model, opinion=opinion)
    sure = "" if p is None else _("target {p:.0%}", p=p)
    verdict = _("✓ believes it") if agrees else _("✗ does not believe it")
    return ", ".join(filter(None, (f"{model}: {opinion}", sure, verdict)))


def _opinion(row: Mapping[str, Any], before: str) -> list[str]:
    p = row["target_probability"]
    return [
        _("{before}says “{label}”", before=before, label=row["label"]),
        *([] if p is None else [_("target {p:.0%}", p=p)]),
    ]


def unanswered(title: str, drawn: str, status: str, reason: str | None, mark: str = "") -> Markup:
    """A run without an answer, and why."""
    said = sentence(reason or N_("stopped before the first step"))
    return _column(title, drawn, status, lines=[said], mark=mark)


def _column(
    title: str,
    drawn: str,
    status: str,
    pictures: Sequence[tuple[str, str]] = (),
    lines: Sequence[str] = (),
    mark: str = "",
) -> Markup:
    return _render("column", title, drawn, status, STATUS[status], pictures, lines, (), False, mark)


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


def summary(
    rows: Sequence[Mapping[str, Any]], target: str, models: Mapping[str, str] | None = None
) -> Markup:
    """How it ended.

    :param models: titles of the models by name, where there are two.
    """
    flipped = [row for row in rows if row["status"] == "flipped"]
    if models:
        text = _("Asked for “{target}”", target=target)
    elif len(rows) > 1:
        text = _(
            "{flipped} of {count} runs made the model say “{target}”",
            flipped=len(flipped), count=len(rows), target=target,
        )  # fmt: skip
    elif flipped:
        text = _("The run made the model say “{target}”", target=target)
    else:
        text = _("The run did not make the model say “{target}”", target=target)
    opinions = [row["oracle_agrees"] for row in flipped if row["oracle_agrees"] is not None]
    if opinions and not models:
        text += f"; {_oracle_says(sum(opinions), len(flipped))}"
    text += "."
    for one in believed(rows) if models else ():
        text += " " + _mutual(one, models or {})
    if stopped := sum(row["status"] == "cancelled" for row in rows):
        text += " " + _(
            "{stopped} stopped before the end, with the last frame as answer.", stopped=stopped
        )
    if silent := sum(row["flipped"] is None for row in rows):
        text += " " + _("{silent} ended without an answer.", silent=silent)
    if models:
        opinions = [row.get("second_agrees") for row in flipped]
        opinions = [agrees for agrees in opinions if agrees is not None]
    sound = flipped and (not opinions or any(opinions))
    return markup.notice("success" if sound else "warning", text)


def _mutual(one: Mapping[str, Any], models: Mapping[str, str]) -> str:
    """Whether a model believes the answers that were made for another."""
    model, second = models[one["model"]], models[one["second"]]
    told = {"model": model, "flipped": one["flipped"], "answers": one["answers"]}
    if one["believes"] is None:
        return _("{model}: flipped by {flipped} of {answers} answers.", **told)
    return _(
        "{model}: flipped by {flipped} of {answers} answers, of which {second} believes "
        "{believes}.", second=second, believes=one["believes"], **told,
    )  # fmt: skip


def _oracle_says(agree: int, count: int) -> str:
    if count == 1:
        return _("the oracle agrees") if agree else _("the oracle disagrees")
    if agree == count:
        return _("the oracle agrees with all of them")
    if not agree:
        return _("the oracle disagrees with all of them")
    return _("the oracle agrees with {agree} of them", agree=agree)


def only_heard(model: str, target: str) -> Markup:
    """That one of two models has no such class."""
    text = _(
        "{model} has no “{target}”: it is not asked for it, and only says what it sees in the "
        "other model’s answers.", model=model, target=target,
    )  # fmt: skip
    return markup.hint(text)


def note(fixed: Sequence[str], left_out: Sequence[str] | Mapping[str, Sequence[str]]) -> Markup:
    """What a comparison does not do as it was asked.

    :param fixed: titles of the methods that draw nothing, where several seeds were asked for.
    :param left_out: titles of the methods that cannot explain this model; of two models by their
        titles.
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
    if isinstance(left_out, Mapping):
        texts += [
            _("{model} cannot be explained by: {left_out}.", model=model, left_out=", ".join(names))
            for model, names in left_out.items() if names
        ]  # fmt: skip
    elif left_out:
        texts.append(
            _(
                "Left out, since this model cannot be explained by: {left_out}.",
                left_out=", ".join(left_out),
            )
        )
    return markup.hint(" ".join(texts)) if texts else Markup()
