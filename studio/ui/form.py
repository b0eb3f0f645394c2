"""Controls from a settings schema: the one place where a Config meets the page."""

from __future__ import annotations

from typing import Any

import gradio as gr

__all__ = ["control", "controls"]


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
    step = 1 if whole else 0.01 if high - low <= 2 else 0.1
    low = low + step if "exclusiveMinimum" in field else low
    return gr.Slider(low, high, step=step, **common)


def controls(schema: dict[str, Any]) -> dict[str, gr.components.Component]:
    """A control for every property of a pydantic model's JSON schema, in order."""
    return {name: control(name, field) for name, field in schema["properties"].items()}
