"""Panels for models beside the labelling widget: those that label, and those that learn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from backends.errors import BadInput
from backends.service import annotation
from studio.labels.store.texts import line_of, text_of
from studio.labels.tasks.annotate import Annotated, annotate
from studio.runs.background_tasks import BackgroundTask
from studio.translation import N_, _
from studio.ui.label.project_task import ProjectTask
from studio.ui.shared import markup
from studio.ui.shared.controller import BundleController
from studio.ui.shared.label_controller import Assignment, Codes, LabelController
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import running, show_errors

__all__ = ["AnnotatorPanel"]


class AnnotatorPanel:
    """A model labels the pictures; people may review what it was unsure about."""

    def __init__(
        self,
        controller: BundleController,
        labels: LabelController,
        project: gr.Dropdown,
        codes: gr.BrowserState,
    ) -> None:
        self.labels, self._task = labels, ProjectTask(labels, "annotate")
        with gr.Accordion(
            _("Automatic annotator"), open=False, visible=False, elem_id="annotator"
        ) as self._panel:
            gr.Markdown(
                _(
                    "A model labels all pictures. Its labels are suggestions: they order the "
                    "pictures (choose *confidence* or *margin* in the settings to see first what "
                    "it was unsure about) and may be shown, but they never count as a person’s."
                )
            )
            named = labels.access.most.models
            self._which = gr.Dropdown(
                _choices(controller.bundle),
                value="classifier",
                label=_("Annotator"),
                interactive=True,
                info=_("A part of the bundle; clip:OWNER/NAME or a folder; hf:OWNER/NAME")
                if named
                else _("A part of the bundle, or CLIP"),
                allow_custom_value=named,
                elem_id="annotator-name",
            )
            self._state = gr.HTML(elem_id="annotator-state")
            self._prompts = gr.Textbox(
                label=_("Prompts"),
                lines=4,
                visible=False,
                interactive=True,
                info=_("A line with {class} is for all; “7: a seven | the digit seven” for one"),
                elem_id="annotator-prompts",
            )
            self._go = gr.Button(_("Label all pictures"), elem_id="annotator-run")
            self._stop = gr.Button(
                _("Stop"), variant="stop", visible=False, elem_id="annotator-stop"
            )
        self._which.change(
            self._chosen, [project, codes, self._which], [self._state, self._prompts], **QUIET
        )
        self._go.click(
            self._annotated,
            [project, codes, self._which, self._prompts],
            [self._go, self._stop, self._state],
            concurrency_limit=8,
            **QUIET,
        )
        self._stop.click(self._task.stop, [project, codes], None, queue=False, **QUIET)

    def assigned(self, assignment: Assignment | None) -> dict[Any, Any]:
        """Updates for who works in which project."""
        shown: dict[Any, Any] = {
            self._panel: gr.update(
                visible=bool(assignment and assignment.person.administers)
                and self.labels.access.most.projects
            ),
            self._state: self._going(assignment),
            **running(self._go, self._stop, False),
        }  # fmt: skip
        if assignment is None:
            return shown | {self._which: gr.skip(), self._prompts: gr.skip()}
        choices = _choices(assignment.project.setup.bundle)
        return shown | {
            self._which: gr.update(choices=choices, value="classifier"),
            self._prompts: gr.update(visible=False, value=""),
        }

    def _going(self, assignment: Assignment | None) -> str:
        """The state that a page shows which is opened later."""
        if not self._task.going(assignment):
            return ""
        return markup.notice(
            "going", _("A model is at it; Label all pictures shows how far it is.")
        )

    def _permitted(
        self, request: gr.Request, name: str | None, held: Codes | None, which: str
    ) -> tuple[Assignment, str]:
        """Who lets a model label, and the model's name.

        :raises NotAllowed: the person may let none label.
        :raises BadInput: they do not administer the project, or only the person at the machine
            may name that model.
        """
        self.labels.access.require("projects", request)
        assignment = self.labels.require_administrator(name, held)
        which = line_of(which, N_("the annotator's name"))
        if self.labels.access.rights(request).models:
            return assignment, which
        # What is known is listed: any other name may be a folder of this machine.
        known = [one for _title, one in _choices(assignment.project.setup.bundle)]
        if which not in known:
            raise BadInput(
                "there is no annotator {name!r} here, and only the person at the machine names "
                "others; choose from: {known}",
                name=which[:60],
                known=", ".join(known),
            )
        return assignment, which

    def _chosen(
        self, name: str | None, held: Codes | None, which: str, request: gr.Request
    ) -> tuple[str, Any]:
        with show_errors():
            assignment, which = self._permitted(request, name, held, which)
            about = annotation.about(assignment.project.setup.bundle, which)
            written = annotation.show_prompts(
                annotation.default_prompts(assignment.project.classes)
            )
            prompts = gr.update(visible=about["prompts"], value=written)
            problem = markup.failure(about["problem"]) if about["problem"] else ""
            return problem, prompts

    async def _annotated(
        self, request: gr.Request, name: str | None, held: Codes | None, which: str, written: str
    ) -> AsyncIterator[dict[Any, Any]]:
        with show_errors():
            assignment, which = await asyncio.to_thread(self._permitted, request, name, held, which)
            text = text_of(written or "", N_("the prompts"))
            prompts = annotation.read_prompts(text, assignment.project.classes)
            task = self._task.start(
                assignment,
                lambda: annotate(self.labels.database(), assignment.project, which, prompts),
            )
            yield running(self._go, self._stop, True) | {self._state: markup.waiting(0)}
            async for _news in task.watch():
                if isinstance(task.news, Annotated):
                    yield {self._state: _state_text(task)}
            yield running(self._go, self._stop, False) | {self._state: _state_text(task)}


def _choices(bundle: str) -> list[tuple[str, str]]:
    """The classifier first; one that is not here is reported when it is chosen."""
    return [(_(entry["title"]), entry["name"]) for entry in annotation.annotators(bundle)]


def _state_text(task: BackgroundTask) -> str:
    if task.state == "failed":
        return markup.failure(task.reason)
    now = task.news
    if not isinstance(now, Annotated):
        return markup.hint(_("Stopped before the first picture."))
    text = _(
        "{done} of {total} pictures labelled; of {unsure} it is less than half sure",
        done=now.done,
        total=now.total,
        unsure=now.unsure,
    )
    if task.state == "going":
        return markup.notice("going", f"{text} …")
    return markup.notice("success" if task.state == "done" else "warning", f"{text}.")
