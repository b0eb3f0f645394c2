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
from studio.ui.shared import canvas

__all__ = ["LOOKING_AT", "answer_facts", "looking_at", "methods", "nearest", "risks"]

WORDS = {"good": "good", "caution": "careful", "bad": "bad", "unknown": "not known"}
LOOKING_AT = {
    "before_after": "Left of the line is your picture as the model sees it, the factual. Right of "
    "it is the counterfactual, a picture made for the model to say what you asked. Outside the "
    "region both are equal, pixel for pixel.",
    "absolute": "How much each pixel changed, brighter or darker alike: black is not at all, "
    "yellow is as much as from black to white. Bright places are what the method changed, not "
    "always what the model looks at.",
    "signed": "Red became brighter, blue became darker, and black kept its brightness. A change "
    "of colour alone stays dark here.",
    "importance": "The model was asked again with the changes of one place taken back. Red: the "
    "target becomes less likely without them, so they matter to it. Blue: the change speaks "
    "against the target. Black: they do not matter.",
    "reconstruction": "What the method makes of your picture before anything is asked. Where it "
    "differs from your picture, the method cannot draw it, and that is no answer.",
    "beyond": "How much changed against the rebuilt picture: black is not at all, yellow is as "
    "much as from black to white. This is what the question alone brought about.",
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
            "title": one.title, "because": one.because, "strengths": one.strengths,
            "costs": one.costs,
            "time": "" if one.seconds is None else f"Lately {_seconds(one.seconds)} here.",
        }
        for one in advised
    ]  # fmt: skip
    return _render("methods", rows[:FIRST], rows[FIRST:])


def nearest(found: Nearest) -> Markup:
    """Real pictures beside an answer, as a check of its sense."""
    pictures = [
        (canvas.preview(as_picture(one.picture), SIDE), f"distance {one.distance:.2f}")
        for one in found.neighbours
    ]
    told = f"From the bundle’s pictures, by distance in {found.space}."
    if found.usual is not None:
        told += f" Two real ones that are neighbours are usually {found.usual:.2f} apart."
    return _render("nearest", f"The nearest real “{found.label}”", pictures, told)


def _seconds(seconds: float) -> str:
    """``0.4 s``, ``12 s`` or ``3 min``."""
    if seconds >= 100:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
