"""Markup of what an answer is worth and how to read it (templates/advice.html)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from backends.service.advice import Advised
from backends.service.facts import facts
from backends.service.neighbours import Nearest
from backends.service.risks import Risk, warnings
from studio.export import as_picture
from studio.templates import Markup, render
from studio.translation import N_, _
from studio.ui.shared import canvas

__all__ = ["LOOKING_AT", "answer_facts", "looking_at", "methods", "nearest", "risks"]

WORDS = {"good": N_("good"), "caution": N_("careful"), "bad": N_("bad"), "unknown": N_("not known")}
LOOKING_AT = {
    "before_after": N_(
        "Left of the line is your picture as the model sees it, the factual. Right of "
        "it is the counterfactual, a picture made for the model to say what you asked. Outside the "
        "region both are equal, pixel for pixel."
    ),
    "absolute": N_(
        "How much each pixel changed, brighter or darker alike: black is not at all, "
        "yellow is as much as from black to white. Bright places are what the method changed, not "
        "always what the model looks at."
    ),
    "signed": N_(
        "Red became brighter, blue became darker, and black kept its brightness. A change "
        "of colour alone stays dark here."
    ),
    "importance": N_(
        "The model was asked again with the changes of one place taken back. Red: the "
        "target becomes less likely without them, so they matter to it. Blue: the change speaks "
        "against the target. Black: they do not matter."
    ),
    "reconstruction": N_(
        "What the method makes of your picture before anything is asked. Where it "
        "differs from your picture, the method cannot draw it, and that is no answer."
    ),
    "beyond": N_(
        "How much changed against the rebuilt picture: black is not at all, yellow is as "
        "much as from black to white. This is what the question alone brought about."
    ),
}
FIRST = 3  # methods that are not folded
SIDE = 192  # pixels of a real picture on the page

_render = partial(render, "advice.html")


def answer_facts(record: Mapping[str, Any]) -> Markup:
    """The four facts of an answer, then where it is risky to interpret.

    :param record: the content of result.json.
    """
    return _render("facts", facts(record), WORDS) + risks(warnings(record))


def risks(found: Sequence[Risk]) -> Markup:
    """Warnings with their reasons; nothing where there are none."""
    return _render("risks", found) if found else Markup()


def looking_at(pane: str) -> Markup:
    """What a picture of the page shows and what its colours mean, folded.

    :param pane: of :data:`LOOKING_AT`.
    """
    return _render("looking_at", LOOKING_AT[pane])


def methods(advised: Sequence[Advised]) -> Markup:
    """Methods with why to take them, the most fitting first."""
    rows = [
        {
            "title": _(one.title),
            "because": _(one.because),
            "strengths": _(one.strengths),
            "costs": _(one.costs),
            "time": ""
            if one.seconds is None
            else _("Lately {seconds} here.", seconds=_seconds(one.seconds)),
        }
        for one in advised
    ]
    return _render("methods", rows[:FIRST], rows[FIRST:])


def nearest(found: Nearest) -> Markup:
    """Real pictures beside an answer, as a check of its sense."""
    pictures = [
        (
            canvas.preview(as_picture(one.picture), SIDE),
            _("distance {distance:.2f}", distance=one.distance),
        )
        for one in found.neighbours
    ]
    told = _("From the bundle’s pictures, by distance in {space}.", space=_(found.space))
    if found.usual is not None:
        told += _(
            " Two real ones that are neighbours are usually {usual:.2f} apart.", usual=found.usual
        )
    return _render("nearest", _("The nearest real “{label}”", label=found.label), pictures, told)


def _seconds(seconds: float) -> str:
    """``0.4 s``, ``12 s`` or ``3 min``."""
    if seconds >= 100:
        return _("{seconds:.0f} min", seconds=seconds / 60)
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
