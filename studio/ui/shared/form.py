"""Controls from a settings schema, and lists of methods: where backends' tables meet the page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import gradio as gr

from backends.service.bundles import MethodInfo, PresetInfo
from studio.translation import N_, _

__all__ = [
    "Fold",
    "bounds",
    "control",
    "controls",
    "fits",
    "folded",
    "kind_of",
    "method_choices",
    "presets",
    "returned",
    "seed_info",
]

KINDS = (N_("method"), N_("variant"), N_("baseline"))


def control(
    name: str, field: dict[str, Any], elem_id: str | None = None
) -> gr.components.Component:
    """One labelled control for a JSON-schema property, at its default.

    A slider for bounded numbers, a number field for unbounded ones, a drop-down for choices, a
    tick box for switches, a line for text.
    """
    label, info = _(field.get("title", name)), _(field.get("description") or "")
    common = {
        "label": label, "info": info or None, "value": field.get("default"), "interactive": True,
        "elem_id": elem_id,
    }  # fmt: skip
    if "enum" in field:
        return gr.Dropdown(choices=[(_(str(one)), one) for one in field["enum"]], **common)
    if field["type"] == "boolean":
        return gr.Checkbox(**common)
    if field["type"] == "string":
        return gr.Textbox(max_lines=1, **common)
    scale = _scale(field)
    if scale is None:
        return gr.Number(precision=0 if field["type"] == "integer" else None, **common)
    return gr.Slider(**scale, **common)


def returned(field: dict[str, Any]) -> Any:
    """The update that brings a property's control back to its default, which may be another
    bundle's; a slider's steps follow it."""
    return gr.update(value=field.get("default"), **(_scale(field) or {}))


def bounds(field: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """The least and the greatest value of a number, as its JSON schema says; None for no bound."""
    low = field.get("minimum", field.get("exclusiveMinimum"))
    return low, field.get("maximum", field.get("exclusiveMaximum"))


def fits(field: Mapping[str, Any], value: Any) -> bool:
    """Whether a property of a settings' JSON schema may have that value."""
    if "enum" in field:
        return value in field["enum"]
    kind = field.get("type")
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "string":
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if kind == "integer" and value != int(value):
        return False
    if value in (field.get("exclusiveMinimum"), field.get("exclusiveMaximum")):
        return False
    low, high = bounds(field)
    return (low is None or value >= low) and (high is None or value <= high)


def _scale(field: dict[str, Any]) -> dict[str, float] | None:
    """The ends and the step of a bounded number's slider; None for what has none."""
    low, high = bounds(field)
    if low is None or high is None:
        return None
    whole = field["type"] == "integer"
    places = 0 if whole else _places(low, high, field.get("default"))
    step = 1 if whole else 10.0**-places
    low = round(low + step, places) if "exclusiveMinimum" in field else low
    high = round(high - step, places) if "exclusiveMaximum" in field else high
    return {"minimum": low, "maximum": high, "step": step}


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


def presets(named: Mapping[str, PresetInfo], elem_id: str) -> gr.Dropdown:
    """A choice of named settings; empty for the usual ones."""
    choices = [(_("The usual settings"), ""), *((_(p["title"]), name) for name, p in named.items())]
    return gr.Dropdown(
        choices,
        value="",
        label=_("Preset"),
        info=_("Settings of the paper, or of its authors' code"),
        elem_id=elem_id,
        interactive=True,
    )


def kind_of(entry: MethodInfo) -> str:
    """Whether a method is a paper's own, a variant of one, or a baseline."""
    return str(entry.get("kind", KINDS[0]))


def method_choices(methods: Mapping[str, MethodInfo]) -> list[tuple[str, str]]:
    """(label, name) of each: the papers' methods first, then variants, then baselines; the
    label tells which."""

    def label(entry: MethodInfo) -> str:
        title, kind = entry["title"], kind_of(entry)
        named = kind == KINDS[0] or kind in title
        return _(title) if named else f"{_(title)} ({_(kind)})"

    order = sorted(methods.items(), key=lambda item: KINDS.index(kind_of(item[1])))
    return [(label(entry), name) for name, entry in order]


def seed_info(entry: MethodInfo) -> str:
    """What the seed does to a method."""
    if entry["seeded"]:
        return _("Same seed and settings, same answer")
    return _("This method does not draw: the seed changes nothing")


def folded(methods: Mapping[str, MethodInfo]) -> list[str]:
    """Of the methods that can run, those that only a tick box shows: the baselines, and the
    variants whose paper's own method can run too.

    :param methods: all of them; those that cannot run have a ``problem``.
    """
    able = {name: entry for name, entry in methods.items() if not entry["problem"]}
    papers = {m.get("paper") for m in methods.values() if kind_of(m) == KINDS[0] and m["problem"]}
    stand_in = [
        name for name, entry in able.items()
        if kind_of(entry) == "variant" and entry["paper"] in papers
    ]  # fmt: skip
    more = [
        name for name, entry in able.items()
        if kind_of(entry) != KINDS[0] and name not in stand_in
    ]  # fmt: skip
    return more if len(more) < len(able) else []


class Fold:
    """A tick box that shows the variants and baselines in a radio of methods too.

    They are choices all the time, for the API's sake; only the page hides them, and never the
    chosen one.
    """

    def __init__(self, elem_id: str, methods: Mapping[str, MethodInfo]) -> None:
        self._radio, self._tick = elem_id, f"{elem_id}-more"
        more = folded(methods)
        # Outputs of events come up disabled unless they are set interactive.
        self._box = gr.Checkbox(
            False, label=_("Show variants and baselines too"), elem_id=self._tick, container=False,
            visible=bool(more), interactive=True,
        )  # fmt: skip
        self._style = gr.HTML(self._rule(more), elem_classes="only-style")
        self.places = [self._box, self._style]

    def opened(self, methods: Mapping[str, MethodInfo]) -> dict[Any, Any]:
        """Updates for another bundle's methods."""
        more = folded(methods)
        return {self._box: gr.update(visible=bool(more)), self._style: self._rule(more)}

    def _rule(self, more: list[str]) -> str:
        hidden = ", ".join(
            f"body:has(#{self._tick} input:not(:checked)) "
            f'#{self._radio} label:has(input[value="{name}"]:not(:checked))'
            for name in more
        )
        return f"<style>{hidden} {{ display: none; }}</style>" if hidden else ""
