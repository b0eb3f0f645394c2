"""What the tab shows of pictures, of a bundle that is made, of a training, and of how it ended."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from backends import registry
from studio import export
from studio.runs.background_tasks import BackgroundTask
from studio.templates import Markup, render
from studio.translation import N_, _, ngettext
from studio.ui.shared import markup

if TYPE_CHECKING:
    from backends.evaluation.domain import Report
    from backends.evaluation.watched import DomainProgress
    from backends.training.new import Made
    from backends.training.preparing import Preview

__all__ = ["look", "state"]

_render = partial(render, "domain.html")
SIDE = 96  # pixels of an original on the page
CLASSES = 12  # that are counted one by one
LEFT_OUT = 10  # sentences
PARTS = {
    "classifier": N_("classifier"),
    "oracle": N_("oracle, the independent judge"),
    "latent_autoencoder": N_("autoencoder"),
    "velocity": N_("velocity field (LeapFactual, LDCE)"),
    "bridge": N_("bridge (RCSB)"),
    "flow": N_("flow (Diffeomorphic)"),
    "density": N_("density (PLACE)"),
    "latent_ensemble": N_("ensemble (CLARITY)"),
}


def look(found: Preview, size: int) -> Markup:
    """What a bundle would be made of: how many pictures, and some of them.

    :param size: pixels a side.
    """
    total = sum(found.counts.values())
    named = [f"{label or _('without a class')} {n}" for label, n in found.counts.items()]
    if len(named) > CLASSES:
        more = _("and {count} more classes", count=len(named) - CLASSES)
        told = f"{', '.join(named[:CLASSES])} {more}"
    else:
        told = ", ".join(named)
    text = ngettext(
        "{total} pictures in {count} class, taken as {colours}: {named}.",
        "{total} pictures in {count} classes, taken as {colours}: {named}.",
        len(named), total=total, named=told,
        colours=_("grey") if found.channels == 1 else _("colour"),
    )  # fmt: skip
    pairs = [(label, _thumbnail(picture), _url(seen)) for label, picture, seen in found.pairs]
    return _render("look", text, pairs, size)


def state(task: BackgroundTask) -> Markup:
    """How far a making or a training is, or how it ended."""
    news: DomainProgress | None = task.news
    if task.state == "failed":
        return markup.failure(task.reason)
    if news is None:
        stopped = task.state == "stopped"
        return markup.hint(_("Stopped.")) if stopped else markup.waiting(0)
    return _line(task, news) + _curve(news) + _pictures(news) + _made(news) + _report(news.report)


def _line(task: BackgroundTask, news: DomainProgress) -> Markup:
    part = PARTS.get(news.part, news.part)
    if task.state == "stopped":
        made = news.made is not None or news.phase in ("measuring", "training", "judging")
        text = (
            _("Stopped. Train it for as many minutes again, and it goes on from here.")
            if made
            else _("Stopped. Nothing was made.")
        )
        return markup.notice("warning", text)
    if task.state == "done":
        news_made = N_(
            "“{bundle}” is made. Train it in step 3, or press “Explain pictures of this bundle”."
        )
        trained = N_("“{bundle}” is trained. Now press “Explain pictures of this bundle”.")
        return markup.notice("success", _(news_made if news.made else trained, bundle=news.bundle))
    if news.phase == "reading":
        text = _("Reading pictures: …")
        if news.total:
            text = _("Reading pictures: {step} of {total}", step=news.step, total=news.total)
        return markup.progress_bar(news.share, text)
    if news.phase == "measuring":
        return markup.notice(
            "going", _("Measuring how fast this machine trains the {part} …", part=part)
        )
    if news.phase == "judging":
        return markup.progress_bar(
            news.share,
            _("Judging {part} on held-out pictures", part=_(PARTS.get(news.part, news.part))),
        )
    left = "" if news.left is None else " · " + _("about {left} left", left=_minutes(news.left))
    text = _(
        "Training the {part}: step {step} of about {total}{left} · {share:.0%}",
        part=part,
        step=news.step,
        total=news.total,
        left=left,
        share=news.share,
    )
    return markup.progress_bar(news.share, text)


def _minutes(seconds: float) -> str:
    return (
        _("{seconds:.0f} min", seconds=seconds / 60)
        if seconds >= 90
        else f"{max(seconds, 1):.0f} s"
    )


def _curve(news: DomainProgress) -> Markup:
    """The loss of the part in training, from its greatest to its least value."""
    losses = news.losses
    if len(losses) < 2:
        return Markup()
    low, high = min(losses), max(losses)
    span, last = (high - low) or 1.0, len(losses) - 1
    points = " ".join(
        f"{54 + 358 * n / last:.1f},{10 + 116 * (high - loss) / span:.1f}"
        for n, loss in enumerate(losses)
    )
    part = PARTS.get(news.part, news.part)
    return _render(
        "loss", part, points, f"{high:.3g}", (f"{low:.3g}", f"{losses[-1]:.3g}"), news.step
    )


def _pictures(news: DomainProgress) -> Markup:
    drawn = [(name, _url(picture)) for name, picture in news.drawn]
    pairs = [(_url(picture), _url(again)) for picture, again in news.rebuilt]
    shown = _render("drawn", drawn) if drawn else Markup()
    return shown + (_render("rebuilt", pairs) if pairs else Markup())


def _made(news: DomainProgress) -> Markup:
    made: Made | None = news.made
    if made is None:
        return Markup()
    rows = [(name, n, made.judged.get(name, 0)) for name, n in made.learnt.items()]
    shown = _render("counts", rows)
    if made.left_out:
        some, count = made.left_out[:LEFT_OUT], len(made.left_out)
        shown += _render("sentences", _("Left out:"), some, max(count - LEFT_OUT, 0))
    return shown


def _report(report: Report | None) -> Markup:
    """The closing table and what would help."""
    if report is None or not report.parts:
        return Markup()
    shown = _render("parts", [_part(name, values) for name, values in report.parts.items()])
    if report.methods:
        count = max((row.get("n", 0) for row in report.methods), default=0)
        shown += _render("methods", [_method(row) for row in report.methods], count)
    if report.advice:
        shown += _render("sentences", _("What would help:"), report.advice, 0)
    return shown


def _part(name: str, values: dict[str, float]) -> tuple[str, str, str, str]:
    told = [
        f"{key.removeprefix('test_').replace('_', ' ')} {value:.4g}"
        for key, value in values.items() if key not in ("steps", "seconds")
    ]  # fmt: skip
    minutes = f"{values.get('seconds', 0) / 60:.1f}"
    return PARTS.get(name, name), f"{values.get('steps', 0):.0f}", minutes, ", ".join(told)


def _method(row: dict[str, Any]) -> tuple[str, str, str, str]:
    title = registry.method(str(row["method"])).title
    if problem := row.get("problem"):
        return title, "", "", str(problem)
    flips, agrees = row["flip_rate"], row["oracle_agreement"]
    return title, f"{flips:.0%}", "–" if agrees is None else f"{agrees:.0%}", ""


def _thumbnail(picture: Image.Image) -> str:
    small = picture.convert("RGB")
    small.thumbnail((2 * SIDE, 2 * SIDE))
    return export.data_url(small, "JPEG")


def _url(pixels: np.ndarray) -> str:
    return export.data_url(export.as_picture(pixels))
