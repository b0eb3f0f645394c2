"""The Labelling tab: people answer a project's question about its pictures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, NamedTuple

import gradio as gr

from backends.errors import StudioError
from studio.labels.api import answer_by
from studio.ui.label.admin import AdminPanel
from studio.ui.label.annotator import AnnotatorPanel
from studio.ui.label.exchange import ExchangePanel
from studio.ui.label.projects import ProjectPanels
from studio.ui.label.retrain import TrainingPanel
from studio.ui.label.widget import label_widget, session
from studio.ui.shared import markup
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.label_controller import Assignment, Codes, LabelController
from studio.ui.shared.requests import show_errors

__all__ = ["LabelTab", "build"]

NOBODY = "Choose a project and join it with a name, or make a project of your own on the right."


class LabelTab(NamedTuple):
    """What the page needs of the tab: ``load`` fills ``places`` for a bundle and the codes that
    the browser keeps; ``training`` makes models that the other tabs shall offer."""

    load: Callable[[str, Codes | None], dict[Any, Any]]
    places: list[Any]
    training: TrainingPanel


def build(
    controllers: Controllers,
    bundle: gr.Dropdown,
    labels: LabelController,
    codes: gr.BrowserState,
    tab: gr.Tab,
) -> LabelTab:
    """Lay out the ``tab`` inside the current Blocks and wire it; ``codes`` are this browser's, by
    project."""
    with gr.Row():
        with gr.Column(scale=6, min_width=340):
            with gr.Row():
                project = gr.Dropdown(
                    [], label="Project", info="The newest first", elem_id="label-project"
                )
                name = gr.Textbox(
                    label="Your name", info="Others are told apart by it", max_lines=1,
                    elem_id="label-name",
                )  # fmt: skip
            join = gr.Button("Join the project", variant="primary", elem_id="label-join")
            with gr.Accordion("I have an access code", open=False) as coded:
                code = gr.Textbox(
                    label="Access code", type="password", elem_id="label-code", max_lines=1,
                    info="From another browser of yours, or from the project's administrator",
                )  # fmt: skip
                enter = gr.Button("Enter", elem_id="label-enter")
            who = gr.HTML(markup.hint(NOBODY), elem_id="label-who")
            leave = gr.Button("I am somebody else", size="sm", visible=False, elem_id="label-leave")
            widget = label_widget("label-widget")
            with gr.Accordion("Instructions", open=True, visible=False) as guide:
                instructions = gr.Markdown()
        with gr.Column(scale=5, min_width=320):
            panels = ProjectPanels(controllers, bundle, labels, project, name, codes)
            training = TrainingPanel(labels, project, codes)
            annotator = AnnotatorPanel(controllers.first, labels, project, codes)
            admin = AdminPanel(labels, project, codes)
            files = ExchangePanel(controllers, labels, project, codes, name)

    def assigned(assignment: Assignment | None, chosen: str | None) -> dict[Any, Any]:
        """Everything that depends on who works in which project."""
        text = assignment.project.setup.instructions if assignment else ""
        return {
            widget: gr.update(
                session=session(assignment.project, assignment.code) if assignment else ""
            ),
            who: _who(assignment)
            if assignment or not chosen
            else markup.hint(f"Join “{chosen}” with a name."),
            name: gr.update(visible=assignment is None),
            join: gr.update(visible=assignment is None),
            coded: gr.update(visible=assignment is None),
            leave: gr.update(visible=assignment is not None),
            guide: gr.update(visible=bool(text)),
            instructions: text,
            **panels.assigned(assignment),
            **training.assigned(assignment),
            **annotator.assigned(assignment),
            **admin.assigned(assignment),
            **files.assigned(assignment),
        }

    assignment_places = list(assigned(None, None))

    def choose(chosen: str | None, held: Codes | None) -> dict[Any, Any]:
        with show_errors():
            return assigned(labels.assignment(chosen, held), chosen)

    async def join_in(chosen: str | None, person: str, held: Codes | None) -> dict[Any, Any]:
        with show_errors():
            access = await asyncio.to_thread(labels.join, chosen, person or "")
            held = (held or {}) | {chosen: access.code}
            return {codes: held} | await asyncio.to_thread(choose, chosen, held)

    async def enter_by(text: str, held: Codes | None) -> dict[Any, Any]:
        with show_errors():
            assignment = await asyncio.to_thread(labels.known, text or "")
            held = (held or {}) | {assignment.project.name: assignment.code}
            named = await asyncio.to_thread(labels.names, assignment.project.setup.bundle)
            chosen = {project: gr.update(choices=named, value=assignment.project.name), codes: held}
            return chosen | {code: ""} | assigned(assignment, assignment.project.name)

    project.input(choose, [project, codes], assignment_places, api_visibility="private")
    for event in (join.click, name.submit):
        event(
            join_in, [project, name, codes], [codes, *assignment_places], api_visibility="private"
        )
    for event in (enter.click, code.submit):
        event(
            enter_by, [code, codes], [codes, code, project, *assignment_places],
            api_visibility="private",
        )  # fmt: skip

    def go(chosen: str | None, held: Codes | None) -> dict[Any, Any]:
        assignment = labels.assignment(chosen, held)
        left = {key: value for key, value in (held or {}).items() if key != chosen}
        shown = {codes: left} | assigned(None, chosen)
        if assignment:
            shown[who] = markup.hint(
                f"The access code with which {assignment.person.name} comes back: {assignment.code}"
            )
        return shown

    leave.click(go, [project, codes], [codes, *assignment_places], api_visibility="private")

    def made(chosen: str, held: Codes) -> dict[Any, Any]:
        """Updates after a project was made or changed."""
        assignment = labels.assignment(chosen, held)
        names = labels.names(assignment.project.setup.bundle) if assignment else []
        return {
            project: gr.update(choices=names, value=chosen),
            codes: held,
            **assigned(assignment, chosen),
        }

    panels.wire(made, [project, codes, *assignment_places])
    files.wire(bundle, made, [project, codes, *assignment_places])

    def known(which: str) -> Any:
        """Projects that others made meanwhile."""
        return gr.update(choices=labels.names(controllers[which].bundle))

    tab.select(known, bundle, project, show_progress="hidden", api_visibility="private")

    def label(
        code: str, item: int, value: str | None, request: str, state: str = "submitted",
        note: str = "",
    ) -> dict[str, Any]:  # fmt: skip
        with show_errors():
            fields = {
                "item": item, "value": value, "request": request, "state": state, "note": note,
            }  # fmt: skip
            return asdict(answer_by(labels.database(), code, fields))

    gr.api(label, api_name="label")

    def load(which: str, held: Codes | None) -> dict[Any, Any]:
        """The bundle's projects; the newest that this browser's person has joined is open."""
        try:
            names = labels.names(controllers[which].bundle)
        except StudioError as error:  # the other tabs do without labels
            return assigned(None, None) | {who: markup.failure(str(error))}
        mine = [name for name in names if labels.assignment(name, held)]
        chosen = next(iter([*mine, *names]), None)
        return panels.opened(controllers[which], names) | {
            project: gr.update(choices=names, value=chosen),
            **assigned(labels.assignment(chosen, held), chosen),
        }

    places = [project, *assignment_places, *panels.opened(controllers.first, [])]
    return LabelTab(load, list(dict.fromkeys(places)), training)


def _who(assignment: Assignment | None) -> str:
    if assignment is None:
        return markup.hint(NOBODY)
    rights = ", its administrator" if assignment.person.administers else ""
    return markup.hint(
        f"You are {assignment.person.name}{rights}. Answers are stored as you give them."
    )
