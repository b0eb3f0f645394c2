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
from studio.ui.shared.controllers import Desks
from studio.ui.shared.label_controller import Codes, LabelDesk, Seat
from studio.ui.shared.requests import sentences

__all__ = ["Labelling", "build"]

NOBODY = "Choose a project and join it with a name, or make a project of your own on the right."


class Labelling(NamedTuple):
    """What the page needs of the tab: ``load`` fills ``places`` for a bundle and the codes that
    the browser keeps; ``training`` makes models that the other tabs shall offer."""

    load: Callable[[str, Codes | None], dict[Any, Any]]
    places: list[Any]
    training: TrainingPanel


def build(
    desks: Desks, bundle: gr.Dropdown, labels: LabelDesk, codes: gr.BrowserState, tab: gr.Tab
) -> Labelling:
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
            panels = ProjectPanels(desks, bundle, labels, project, name, codes)
            training = TrainingPanel(labels, project, codes)
            annotator = AnnotatorPanel(desks.first, labels, project, codes)
            admin = AdminPanel(labels, project, codes)
            files = ExchangePanel(desks, labels, project, codes, name)

    def seated(seat: Seat | None, chosen: str | None) -> dict[Any, Any]:
        """Everything that depends on who works in which project."""
        text = seat.project.setup.instructions if seat else ""
        return {
            widget: gr.update(session=session(seat.project, seat.code) if seat else ""),
            who: _who(seat) if seat or not chosen else markup.hint(f"Join “{chosen}” with a name."),
            name: gr.update(visible=seat is None), join: gr.update(visible=seat is None),
            coded: gr.update(visible=seat is None), leave: gr.update(visible=seat is not None),
            guide: gr.update(visible=bool(text)), instructions: text,
            **panels.seated(seat), **training.seated(seat), **annotator.seated(seat),
            **admin.seated(seat), **files.seated(seat),
        }  # fmt: skip

    seat_places = list(seated(None, None))

    def choose(chosen: str | None, held: Codes | None) -> dict[Any, Any]:
        with sentences():
            return seated(labels.seat(chosen, held), chosen)

    async def join_in(chosen: str | None, person: str, held: Codes | None) -> dict[Any, Any]:
        with sentences():
            access = await asyncio.to_thread(labels.join, chosen, person or "")
            held = (held or {}) | {chosen: access.code}
            return {codes: held} | await asyncio.to_thread(choose, chosen, held)

    async def enter_by(text: str, held: Codes | None) -> dict[Any, Any]:
        with sentences():
            seat = await asyncio.to_thread(labels.known, text or "")
            held = (held or {}) | {seat.project.name: seat.code}
            named = await asyncio.to_thread(labels.names, seat.project.setup.bundle)
            chosen = {project: gr.update(choices=named, value=seat.project.name), codes: held}
            return chosen | {code: ""} | seated(seat, seat.project.name)

    project.input(choose, [project, codes], seat_places, api_visibility="private")
    for event in (join.click, name.submit):
        event(join_in, [project, name, codes], [codes, *seat_places], api_visibility="private")
    for event in (enter.click, code.submit):
        event(
            enter_by, [code, codes], [codes, code, project, *seat_places],
            api_visibility="private",
        )  # fmt: skip

    def go(chosen: str | None, held: Codes | None) -> dict[Any, Any]:
        seat = labels.seat(chosen, held)
        left = {key: value for key, value in (held or {}).items() if key != chosen}
        shown = {codes: left} | seated(None, chosen)
        if seat:
            shown[who] = markup.hint(
                f"The access code with which {seat.person.name} comes back: {seat.code}"
            )
        return shown

    leave.click(go, [project, codes], [codes, *seat_places], api_visibility="private")

    def made(chosen: str, held: Codes) -> dict[Any, Any]:
        """Updates after a project was made or changed."""
        seat = labels.seat(chosen, held)
        names = labels.names(seat.project.setup.bundle) if seat else []
        return {
            project: gr.update(choices=names, value=chosen), codes: held, **seated(seat, chosen),
        }  # fmt: skip

    panels.wire(made, [project, codes, *seat_places])
    files.wire(bundle, made, [project, codes, *seat_places])

    def known(which: str) -> Any:
        """Projects that others made meanwhile."""
        return gr.update(choices=labels.names(desks[which].bundle))

    tab.select(known, bundle, project, show_progress="hidden", api_visibility="private")

    def label(
        code: str, item: int, value: str | None, request: str, state: str = "submitted",
        note: str = "",
    ) -> dict[str, Any]:  # fmt: skip
        with sentences():
            fields = {
                "item": item, "value": value, "request": request, "state": state, "note": note,
            }  # fmt: skip
            return asdict(answer_by(labels.database(), code, fields))

    gr.api(label, api_name="label")

    def load(which: str, held: Codes | None) -> dict[Any, Any]:
        """The bundle's projects; the newest that this browser's person has joined is open."""
        try:
            names = labels.names(desks[which].bundle)
        except StudioError as error:  # the other tabs do without labels
            return seated(None, None) | {who: markup.failure(str(error))}
        mine = [name for name in names if labels.seat(name, held)]
        chosen = next(iter([*mine, *names]), None)
        return panels.opened(desks[which], names) | {
            project: gr.update(choices=names, value=chosen),
            **seated(labels.seat(chosen, held), chosen),
        }

    places = [project, *seat_places, *panels.opened(desks.first, [])]
    return Labelling(load, list(dict.fromkeys(places)), training)


def _who(seat: Seat | None) -> str:
    if seat is None:
        return markup.hint(NOBODY)
    rights = ", its administrator" if seat.person.administers else ""
    return markup.hint(f"You are {seat.person.name}{rights}. Answers are stored as you give them.")
