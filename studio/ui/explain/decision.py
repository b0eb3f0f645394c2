"""Accept an answer or discard it, with a note."""

from __future__ import annotations

from typing import Any

import gradio as gr

from backends.errors import NotAllowed, StudioError
from studio.runs import Run, Runs
from studio.runs.decisions import LONGEST, Decision, decide
from studio.translation import N_, _
from studio.ui.shared import markup
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.offered_file import offered_file
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import owner_of

__all__ = ["DecisionPanel"]

OPEN = N_("Does this answer convince you? Your decision joins its files and, unnamed, the study.")


class DecisionPanel:
    """The panel, folded, laid out inside the current Blocks."""

    def __init__(self, controllers: Controllers) -> None:
        self.controllers = controllers
        self._run_id = gr.State("")  # the run shown, which may be an earlier one
        with gr.Accordion(_("Accept or discard this answer"), open=False, elem_id="decision"):
            self._status = gr.HTML(markup.hint(OPEN), elem_id="decision-status")
            self._note = gr.Textbox(
                label=_("Note"), lines=2, max_length=LONGEST, elem_id="decision-note",
                info=_("What convinced you, or what is wrong"),
            )  # fmt: skip
            with gr.Row():
                self._accept = gr.Button(_("Accept"), elem_id="decision-accept")
                self._discard = gr.Button(_("Discard"), elem_id="decision-discard")

    def wire(self, run_id: gr.State, download: gr.DownloadButton) -> None:
        """Follow the run that the page shows.

        :param download: of the answer's files, which hold the decision.
        """
        places = [self._run_id, self._status, self._note]
        run_id.change(self._show_decision, run_id, places, queue=False, **QUIET)
        for button, act in ((self._accept, self._accepted), (self._discard, self._discarded)):
            button.click(act, [self._run_id, self._note], [self._status, download], **QUIET)

    def _show_decision(self, which: str) -> dict[Any, Any]:
        run = self.controllers.first.runs.get(which)
        note = run.answer.record.get("note", "") if run and run.answer else ""
        return {self._run_id: which, self._status: _status(run), self._note: note}

    def _accepted(self, which: str, note: str, request: gr.Request) -> tuple[Any, Any]:
        return self._decide(which, "accepted", note, owner_of(request))

    def _discarded(self, which: str, note: str, request: gr.Request) -> tuple[Any, Any]:
        return self._decide(which, "discarded", note, owner_of(request))

    def _decide(self, which: str, decision: Decision, note: str, owner: str) -> tuple[Any, Any]:
        controller = self.controllers.first
        run = controller.runs.get(which)
        if run is not None and not _is_own(controller.runs, run, owner):
            error = NotAllowed(
                "this answer is somebody else's; run it again, and decide about yours"
            )
            return markup.failure(error), gr.skip()
        try:
            decide(controller.study, run, decision, note)
            told = _status(run)
        except StudioError as error:
            told = markup.failure(error)
        if run is None or run.answer is None:
            return told, gr.skip()
        controller.forget(run)  # removes the zip, which was written before
        download, unwritten = offered_file(lambda: controller.archive(run), N_("the zip"))
        return told + unwritten, download


def _is_own(runs: Runs, run: Run, owner: str) -> bool:
    """Whether a run is of that page's person; one from the disk does not say whose it was."""
    if runs.may_stop(run, owner):
        return True
    visitor, store = runs.visitor_of(owner), runs.store
    mine = store.of(visitor) if store and visitor else []
    return any(kept.id == run.id for kept in mine)


def _status(run: Run | None) -> str:
    """What was decided of a run."""
    decision = run.answer.record.get("decision") if run and run.answer else None
    if decision is None:
        return markup.hint(OPEN)
    kind = "success" if decision == "accepted" else "warning"
    return markup.notice(
        kind,
        _("Accepted. You may change your mind.")
        if decision == "accepted"
        else _("Discarded. You may change your mind."),
    )
