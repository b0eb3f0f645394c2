"""Panels beside the labelling widget: a new project, its pictures, its settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import gradio as gr

from studio.labels.store import projects
from studio.labels.store.records import Project, Setup
from studio.ui.shared import form, markup
from studio.ui.shared.controller import Desk
from studio.ui.shared.controllers import Desks
from studio.ui.shared.label_controller import Codes, Filled, LabelDesk, Seat, examples
from studio.ui.shared.requests import owner_of, sentences

__all__ = ["ProjectPanels"]

EXAMPLES, DRAWN, FILES = "The bundle’s examples", "Drawn by the bundle’s generator", "My own files"
LATER = ("order", "votes", "blind", "hints", "open")  # what may be changed afterwards
FIELDS = Setup.model_json_schema()["properties"]


class Source:
    """Controls that say where pictures come from."""

    def __init__(self, desk: Desk, prefix: str) -> None:
        self.kind = gr.Radio(
            **_kinds(desk), label="Pictures", elem_id=f"{prefix}-source", interactive=True
        )
        self.count = gr.Number(
            50, label="How many to draw", precision=0, minimum=1, maximum=5000, visible=False,
            interactive=True,
        )  # fmt: skip
        self.files = gr.File(
            label="Pictures, or zip files of them", file_count="multiple", type="filepath",
            visible=False, elem_id=f"{prefix}-files", height=120, interactive=True,
        )  # fmt: skip
        self.kind.change(
            lambda kind: (gr.update(visible=kind == DRAWN), gr.update(visible=kind == FILES)),
            self.kind, [self.count, self.files], show_progress="hidden", api_visibility="private",
        )  # fmt: skip
        self.all = [self.kind, self.count, self.files]

    def opened(self, desk: Desk) -> dict[Any, Any]:
        """Updates for another bundle."""
        return {self.kind: gr.update(**_kinds(desk))}


def _kinds(desk: Desk) -> dict[str, Any]:
    kinds = [EXAMPLES] if desk.about["examples"] else []
    kinds += [DRAWN] if desk.about["draws"] else []
    return {"choices": [*kinds, FILES], "value": [*kinds, FILES][0]}


class ProjectPanels:
    """A new project, and the settings and pictures of the chosen one, for its administrator."""

    def __init__(
        self, desks: Desks, bundle: gr.Dropdown, labels: LabelDesk, project: gr.Dropdown,
        person: gr.Textbox, codes: gr.BrowserState,
    ) -> None:  # fmt: skip
        self.desks, self.labels = desks, labels
        self._bundle, self._project, self._person, self._codes = bundle, project, person, codes
        with gr.Accordion("New project", open=True) as self._new:
            self._name = gr.Textbox(
                label=FIELDS["name"]["title"], info=FIELDS["name"]["description"], max_lines=1,
                placeholder="our digits", elem_id="project-name",
            )  # fmt: skip
            self._question = gr.Textbox(
                FIELDS["question"]["default"], label=FIELDS["question"]["title"], max_lines=2,
                info=FIELDS["question"]["description"], elem_id="project-question",
            )  # fmt: skip
            self._classes = gr.Textbox(
                _classes(desks.first), label=FIELDS["classes"]["title"], elem_id="project-classes",
                info="What people can answer: commas between, in the order of their keys",
            )  # fmt: skip
            self._guide = gr.Textbox(
                label=FIELDS["instructions"]["title"], lines=2, elem_id="project-instructions",
                info=FIELDS["instructions"]["description"],
            )  # fmt: skip
            self._source = Source(desks.first, "project")
            with gr.Accordion("More settings", open=False):
                self._first = {key: form.control(key, FIELDS[key]) for key in LATER}
            self._create = gr.Button("Make the project", variant="primary", elem_id="project-make")
        self._made = gr.HTML(elem_id="project-status")
        with gr.Accordion(
            "Settings and pictures of this project", open=False, visible=False
        ) as own:
            self._later = {key: form.control(key, FIELDS[key]) for key in LATER}
            self._change = gr.Button("Change the settings", elem_id="project-change")
            self._more = Source(desks.first, "more")
            self._add = gr.Button("Add these pictures", elem_id="project-add")
            self._guest = gr.Textbox(
                label="Invite somebody", max_lines=1, elem_id="project-guest",
                info="A name; the access code appears above, once",
            )  # fmt: skip
            self._invite = gr.Button("Invite", elem_id="project-invite")
        self._own = own

    def opened(self, desk: Desk, names: Sequence[str]) -> dict[Any, Any]:
        """Updates for another bundle, with those projects."""
        return {
            self._new: gr.update(open=not names), self._classes: _classes(desk), self._made: "",
            **self._source.opened(desk), **self._more.opened(desk),
        }  # fmt: skip

    def seated(self, seat: Seat | None) -> dict[Any, Any]:
        """Updates for who works in which project."""
        shown: dict[Any, Any] = {
            self._own: gr.update(visible=bool(seat and seat.person.administers))
        }
        setup = seat.project.setup if seat else None
        shown |= {
            control: gr.update(value=getattr(setup, key)) if setup else gr.skip()
            for key, control in self._later.items()
        }
        return shown | {self._new: gr.update(open=False) if seat else gr.skip()}

    def wire(self, made: Callable[[str, Codes], dict[Any, Any]], places: list[Any]) -> None:
        """Let a project that was made or changed fill ``places`` with what ``made`` gives."""

        async def create(
            request: gr.Request, which: str, person: str, held: Codes | None, name: str,
            question: str, classes: str, guide: str, kind: str, count: float | None,
            files: list[str] | None, *later: Any,
        ) -> AsyncIterator[dict[Any, Any]]:  # fmt: skip
            with sentences():
                names = [part.strip() for part in classes.replace("\n", ",").split(",")]
                fields = dict(zip(self._first, later, strict=True)) | {
                    "name": name, "bundle": which, "question": question, "instructions": guide,
                    "classes": [part for part in names if part],
                }  # fmt: skip
                project, access = await asyncio.to_thread(self.labels.create, person, **fields)
                held = (held or {}) | {project.name: access.code}
                yield {self._codes: held, self._made: markup.line("going", "putting pictures in …")}
                async for said in self._filled(which, project, kind, count, files, request):
                    yield {self._made: said}
                yield await asyncio.to_thread(made, project.name, held)

        self._create.click(
            create,
            [
                self._bundle, self._person, self._codes, self._name, self._question, self._classes,
                self._guide, *self._source.all, *self._first.values(),
            ],
            [self._made, *places], show_progress="hidden", concurrency_limit=8,
            api_visibility="private",
        )  # fmt: skip

        async def add(
            which: str, name: str, held: Codes | None, kind: str, count: float | None,
            files: list[str] | None, request: gr.Request,
        ) -> AsyncIterator[dict[Any, Any]]:  # fmt: skip
            with sentences():
                seat = await asyncio.to_thread(self._ours, name, held)
                async for said in self._filled(which, seat.project, kind, count, files, request):
                    yield {self._made: said}
                yield await asyncio.to_thread(made, name, held)

        chosen = [self._bundle, self._project, self._codes]
        self._add.click(
            add, [*chosen, *self._more.all], [self._made, *places], show_progress="hidden",
            concurrency_limit=8, api_visibility="private",
        )  # fmt: skip

        def change(name: str, held: Codes | None, *later: Any) -> dict[Any, Any]:
            with sentences():
                seat = self._ours(name, held)
                fields = seat.project.setup.model_dump() | dict(
                    zip(self._later, later, strict=True)
                )
                projects.change(self.labels.database(), seat.project, Setup(**fields))
                return made(name, held) | {self._made: markup.line("flipped", "Changed.")}

        self._change.click(
            change, [self._project, self._codes, *self._later.values()], [self._made, *places],
            api_visibility="private",
        )  # fmt: skip

        def invite(name: str, held: Codes | None, guest: str) -> str:
            with sentences():
                seat = self._ours(name, held)
                access = projects.invite(self.labels.database(), seat.project, guest or "")
                return markup.line(
                    "flipped", f"Access code of {access.annotator.name}: {access.code}"
                )

        self._invite.click(
            invite, [self._project, self._codes, self._guest], self._made, api_visibility="private"
        )

    def _ours(self, name: str, held: Codes | None) -> Seat:
        return self.labels.require(name, held, administrator=True)

    async def _filled(
        self, which: str, project: Project, kind: str, count: float | None,
        files: list[str] | None, request: gr.Request,
    ) -> AsyncIterator[str]:  # fmt: skip
        """What the page says while pictures are put into a project."""
        desk, owner, filled = self.desks[which], owner_of(request), Filled(0, 0)
        if kind == DRAWN:
            arriving = self.labels.draw(desk, owner, project, int(count or 1))
        elif kind == EXAMPLES:
            arriving = self.labels.fill(desk, owner, project, examples(desk))
        else:
            arriving = self.labels.fill(desk, owner, project, files or [])
        async for filled in arriving:
            yield markup.line("going", f"{filled.seen} pictures looked at, {filled.new} put in …")
        said = f"{filled.new} pictures put in."
        if filled.new < filled.seen:
            said += f" {filled.seen - filled.new} look to the models like others that are there."
        if filled.refused:
            said += f" {len(filled.refused)} could not be used, the first: {filled.refused[0]}"
        elif not filled.seen:
            said += " Choose files, or another source."
        yield markup.line("flipped" if filled.new else "not_flipped", said)


def _classes(desk: Desk) -> str:
    return ", ".join(desk.about["class_names"])
