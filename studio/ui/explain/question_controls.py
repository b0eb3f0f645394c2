"""The controls that a question is asked with, and what puts an earlier question back there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from backends.core import Request
from studio.runs import Run
from studio.ui.explain.method_input import MethodInput
from studio.ui.explain.question_input import QuestionInput
from studio.ui.explain.region import RegionInput
from studio.ui.shared.controller import BundleController
from studio.ui.shared.factual import Factual, Shown

__all__ = ["QuestionControls"]


@dataclass(frozen=True)
class QuestionControls:
    """The controls of the Explain tab that a run is asked with.

    :ivar picture: the chosen :class:`Factual`.
    :ivar run: id of the run whose answer is shown.
    :ivar asked: model, target and method of that run.
    :ivar put: updates for a chosen picture, with the question to a model.
    :ivar put_away: updates that leave nothing of an answer.
    """

    picture: gr.State
    run: gr.State
    asked: gr.State
    asking: QuestionInput
    go: gr.Button
    stop: gr.Button
    regions: RegionInput
    methods: MethodInput
    put: Callable[[str, BundleController, Shown, str], dict[Any, Any]]
    put_away: Callable[[], dict[Any, Any]]

    def restored(
        self, controller: BundleController, asked: Request, run: Run | None, seen: Factual,
        shown: dict[Any, Any],
    ) -> dict[Any, Any]:  # fmt: skip
        """Updates that ask an earlier question again, about the picture that ``shown`` puts there.

        :param run: its answer, whose region is shown where the question has no mask.
        """
        record = run.answer.record if run and run.answer else {}
        mask = asked.mask
        if mask is None and run and run.answer and not asked.region.startswith("whole"):
            mask = run.answer.mask
        settings = record.get("settings", asked.settings)
        methods, original = self.methods, asked.original
        return {
            **self.regions.asked(controller, seen, asked.region, mask),
            **methods.asked(controller, asked.model, asked.method, settings),
            methods.seed: asked.seed,
            methods.importance: asked.importance,
            methods.feather: original.feather if original else 0,
            self.asking.target: {**shown[self.asking.target], "value": asked.target},
        }

    def without_picture(
        self, controller: BundleController, record: dict[str, Any]
    ) -> dict[Any, Any]:
        """Updates that ask a result.json's question beside whatever picture is chosen."""
        methods, asking = self.methods, self.asking
        return {
            asking.model: record["model"], asking.target: record["target"],
            methods.seed: record["seed"],
            methods.importance: "importance" in record,
            **methods.asked(controller, record["model"], record["method"], record["settings"]),
        }  # fmt: skip
