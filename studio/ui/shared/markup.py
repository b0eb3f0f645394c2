"""Small pieces of markup: bars, a curve, the table of an answer (templates/shared.html)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from backends.errors import StudioError
from studio.templates import Markup, render
from studio.translation import N_, _
from studio.ui.shared.advice import looking_at
from studio.ui.shared.requests import sentence

__all__ = [
    "alternative",
    "alternatives",
    "answer_line",
    "blank",
    "bundle_cards",
    "curve",
    "examples",
    "failure",
    "fetching",
    "heading",
    "hint",
    "instead",
    "loss_curve",
    "megabytes",
    "metrics_table",
    "notice",
    "opinions",
    "phrase",
    "progress_bar",
    "progress_line",
    "skip",
    "to_fetch",
    "top_classes",
]


# How an answer's status looks as a notice.
ORACLE = N_(
    "Good: the target, with a high share. Bad: another class, since the answer fools one model."
)
KINDS = {"flipped": "success", "not_flipped": "warning", "cancelled": "warning"}
_render = partial(render, "shared.html")


# What methods, pulls and trainings are at, in words of theirs.
PHASES = (
    N_("ascent"), N_("blending"), N_("bridge"), N_("denoising"), N_("descent"), N_("injection"),
    N_("inversion"), N_("path"), N_("reconstruction"), N_("waiting"), N_("finding"),
    N_("downloading"), N_("checking"), N_("converting"), N_("ready"), N_("reading"),
    N_("estimating"), N_("drawing"), N_("fitting"), N_("student"), N_("standard"), N_("reliable"),
    N_("exchange"), N_("random search"), N_("shrinkage"), N_("diffusion"),
)  # fmt: skip


def curve(points: Sequence[tuple[int, float]], total: int, target: str) -> Markup:
    """The target's probability over the steps so far, as SVG.

    :param points: step, from 1 to ``total``, and probability of each.
    """
    span = max(total, 2) - 1
    now = f"{points[-1][1]:.1%}" if points else _("not yet known")
    places = [
        (f"{34 + 378 * (step - 1) / span:.1f}", f"{10 + 116 * (1 - p):.1f}") for step, p in points
    ]
    line = " ".join(",".join(place) for place in places)
    return _render("curve", target, total, line, places[-1] if places else None, now)


def loss_curve(losses: Sequence[float]) -> Markup:
    """The training loss so far, as SVG, from its greatest to its least value."""
    if len(losses) < 2:
        return Markup()
    low, high = min(losses), max(losses)
    points = " ".join(
        f"{400 * n / (len(losses) - 1):.1f},{6 + 60 * (high - loss) / ((high - low) or 1):.1f}"
        for n, loss in enumerate(losses)
    )
    return _render("loss_curve", points, losses[-1])


def progress_line(
    index: int, total: int, phase: str, seconds: float, probability: float, target: str,
    note: str = "",
) -> Markup:  # fmt: skip
    """Step i of n, what is done, what is left, and a note."""
    left = seconds / max(index, 1) * (total - index)
    rest = _("about {left:.0f} s left", left=left) if left >= 0.5 else _("almost done")
    state = _(
        "step {index} of {total} · {phase} · P({target}) = {probability:.0%} · {rest}",
        index=index,
        total=total,
        phase=_(phase),
        target=target,
        probability=probability,
        rest=rest,
    )
    return notice("going", f"{state} · {note}" if note else state)


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


def failure(reason: str | StudioError) -> Markup:
    """Why there is no answer."""
    return notice("error", sentence(reason))


def notice(kind: str, text: str) -> Markup:
    """A status line of plain text; ``kind`` (success, warning, error, going) colours it."""
    return _render("notice", kind, text)


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


def blank(text: str) -> Markup:
    """What a pane without a picture says."""
    return _render("blank", text)


def phrase(words: str) -> Markup:
    """Words of the sentence between its controls."""
    return _render("phrase", words)


def heading(text: str) -> Markup:
    """What a pane shows."""
    return _render("heading", text)


def skip() -> Markup:
    """The page's first button, seen when it has the focus: past all tabs, to the question."""
    return _render("skip")


def bundle_cards(cards: Sequence[tuple[str, str, str, str, str]]) -> Markup:
    """A card for each bundle: name, title, description, what it needs, a picture (data URL, or
    empty)."""
    return _render("bundle_cards", cards)


def examples(pictures: Sequence[tuple[str, str, str]]) -> Markup:
    """Example pictures to choose from: file, class and data URL of each."""
    return _render("examples", pictures)


def mistakes(found: Sequence[tuple[int, str, str, str, str]], total: int) -> Markup:
    """Pictures that the model gets wrong, to explain at a click: place, class, what the model says,
    how surely, and data URL of each.

    :param total: pictures that were looked at.
    """
    return _render("mistakes", found, total)


def instead(label: str | None) -> Markup:
    """The part of the sentence that names what the model says now; None where there is no
    picture."""
    return _render("instead", label)


def frame(picture: str) -> Markup:
    """The search's present state (a data URL)."""
    return _render("frame", picture)


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


def to_fetch(missing: Mapping[str, Sequence[Mapping[str, Any]]]) -> Markup:
    """What is published elsewhere and not here, by bundle (``backends.service.to_pull``), and under
    which terms."""
    items = [
        {
            "parts": ", ".join(item["parts"]), "title": item["title"],
            "size": megabytes(item["size"]) + _arrived(item), "licence": item["licence"],
            "terms": item["weights_terms"],
        }
        for group in missing.values() for item in group
    ]  # fmt: skip
    return _render("to_fetch", _(" and ").join(f"“{name}”" for name in missing), items)


def _arrived(item: Mapping[str, Any]) -> str:
    return ", " + _("{have} arrived", have=megabytes(item["have"])) if item["have"] else ""


def megabytes(size: int) -> str:
    """``38 MB``, or ``0.9 MB`` below ten."""
    return (
        _("{size:.0f} MB", size=size / 1000000.0)
        if size >= 1e7
        else _("{size:.1f} MB", size=size / 1000000.0)
    )


def fetching(parts: Sequence[str], phase: str, done: int, total: int) -> Markup:
    """How far a pull is with what it fetches now."""
    text = f"{', '.join(parts)}: {_(phase)}"
    if phase == "downloading":
        share = _("{done} of {total}", done=megabytes(done), total=megabytes(total))
        text = f"{text}: {share}"
    else:
        text += " …"
    return _render("progress", text, _("Fetched"), done, max(total, 1))


def progress_bar(share: float, text: str) -> Markup:
    """How far something is, 0 to 1, beside words."""
    return _render("progress", text, _("Progress"), f"{share:.3f}")


def opinions(labels: Mapping[str, tuple[str, float]]) -> Markup:
    """What models of people's labels say: by model the class and its probability."""
    texts = [
        _(
            "“{name}”, of people’s labels, says {label} ({share:.0%})",
            name=name,
            label=label,
            share=share,
        )
        for name, (label, share) in labels.items()
    ]
    return hint("; ".join(texts)) if texts else Markup()


def hint(text: str) -> Markup:
    """What to do next."""
    return notice("hint-line", text)


def waiting(ahead: int, note: str = "") -> Markup:
    """Accepted, nothing to show yet; ``ahead`` of the person's own runs come first."""
    state = _("waiting for {ahead} of your runs …", ahead=ahead) if ahead else _("starting …")
    return notice("going", f"{state} {note}" if note else state)


def stopping() -> Markup:
    """The stop was asked for and takes effect after the step under way."""
    return notice("going", _("stopping after this step …"))
