"""What a run shows in the Explain tab: its state, two panes beside the picture, and its numbers."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.runs import Run
from studio.translation import N_, _
from studio.ui.explain.take_away import TakeAway
from studio.ui.shared import advice, answer_markup, frames, markup
from studio.ui.shared.controller import BundleController
from studio.ui.shared.offered_file import offered_file
from studio.ui.shared.queue_line import turns_note, waiting_note

__all__ = ["AnswerPanes"]

BROUGHT = N_("Its files were dropped here; “Run again” tells whether this studio finds the same.")
FIRST = N_("Choose a picture, choose what the model should say, then press Run.")
READY = N_("Press Run, or first choose another class, a region or a method.")


class AnswerPanes:
    """A run while it goes on, its answer, and earlier ones. Each method lays out a part inside the
    current Blocks: :meth:`verdict`, :meth:`middle`, :meth:`right`, :meth:`facts_row` and
    :meth:`below`.
    """

    def __init__(self, controller: BundleController) -> None:
        self.controller = controller

    def verdict(self) -> None:
        """Lay out the sentence about how the run goes, or how it ended."""
        self.status = gr.HTML(markup.hint(FIRST), elem_id="status")

    def middle(self) -> None:
        """Lay out the search's present state, then the counterfactual."""
        self.frame = gr.HTML(elem_id="frame")
        self.counterfactual = gr.HTML(elem_id="counterfactual")
        gr.HTML(
            markup.blank(_("The answer appears here, step by step.")), elem_classes="blank-pane"
        )

    def right(self) -> None:
        """Lay out the difference, and the target's probability over the steps."""
        self.difference = gr.HTML(elem_id="difference")
        self.plot = gr.HTML(elem_id="trajectory-plot")
        gr.HTML(markup.blank(_("What changed appears here.")), elem_classes="blank-pane")

    def facts_row(self) -> None:
        """Lay out what a person can say of the answer."""
        self.facts = gr.HTML(elem_id="facts")

    def below(self) -> None:
        """Lay out all of the answer's numbers, its files, and earlier answers."""
        with gr.Accordion(_("All numbers"), open=False, elem_id="numbers"):
            self.metrics = gr.HTML(elem_id="metrics")
        self.take_away = TakeAway(self.controller)
        with gr.Row():
            self.download = gr.DownloadButton(
                _("Download everything (zip)"), elem_id="download", visible=False, size="sm"
            )

    @property
    def places(self) -> list[Any]:
        """What :meth:`show` fills."""
        return [
            self.frame, self.counterfactual, self.plot, self.status, self.difference, self.facts,
            self.metrics, self.download, *self.take_away.places,
        ]  # fmt: skip

    def clear(self) -> dict[Any, Any]:
        """Nothing: the answer was about another picture."""
        shown: dict[Any, Any] = dict.fromkeys(self.places, "")
        return shown | {
            self.status: markup.hint(FIRST), self.download: gr.update(visible=False),
        } | self.take_away.clear()  # fmt: skip

    def _going(self, run: Run) -> dict[Any, Any]:
        """What differs from the frame before: the page searches all its controls for each one that
        is told something."""
        last, target = run.frames[-1], run.request.target
        return {
            self.plot: _curve(run),
            self.frame: markup.frame(frames.newest(run)),
            self.status: markup.progress_line(
                last.index,
                last.total,
                last.phase,
                last.seconds,
                last.target_probability,
                target,
                turns_note(self.controller.runs.place(run)),
            ),
        }

    def _waiting(self, run: Run) -> Any:
        place = self.controller.runs.place(run)
        return markup.waiting(place.ahead, waiting_note(place))

    def ready(self) -> dict[Any, Any]:
        """The status once there is a picture."""
        return {self.status: markup.hint(READY)}

    def compared(self, run: Run, same: bool) -> Any:
        """The status of an answer, which may be to another question than the controls ask."""
        if run.answer is None or not run.ended:
            return gr.skip()
        return _verdict(run) if same else answer_markup.of_another_question(run.answer.record)

    def unkept(self, run: Run) -> Any:
        """The status of an answer that could not be stored."""
        return _verdict(run) + markup.failure(run.unkept)

    def show(self, run: Run, begun: bool = False) -> dict[Any, Any]:
        """Every place for the run's present state; once it has ``begun`` on the page only what
        differs from the frame before."""
        if begun and run.frames and not run.ended:
            return self._going(run)
        target = run.request.target
        shown: dict[Any, Any] = {self.plot: _curve(run)} | self.take_away.show(run)
        if not run.ended:
            shown |= {
                self.counterfactual: "", self.difference: "", self.facts: "", self.metrics: "",
                self.download: gr.update(visible=False), self.status: self._waiting(run),
            }  # fmt: skip
            if run.frames:
                last = run.frames[-1]
                shown[self.frame] = markup.frame(frames.newest(run))
                shown[self.status] = markup.progress_line(
                    last.index, last.total, last.phase, last.seconds, last.target_probability,
                    target, turns_note(self.controller.runs.place(run)),
                )  # fmt: skip
        elif run.answer:
            panels, record = frames.panels(run), run.answer.record
            download, unwritten = offered_file(lambda: self.controller.archive(run), N_("the zip"))
            shown |= {
                self.frame: "",
                self.counterfactual: panels.pair,
                self.difference: panels.differences,
                self.facts: advice.answer_facts(record),
                self.metrics: panels.further
                + answer_markup.metrics_table(record, self.controller.about["metrics"]),
                self.status: _verdict(run) + unwritten,
                self.download: download,
            }
        else:
            reason = run.reason or _("stopped before the first step")
            shown |= {self.frame: "", self.status: markup.failure(reason)}
        return shown


def _curve(run: Run) -> str:
    """The target's probability over a run's steps so far; empty before the first."""
    if not run.frames:
        return ""
    points = [(frame.index, frame.target_probability) for frame in run.frames]
    return markup.curve(points, run.frames[-1].total, run.request.target)


def _verdict(run: Run) -> Any:
    """How an answered run ended, and whether this studio has computed it."""
    assert run.answer is not None
    line = answer_markup.answer_line(run.answer.record)
    return line + markup.hint(BROUGHT) if run.brought else line
