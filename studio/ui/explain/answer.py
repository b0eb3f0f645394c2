"""The right-hand side of the Explain tab: a run while it goes on, its answer, earlier ones."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.runs import Run
from studio.ui.shared import frames, markup
from studio.ui.shared.controller import BundleController

__all__ = ["AnswerColumn"]


FIRST = "Choose a picture, choose what the model should say, then press Run."


class AnswerColumn:
    """What a run shows, laid out inside the current Blocks.

    :ivar places: the components that :meth:`show` fills.
    """

    def __init__(self, controller: BundleController) -> None:
        self.controller = controller
        self.status = gr.HTML(markup.hint(FIRST), elem_id="status")
        self.frame = gr.HTML(elem_id="frame")
        self.counterfactual = gr.HTML(elem_id="counterfactual")
        self.plot = gr.HTML(elem_id="trajectory-plot")
        self.difference = gr.HTML(elem_id="difference")
        self.metrics = gr.HTML(elem_id="metrics")
        self.download = gr.DownloadButton(
            "Download everything (zip)", elem_id="download", visible=False
        )
        self.history = gr.Dropdown(
            [], label="Earlier answers on this page", elem_id="history", visible=False
        )
        self.places = [
            self.frame, self.counterfactual, self.plot, self.status, self.difference,
            self.metrics, self.download,
        ]  # fmt: skip
        self.history.input(
            self._reopen, self.history, self.places, show_progress="hidden",
            api_visibility="private",
        )  # fmt: skip

    def clear(self) -> dict[Any, Any]:
        """Nothing: the answer was about another picture."""
        shown: dict[Any, Any] = dict.fromkeys(self.places, "")
        return shown | {
            self.status: markup.hint(FIRST), self.download: gr.update(visible=False),
        }  # fmt: skip

    def compared(self, run: Run, same: bool) -> Any:
        """The status of an answer, which may be to another question than the controls ask."""
        if run.answer is None or not run.ended:
            return gr.skip()
        record = run.answer.record
        return markup.answer_line(record) if same else markup.of_another_question(record)

    def show(self, run: Run) -> dict[Any, Any]:
        """Every place for the run's present state."""
        target = run.request.target
        curve = ""
        if run.frames:
            probabilities = [frame.target_probability for frame in run.frames]
            curve = markup.curve(probabilities, run.frames[-1].total, target)
        shown: dict[Any, Any] = {self.plot: curve}
        if not run.ended:
            shown |= {
                self.counterfactual: "", self.difference: "", self.metrics: "",
                self.download: gr.update(visible=False), self.status: markup.waiting(run.ahead),
            }  # fmt: skip
            if run.frames:
                last = run.frames[-1]
                shown[self.frame] = markup.frame(frames.newest(run))
                shown[self.status] = markup.progress_line(
                    last.index, last.total, last.phase, last.seconds, last.target_probability,
                    target,
                )  # fmt: skip
        elif run.answer:
            pair, heat = frames.panels(run)
            record = run.answer.record
            shown |= {
                self.frame: "",
                self.counterfactual: pair,
                self.difference: heat,
                self.metrics: markup.metrics_table(record, self.controller.about["metrics"]),
                self.status: markup.answer_line(record),
                self.download: gr.update(value=self.controller.archive(run), visible=True),
            }
        else:
            reason = run.reason or "stopped before the first step"
            shown |= {self.frame: "", self.status: markup.failure(reason)}
        return shown

    def earlier(self, owner: str) -> dict[Any, Any]:
        """The list of this page's ended runs, newest first."""
        rows = [
            (
                f"{n}. {run.request.method} to {run.request.target}: {run.answer.record['status']}",
                run.id,
            )
            for n, run in enumerate(self.controller.runs.of(owner), start=1)
            if run.answer
        ]
        return {self.history: gr.update(choices=rows[::-1], visible=len(rows) > 1, value=None)}

    def _reopen(self, which: str | None) -> dict[Any, Any]:
        if not which:  # the list was closed without a choice
            return {self.status: gr.skip()}
        run = self.controller.runs.get(which)
        if run is None:
            return {self.status: markup.failure("that answer is no longer kept")}
        return self.show(run)
