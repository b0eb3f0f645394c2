"""The Explain tab's question asked in more than one way: as a slider, n times, to every class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from studio.translation import _
from studio.ui.explain.all_targets import AllTargetsPanel
from studio.ui.explain.asked import QuestionReader
from studio.ui.explain.live_path import LivePathPanel
from studio.ui.explain.method_input import MethodInput
from studio.ui.explain.variations import VariationsPanel
from studio.ui.shared.controllers import Controllers

__all__ = ["FurtherAnswers"]


class FurtherAnswers:
    """The panels, folded, laid out inside the current Blocks.

    :param question: picture, mask, how the mask was made, region, model, target.
    """

    def __init__(
        self, controllers: Controllers, question: Sequence[Any], methods: MethodInput
    ) -> None:
        controls = QuestionReader(controllers, question, methods)
        with gr.Accordion(_("More than one answer"), open=False, elem_id="further"), gr.Tabs():
            with gr.Tab(_("Slider"), id="slider"):
                self._live = LivePathPanel(controls)
            with gr.Tab(_("Several answers"), id="several"):
                self._several = VariationsPanel(controls)
            with gr.Tab(_("All targets"), id="targets"):
                self._targets = AllTargetsPanel(controls)

    def clear(self) -> dict[Any, Any]:
        """Updates that leave nothing of answers about another picture."""
        return self._live.clear() | self._several.view.clear() | self._targets.view.clear()

    def leave(self, owner: str) -> None:
        """Stop what a closed page has under way."""
        for panel in (self._several, self._targets):
            panel.view.leave(owner)

    def wire(self) -> None:
        """Let the panels' controls act."""
        for panel in (self._live, self._several, self._targets):
            panel.wire()
