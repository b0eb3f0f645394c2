"""Panels beside the labelling widget: a new project, its pictures, its settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import gradio as gr

from studio.access.rights import name_of
from studio.labels.store import projects
from studio.labels.store.records import Project, Setup
from studio.labels.store.texts import text_of
from studio.labels.tasks.add_pictures import Filled
from studio.translation import N_, _
from studio.ui.shared import form, markup
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.label_controller import (
    Assignment,
    Codes,
    LabelController,
    count_of,
    examples,
    held_codes,
)  # fmt: skip
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import owner_of, show_errors

__all__ = ["ProjectPanels"]

EXAMPLES, DRAWN, FILES = (
    N_("The bundle’s examples"),
    N_("Drawn by the bundle’s generator"),
    N_("My own files"),
)
MOST_DRAWN = 5000  # pictures at once
LATER = ("order", "votes", "blind", "hints", "open")  # what may be changed afterwards
FIELDS = Setup.model_json_schema()["properties"]


class Source:
    """Controls that say where pictures come from."""

    def __init__(self, controller: BundleController, prefix: str) -> None:
        self.kind = gr.Radio(
            **_kinds(controller), label=_("Pictures"), elem_id=f"{prefix}-source", interactive=True
        )
        self.count = gr.Number(
            50,
            label=_("How many to draw"),
            precision=0,
            minimum=1,
            maximum=MOST_DRAWN,
            visible=False,
            interactive=True,
        )
        self.files = gr.File(
            label=_("Pictures, or zip files of them"), file_count="multiple", type="filepath",
            visible=False, elem_id=f"{prefix}-files", height=136, interactive=True,
        )  # fmt: skip
        self.kind.change(
            lambda kind: (gr.update(visible=kind == DRAWN), gr.update(visible=kind == FILES)),
            self.kind, [self.count, self.files], **QUIET,
        )  # fmt: skip
        self.all = [self.kind, self.count, self.files]

    def opened(self, controller: BundleController) -> dict[Any, Any]:
        """Updates for another bundle."""
        return {self.kind: gr.update(**_kinds(controller))}


def _kinds(controller: BundleController) -> dict[str, Any]:
    kinds = [EXAMPLES] if controller.about["examples"] else []
    kinds += [DRAWN] if controller.about["draws"] else []
    kinds.append(FILES)
    return {"choices": [(_(kind), str(kind)) for kind in kinds], "value": str(kinds[0])}


class ProjectPanels:
    """A new project, and the settings and pictures of the chosen one, for its administrator."""

    def __init__(
        self,
        controllers: Controllers,
        bundle: gr.Dropdown,
        labels: LabelController,
        project: gr.Dropdown,
        person: gr.Textbox,
        codes: gr.BrowserState,
    ) -> None:
        self.controllers, self.labels = controllers, labels
        self._bundle, self._project, self._person, self._codes = bundle, project, person, codes
        may = labels.access.most.projects
        with gr.Accordion(_("New project"), open=True, visible=may) as self._new:
            self._name = gr.Textbox(
                label=_(FIELDS["name"]["title"]),
                info=_(FIELDS["name"]["description"]),
                max_lines=1,
                placeholder=_("our digits"),
                elem_id="project-name",
            )
            self._question = gr.Textbox(
                _(FIELDS["question"]["default"]), label=_(FIELDS["question"]["title"]), max_lines=2,
                info=_(FIELDS["question"]["description"]), elem_id="project-question",
            )  # fmt: skip
            self._classes = gr.Textbox(
                _classes(controllers.first),
                label=_(FIELDS["classes"]["title"]),
                elem_id="project-classes",
                info=_("What people can answer: commas between, in the order of their keys"),
            )
            self._guide = gr.Textbox(
                label=_(FIELDS["instructions"]["title"]), lines=1, elem_id="project-instructions",
                info=_(FIELDS["instructions"]["description"]),
            )  # fmt: skip
            self._source = Source(controllers.first, "project")
            with gr.Accordion(_("More settings"), open=False):
                self._first = {key: form.control(key, FIELDS[key]) for key in LATER}
            self._create = gr.Button(
                _("Make the project"), variant="primary", elem_id="project-make"
            )
        self._made = gr.HTML(elem_id="project-status")
        with gr.Accordion(
            _("Settings and pictures of this project"), open=False, visible=False
        ) as own:
            self._later = {key: form.control(key, FIELDS[key]) for key in LATER}
            self._change = gr.Button(_("Change the settings"), elem_id="project-change")
            self._more = Source(controllers.first, "more")
            self._add = gr.Button(_("Add these pictures"), elem_id="project-add")
        self._own = own

    def opened(self, controller: BundleController, names: Sequence[str]) -> dict[Any, Any]:
        """Updates for another bundle, with those projects."""
        return {
            self._new: gr.update(open=not names),
            self._classes: _classes(controller),
            self._made: "",
            **self._source.opened(controller),
            **self._more.opened(controller),
        }

    def assigned(self, assignment: Assignment | None) -> dict[Any, Any]:
        """Updates for who works in which project."""
        shown: dict[Any, Any] = {
            self._own: gr.update(visible=bool(assignment and assignment.person.administers))
        }
        setup = assignment.project.setup if assignment else None
        shown |= {
            control: gr.update(value=getattr(setup, key)) if setup else gr.skip()
            for key, control in self._later.items()
        }
        return shown | {self._new: gr.update(open=False) if assignment else gr.skip()}

    def wire(self, made: Callable[[str, Codes], dict[Any, Any]], places: list[Any]) -> None:
        """Let a project that was made or changed fill ``places`` with what ``made`` gives."""

        async def create(
            request: gr.Request, which: str, chosen: str | None, person: str,
            held: Codes | None, name: str,
            question: str, classes: str, guide: str, kind: str, count: float | None,
            files: list[str] | None, *later: Any,
        ) -> AsyncIterator[dict[Any, Any]]:  # fmt: skip
            with show_errors():
                self.labels.access.require("projects", request)
                held = held_codes(held)  # before a project is made whose code would be lost
                written = text_of(classes or "", N_("the list of classes"))
                names = [part.strip() for part in written.replace("\n", ",").split(",")]
                fields = dict(zip(self._first, later, strict=True)) | {
                    "name": name, "bundle": which, "question": question, "instructions": guide,
                    "classes": [part for part in names if part],
                }  # fmt: skip
                maker = person or await asyncio.to_thread(self._here, chosen, held)
                project, access = await asyncio.to_thread(
                    self.labels.create, maker, name_of(request), **fields
                )
                held |= {project.name: access.code}
                yield {
                    self._codes: held,
                    self._made: markup.notice("going", _("putting pictures in …")),
                }
                async for text in self._filled(which, project, kind, count, files, request):
                    yield {self._made: text}
                for update in _settled(await asyncio.to_thread(made, project.name, held)):
                    yield update

        self._create.click(
            create,
            [
                self._bundle, self._project, self._person, self._codes, self._name,
                self._question, self._classes, self._guide,
                *self._source.all, *self._first.values(),
            ],
            [self._made, *places], concurrency_limit=8, **QUIET,
        )  # fmt: skip

        async def add(
            which: str, name: str, held: Codes | None, kind: str, count: float | None,
            files: list[str] | None, request: gr.Request,
        ) -> AsyncIterator[dict[Any, Any]]:  # fmt: skip
            with show_errors():
                self.labels.access.require("projects", request)
                assignment = await asyncio.to_thread(self.labels.require_administrator, name, held)
                async for text in self._filled(
                    which, assignment.project, kind, count, files, request
                ):
                    yield {self._made: text}
                for update in _settled(await asyncio.to_thread(made, name, held or {})):
                    yield update

        chosen = [self._bundle, self._project, self._codes]
        self._add.click(
            add, [*chosen, *self._more.all], [self._made, *places], concurrency_limit=8, **QUIET,
        )  # fmt: skip

        def change(name: str, held: Codes | None, *later: Any) -> dict[Any, Any]:
            with show_errors():
                assignment = self.labels.require_administrator(name, held)
                fields = assignment.project.setup.model_dump() | dict(
                    zip(self._later, later, strict=True)
                )
                setup = Setup.checked(fields)
                projects.change(self.labels.database(), assignment.project, setup)
                return made(name, held or {}) | {
                    self._made: markup.notice("success", _("Changed."))
                }

        self._change.click(
            change, [self._project, self._codes, *self._later.values()], [self._made, *places],
            show_progress_on=self._made, api_visibility="private",
        )  # fmt: skip

    def _here(self, name: str | None, held: Codes | None) -> str:
        """What this browser's person is called in the project that is open; empty for nobody."""
        assignment = self.labels.assignment(name, held)
        return assignment.person.name if assignment else ""

    async def _filled(
        self, which: str, project: Project, kind: str, count: float | None,
        files: list[str] | None, request: gr.Request,
    ) -> AsyncIterator[str]:  # fmt: skip
        """What the page says while pictures are put into a project."""
        controller, owner, filled = self.controllers[which], owner_of(request), Filled(0, 0)
        if kind == DRAWN:
            arriving = self.labels.draw(controller, owner, project, count_of(count, MOST_DRAWN))
        elif kind == EXAMPLES:
            arriving = self.labels.fill(controller, owner, project, examples(controller))
        else:
            arriving = self.labels.fill(controller, owner, project, files or [])
        async for filled in arriving:
            yield markup.notice(
                "going",
                _("{seen} pictures looked at, {new} put in …", seen=filled.seen, new=filled.new),
            )
        text = _("{new} pictures put in.", new=filled.new)
        if filled.new < filled.seen:
            text += _(
                " {seen} look to the models like others that are there.",
                seen=filled.seen - filled.new,
            )
        if filled.refused:
            text += _(
                " {count} could not be used, the first: {refused}",
                count=len(filled.refused),
                refused=filled.refused[0],
            )
        elif not filled.seen:
            text += _(" Choose files, or another source.")
        yield markup.notice("success" if filled.new else "warning", text)


def _settled(update: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
    """Yield an event's last update of the page, then its visibilities alone.

    Gradio sends the last update again when the event ends, which would overwrite what a person has
    typed since. It also loses a visibility that another update follows at once.
    """
    yield update
    changes = {place: new for place, new in update.items() if isinstance(new, dict)}
    yield {
        place: gr.update(visible=new["visible"])
        for place, new in changes.items()
        if "visible" in new
    }


def _classes(controller: BundleController) -> str:
    return ", ".join(controller.about["class_names"])
