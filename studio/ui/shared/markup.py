"""Small pieces of markup: bars, a curve, the table of an answer (templates/shared.html)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from backends.errors import StudioError
from studio.templates import Markup, render
from studio.translation import N_, _
from studio.ui.shared.requests import sentence

__all__ = [
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
    "notice",
    "opinions",
    "phrase",
    "progress_bar",
    "progress_line",
    "skip",
    "to_fetch",
]


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


def failure(reason: str | StudioError) -> Markup:
    """Why there is no answer."""
    return notice("error", sentence(reason))


def notice(kind: str, text: str) -> Markup:
    """A status line of plain text; ``kind`` (success, warning, error, going) colours it."""
    return _render("notice", kind, text)


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
