"""Markup of an answer: what came of it, its numbers, what changed, other answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from studio.templates import Markup, render
from studio.translation import N_, _
from studio.ui.shared.advice import looking_at
from studio.ui.shared.markup import notice

__all__ = [
    "alternative",
    "alternatives",
    "answer_line",
    "before_after",
    "differences",
    "metrics_table",
    "of_another_question",
    "top_classes",
]

# How an answer's status looks as a notice.
ORACLE = N_(
    "Good: the target, with a high share. Bad: another class, since the answer fools one model."
)
KINDS = {"flipped": "success", "not_flipped": "warning", "cancelled": "warning"}
_render = partial(render, "shared.html")


def answer_line(record: dict[str, Any]) -> Markup:
    """How the run ended, in words."""
    before, after = record["factual"]["label"], record["counterfactual"]["label"]
    target, status = record["target"], record["status"]
    p = record["counterfactual"]["probabilities"][target]
    if status == "cancelled":
        text = _(
            "Stopped at step {step} of {steps}: this is the last frame, not a finished "
            "answer. The model says “{after}”, P({target}) = {p:.0%}.",
            step=record["step"],
            steps=record["steps"],
            after=after,
            target=target,
            p=p,
        )
    elif status == "flipped":
        text = _(
            "Flipped: the model said “{before}”, now it says “{after}” ({p:.0%}).",
            before=before,
            after=after,
            p=p,
        )
    else:
        still = N_("Not flipped: the model still says “{after}”, P({target}) = {p:.0%}.")
        now = N_(
            "Not flipped: the model now says “{after}”, not “{target}”, P({target}) = {p:.0%}."
        )
        text = _(still if after == before else now, after=after, target=target, p=p)
        text += " " + _(
            "This is the best attempt; try a larger region, more steps or another method."
        )
    metrics = record["metrics"]
    error = metrics.get("inversion_error", metrics.get("reconstruction_error"))
    if error is not None:
        text += " " + _(
            "Even unchanged, the prior rebuilds this picture with an error of {error:.3f}.",
            error=error,
        )
    oracle = record["oracle"]
    if oracle:
        seen = oracle["label"]
        agrees = N_("The oracle, an independent judge, agrees: it says “{seen}”.")
        disagrees = N_("The oracle, an independent judge, disagrees: it says “{seen}”.")
        text += " " + _(agrees if seen == after else disagrees, seen=seen)
    return notice(KINDS[status], text)


def of_another_question(record: dict[str, Any]) -> Markup:
    """What the answer shown is to, where the controls ask something else by now."""
    text = _(
        "This answer is to an earlier question: {target}, by {method}. Press Run for the present "
        "one.",
        target=record["target"], method=record["method"],
    )  # fmt: skip
    return notice("warning", text)


def top_classes(record: dict[str, Any], count: int = 5) -> Markup:
    """The model's first classes before and after, as two lists of bars."""
    before, after = (
        list(record[which]["probabilities"].items())[:count]
        for which in ("factual", "counterfactual")
    )
    return _render("top_classes", before, after, record["target"])


def metrics_table(record: dict[str, Any], metrics: Mapping[str, Mapping[str, Any]]) -> Markup:
    """The answer's numbers with what they mean, and which values are good or bad and why.

    :param metrics: title, form, meaning, good, bad and place of each (``backends.service.about``).
    """
    rows = []
    places = {n: m["page"] for n, m in metrics.items() if m["page"] is not None}
    for name in sorted(places, key=places.__getitem__):
        value, metric = record["metrics"].get(name), metrics[name]
        if value is not None:
            shown = metric["form"].format(value)
            rows.append((_(metric["title"]), shown, _(metric["meaning"]), _judged(metric)))
    oracle = record["oracle"]
    if oracle:
        verdict = _(
            "{label} ({target_probability:.0%} for {target})",
            label=oracle["label"],
            target_probability=oracle["target_probability"],
            target=record["target"],
        )
        rows.append((_("Oracle says"), verdict, _("a classifier that no method ever sees"), ORACLE))
    rows.append(
        (
            _("Region"),
            f"{record['region']['area']:.1%}",
            _("from: {source}", source=_(record["region"]["source"])),
            "",
        )
    )
    calls = ", ".join(
        f"{name} {n['forward']}"
        + (_("+{backward} back", backward=n["backward"]) if n["backward"] else "")
        for name, n in record["nfe"].items()
    )
    if calls:
        told = _("forward, and backward where gradients flow")
        rows.append((_("Network evaluations"), calls, told, ""))
    rows.append(
        (_("Time"), f"{record['seconds']:.2f} s", _("seed {seed}", seed=record["seed"]), "")
    )
    return top_classes(record) + _render("metrics", rows)


def _judged(metric: Mapping[str, Any]) -> str:
    told = ((_("Good"), metric["good"]), (_("Bad"), metric["bad"]))
    return " ".join(f"{word}: {_(sentence)}" for word, sentence in told if sentence)


def before_after(factual: str, counterfactual: str) -> Markup:
    """Both pictures (data URLs) under one slider; a range input, so that arrow keys move it."""
    return _render("before_after", factual, counterfactual) + looking_at("before_after")


def alternatives(name: str, others: Sequence[Markup]) -> Markup:
    """The method's further answers, each from :func:`alternative`, below its answer, which it
    calls ``name``."""
    return _render("alternatives", name, others) if others else Markup()


def alternative(
    name: str, target: str, record: Mapping[str, Any], picture: str, heat: str
) -> Markup:
    """A further answer: picture and how much changed (data URLs), what the model and the oracle
    say of it, and its distance.

    :param record: what ``alternatives`` of result.json says of it.
    """
    opinion, oracle = record["counterfactual"], record["oracle"]
    text = _(
        "says “{label}”, P({target}) = {probabilities:.0%}",
        label=opinion["label"],
        target=target,
        probabilities=opinion["probabilities"][target],
    )
    if oracle:
        text += "; " + _("the oracle says “{label}”", label=oracle["label"])
    text += "; " + _("L1 {l1:.1f}, step {step}", l1=record["metrics"]["l1"], step=record["step"])
    return _render("alternative", _("{name} counterfactual", name=name), picture, heat, text)


def differences(
    absolute: str, signed: str, importance: str = "", reconstruction: str = "", beyond: str = ""
) -> Markup:
    """The heatmaps (data URLs) with their scales: ``importance`` where it was asked for; what the
    method's prior makes of the factual, and how much changed ``beyond`` that."""
    amount = ("absolute", _("nothing"), _("black to white"))
    figures = [
        ("absolute", absolute, _("How much changed"), _("how much"), amount),
        (
            "signed",
            signed,
            _("Which became brighter or darker (luminance)"),
            _("brighter, darker"),
            ("signed", _("darker"), _("brighter")),
        ),
        (
            "importance",
            importance,
            _("Which changes mattered"),
            _("what mattered"),
            ("signed", _("against"), _("for the target")),
        ),
        (
            "reconstruction",
            reconstruction,
            _("Your picture, as the method’s prior rebuilds it"),
            _("rebuilt"),
            None,
        ),
        (
            "beyond",
            beyond,
            _("How much changed against the rebuilt picture"),
            _("beyond rebuilding"),
            amount,
        ),
    ]
    shown = [(*figure, looking_at(figure[0])) for figure in figures if figure[1]]
    return _render("differences", shown)
