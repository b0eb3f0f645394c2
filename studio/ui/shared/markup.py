"""Small pieces of markup: bars, a curve, the table of an answer (templates/shared.html)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from studio.templates import Markup, render
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
ORACLE = (
    "Good: the target, with a high share. Bad: another class, since the answer fools one model."
)
KINDS = {"flipped": "success", "not_flipped": "warning", "cancelled": "warning"}
_render = partial(render, "shared.html")


def curve(points: Sequence[tuple[int, float]], total: int, target: str) -> Markup:
    """The target's probability over the steps so far, as SVG.

    :param points: step, from 1 to ``total``, and probability of each.
    """
    span = max(total, 2) - 1
    now = f"{points[-1][1]:.1%}" if points else "not yet known"
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
    index: int, total: int, phase: str, seconds: float, probability: float, target: str
) -> Markup:
    """Step i of n, what is done, what is left."""
    left = seconds / max(index, 1) * (total - index)
    rest = f"about {left:.0f} s left" if left >= 0.5 else "almost done"
    state = f"step {index} of {total} · {phase} · P({target}) = {probability:.0%} · {rest}"
    return notice("going", state)


def answer_line(record: dict[str, Any]) -> Markup:
    """How the run ended, in words."""
    before, after = record["factual"]["label"], record["counterfactual"]["label"]
    target, status = record["target"], record["status"]
    p = record["counterfactual"]["probabilities"][target]
    if status == "cancelled":
        text = (
            f"Stopped at step {record['step']} of {record['steps']}: this is the last frame, not a "
            f"finished answer. The model says “{after}”, P({target}) = {p:.0%}."
        )
    elif status == "flipped":
        text = f"Flipped: the model said “{before}”, now it says “{after}” ({p:.0%})."
    else:
        says = f"still says “{after}”" if after == before else f"now says “{after}”, not “{target}”"
        text = (
            f"Not flipped: the model {says}, P({target}) = {p:.0%}. This is the best "
            "attempt; try a larger region, more steps or another method."
        )
    metrics = record["metrics"]
    error = metrics.get("inversion_error", metrics.get("reconstruction_error"))
    if error is not None:
        text += f" Even unchanged, the prior rebuilds this picture with an error of {error:.3f}."
    oracle = record["oracle"]
    if oracle:
        seen = oracle["label"]
        opinion = f"agrees: it says “{seen}”" if seen == after else f"disagrees: it says “{seen}”"
        text += f" The oracle, an independent judge, {opinion}."
    return notice(KINDS[status], text)


def of_another_question(record: dict[str, Any]) -> Markup:
    """What the answer shown is to, where the controls ask something else by now."""
    text = f"This answer is to an earlier question: {record['target']}, by {record['method']}."
    return notice("warning", f"{text} Press Run for the present one.")


def failure(reason: str) -> Markup:
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
            rows.append((metric["title"], shown, metric["meaning"], _judged(metric)))
    oracle = record["oracle"]
    if oracle:
        verdict = f"{oracle['label']} ({oracle['target_probability']:.0%} for {record['target']})"
        rows.append(("Oracle says", verdict, "a classifier that no method ever sees", ORACLE))
    rows.append(
        ("Region", f"{record['region']['area']:.1%}", f"from: {record['region']['source']}", "")
    )
    calls = ", ".join(
        f"{name} {n['forward']}" + (f"+{n['backward']} back" if n["backward"] else "")
        for name, n in record["nfe"].items()
    )
    if calls:
        told = "forward, and backward where gradients flow"
        rows.append(("Network evaluations", calls, told, ""))
    rows.append(("Time", f"{record['seconds']:.2f} s", f"seed {record['seed']}", ""))
    return top_classes(record) + _render("metrics", rows)


def _judged(metric: Mapping[str, Any]) -> str:
    told = (("Good", metric["good"]), ("Bad", metric["bad"]))
    return " ".join(f"{word}: {sentence}" for word, sentence in told if sentence)


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
    text = f"says “{opinion['label']}”, P({target}) = {opinion['probabilities'][target]:.0%}"
    if oracle:
        text += f"; the oracle says “{oracle['label']}”"
    text += f"; L1 {record['metrics']['l1']:.1f}, step {record['step']}"
    return _render("alternative", f"{name} counterfactual", picture, heat, text)


def differences(
    absolute: str, signed: str, importance: str = "", reconstruction: str = "", beyond: str = ""
) -> Markup:
    """The heatmaps (data URLs) with their scales: ``importance`` where it was asked for; what the
    method's prior makes of the factual, and how much changed ``beyond`` that."""
    amount = ("absolute", "nothing", "black to white")
    figures = [
        ("absolute", absolute, "How much changed", "how much", amount),
        ("signed", signed, "Which became brighter or darker (luminance)", "brighter, darker",
         ("signed", "darker", "brighter")),
        ("importance", importance, "Which changes mattered", "what mattered",
         ("signed", "against", "for the target")),
        ("reconstruction", reconstruction, "Your picture, as the method’s prior rebuilds it",
         "rebuilt", None),
        ("beyond", beyond, "How much changed against the rebuilt picture", "beyond rebuilding",
         amount),
    ]  # fmt: skip
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
    return _render("to_fetch", " and ".join(f"“{name}”" for name in missing), items)


def _arrived(item: Mapping[str, Any]) -> str:
    return f", {megabytes(item['have'])} arrived" if item["have"] else ""


def megabytes(size: int) -> str:
    """``38 MB``, or ``0.9 MB`` below ten."""
    return f"{size / 1e6:.0f} MB" if size >= 1e7 else f"{size / 1e6:.1f} MB"


def fetching(parts: Sequence[str], phase: str, done: int, total: int) -> Markup:
    """How far a pull is with what it fetches now."""
    share = f": {megabytes(done)} of {megabytes(total)}" if phase == "downloading" else " …"
    text = f"{', '.join(parts)}: {phase}{share}"
    return _render("progress", text, "Fetched", done, max(total, 1))


def progress_bar(share: float, text: str) -> Markup:
    """How far something is, 0 to 1, beside words."""
    return _render("progress", text, "Progress", f"{share:.3f}")


def opinions(labels: Mapping[str, tuple[str, float]]) -> Markup:
    """What models of people's labels say: by model the class and its probability."""
    texts = [
        f"“{name}”, of people’s labels, says {label} ({share:.0%})"
        for name, (label, share) in labels.items()
    ]
    return hint("; ".join(texts)) if texts else Markup()


def hint(text: str) -> Markup:
    """What to do next."""
    return notice("hint-line", text)


def waiting(ahead: int) -> Markup:
    """Accepted, nothing to show yet; ``ahead`` of the person's own runs come first."""
    return notice("going", f"waiting for {ahead} of your runs …" if ahead else "starting …")


def stopping() -> Markup:
    """The stop was asked for and takes effect after the step under way."""
    return notice("going", "stopping after this step …")
