"""Controls from a settings schema, and lists of methods: where backends' tables meet the page."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import gradio as gr

__all__ = ["control", "controls", "kind_of", "method_choices", "seed_info", "unfold"]

KINDS = ("method", "variant", "baseline")


def control(name: str, field: dict[str, Any]) -> gr.components.Component:
    """One labelled control for a JSON-schema property, at its default.

    A slider for bounded numbers, a number field for unbounded ones, a drop-down for choices, a
    tick box for switches.
    """
    label, info = field.get("title", name), field.get("description")
    common = {"label": label, "info": info, "value": field.get("default"), "interactive": True}
    if "enum" in field:
        return gr.Dropdown(choices=field["enum"], **common)
    if field["type"] == "boolean":
        return gr.Checkbox(**common)
    low = field.get("minimum", field.get("exclusiveMinimum"))
    high = field.get("maximum", field.get("exclusiveMaximum"))
    whole = field["type"] == "integer"
    if low is None or high is None:
        return gr.Number(precision=0 if whole else None, **common)
    places = 0 if whole else _places(low, high, field.get("default"))
    step = 1 if whole else 10.0**-places
    low = round(low + step, places) if "exclusiveMinimum" in field else low
    high = round(high - step, places) if "exclusiveMaximum" in field else high
    return gr.Slider(low, high, step=step, **common)


def _places(low: float, high: float, default: float | None) -> int:
    """Decimal places of a slider: both ends and the default lie on it, and a small default (a
    rate of 0.0005) can be changed by less than itself."""
    numbers = [n for n in (low, high, default) if n is not None]
    exact = max(-int(Decimal(str(float(n))).normalize().as_tuple().exponent) for n in numbers)
    fine = 1 - math.floor(math.log10(abs(default))) if default else 0
    return max(2 if high - low <= 2 else 1, exact, fine)


def controls(schema: dict[str, Any]) -> dict[str, gr.components.Component]:
    """A control for every property of a pydantic model's JSON schema, in order."""
    return {name: control(name, field) for name, field in schema["properties"].items()}


def kind_of(entry: dict[str, Any]) -> str:
    """Whether a method is a paper's own, a variant of one, or a baseline."""
    return str(entry.get("kind", KINDS[0]))


def method_choices(methods: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """(label, name) of each: the papers' methods first, then variants, then baselines; the
    label tells which."""

    def label(entry: dict[str, Any]) -> str:
        title, kind = entry["title"], kind_of(entry)
        return title if kind == KINDS[0] or kind in title else f"{title} ({kind})"

    order = sorted(methods.items(), key=lambda item: KINDS.index(kind_of(item[1])))
    return [(label(entry), name) for name, entry in order]


def seed_info(entry: dict[str, Any]) -> str:
    """What the seed does to a method."""
    if entry["seeded"]:
        return "Same seed and settings, same answer"
    return "This method does not draw: the seed changes nothing"


def unfold(elem_id: str, methods: dict[str, dict[str, Any]]) -> None:
    """A tick box that shows the variants and baselines in a radio of methods too.

    They are choices all the time, for the API's sake; only the page hides them, and never the
    chosen one.
    """
    more = [name for name, entry in methods.items() if kind_of(entry) != KINDS[0]]
    if not more or len(more) == len(methods):
        return
    tick = f"{elem_id}-more"
    gr.Checkbox(False, label="Show variants and baselines too", elem_id=tick, container=False)
    hidden = ", ".join(
        f'body:has(#{tick} input:not(:checked)) #{elem_id} label:has(input[value="{name}"]'
        ":not(:checked))"
        for name in more
    )
    gr.HTML(f"<style>{hidden} {{ display: none; }}</style>", elem_classes="only-style")
