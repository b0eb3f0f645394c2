"""The page's colours, of which every text has a contrast of 4.5 to 1 or more (WCAG 2.2, AA)."""

from __future__ import annotations

import gradio as gr

__all__ = ["theme"]


def theme() -> gr.themes.Base:
    """Gradio's usual shapes with an accent that white can be read on. Blue and amber stay for what
    is well and what needs care."""
    return gr.themes.Default(primary_hue="indigo").set(
        color_accent="*primary_600",
        body_text_color_subdued="*neutral_600",
        input_placeholder_color="*neutral_500",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_700",
        border_color_accent_dark="*primary_400",
        checkbox_background_color_selected="*primary_600",
        checkbox_background_color_selected_dark="*primary_500",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
        link_text_color_dark="*primary_300",
    )
