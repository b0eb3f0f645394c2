"""Panel beside the labelling widget: how to decide, in words and by examples of each class."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import gradio as gr
import numpy as np

from backends import imaging
from backends.errors import BadInput
from studio import export
from studio.labels.store import class_examples, pictures, projects
from studio.labels.store.records import Project, Setup
from studio.labels.tasks import add_pictures
from studio.templates import Markup, render
from studio.translation import _
from studio.ui.shared import markup
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.label_controller import Assignment, Codes, LabelController
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import owner_of, show_errors

__all__ = ["GuidelinesPanel"]


class GuidelinesPanel:
    """What annotators find under Guidelines, for the administrator to write."""

    def __init__(
        self, controllers: Controllers, labels: LabelController, project: gr.Dropdown,
        codes: gr.BrowserState,
    ) -> None:  # fmt: skip
        self.controllers, self.labels = controllers, labels
        with gr.Accordion(
            _("Guidelines and examples"), open=False, visible=False, elem_id="guidelines"
        ) as self._panel:
            self._text = gr.Textbox(
                label=_("Guidelines"),
                lines=5,
                max_lines=14,
                interactive=True,
                info=_(
                    "How to decide, in Markdown (no pictures); everyone opens them with one click"
                ),
                elem_id="guidelines-text",
            )
            self._save = gr.Button(_("Save the guidelines"), elem_id="guidelines-save")
            self._class = gr.Dropdown(
                [], label=_("Examples of the class"), interactive=True, elem_id="example-class",
                info=_("Pictures of which you know the class, and which nobody is asked about"),
            )  # fmt: skip
            self._files = gr.File(
                label=_("Pictures of it"), file_count="multiple", file_types=["image"],
                type="filepath", height=136, interactive=True, elem_id="example-files",
            )  # fmt: skip
            with gr.Row():
                self._add = gr.Button(_("Add these"), elem_id="example-add", size="md")
                self._own = gr.Button(_("Add from the bundle"), elem_id="example-bundle", size="md")
                self._clear = gr.Button(_("Remove all of it"), elem_id="example-clear", size="md")
            self._state = gr.HTML(elem_id="guidelines-status")
            self._shown = gr.HTML(elem_id="examples-shown")
        chosen, places = [project, codes, self._class], [self._state, self._shown, self._files]
        self._save.click(self._saved, [project, codes, self._text], self._state, **QUIET)
        self._add.click(self._added, [*chosen, self._files], places, **QUIET)
        self._own.click(self._added_from_bundle, chosen, places, **QUIET)
        self._clear.click(self._removed, chosen, places, **QUIET)

    def assigned(self, assignment: Assignment | None) -> dict[Any, Any]:
        """Updates for who works in which project."""
        mine = assignment if assignment and assignment.person.administers else None
        classes = mine.project.classes if mine else []
        return {
            self._panel: gr.update(visible=mine is not None),
            self._text: mine.project.setup.instructions if mine else "",
            self._class: gr.update(choices=classes, value=classes[0] if classes else None),
            self._state: "", self._files: None,
            self._shown: self._examples(mine.project) if mine else "",
        }  # fmt: skip

    def _saved(self, name: str | None, held: Codes | None, text: str) -> str:
        with show_errors():
            project = self.labels.require_administrator(name, held).project
            setup = Setup.checked(project.setup.model_dump() | {"instructions": text or ""})
            projects.change(self.labels.database(), project, setup)
            return markup.notice("success", _("Saved; everyone sees them from now on."))

    async def _added(
        self, name: str | None, held: Codes | None, value: str | None, files: list[str] | None,
        request: gr.Request,
    ) -> dict[Any, Any]:  # fmt: skip
        with show_errors():
            project = await asyncio.to_thread(self._administered, name, held)
            if not files:
                raise BadInput("choose some files first")
            if len(files) > class_examples.MOST:  # before they are decoded
                raise BadInput(
                    "a class has at most {most} examples; choose fewer files",
                    most=class_examples.MOST,
                )
            controller = self.controllers[project.setup.bundle]
            prepared = await _prepared(controller, owner_of(request), files)
            return await asyncio.to_thread(self._shows, project, value, prepared)

    async def _added_from_bundle(
        self, name: str | None, held: Codes | None, value: str | None, request: gr.Request
    ) -> dict[Any, Any]:
        with show_errors():
            project = await asyncio.to_thread(self._administered, name, held)
            controller = self.controllers[project.setup.bundle]
            known = [
                str(controller.folder / example["file"])
                for example in controller.about["examples"]
                if example.get("label") == value
            ]
            prepared = await _prepared(controller, owner_of(request), known)
            return await asyncio.to_thread(self._unasked, project, value, prepared)

    def _unasked(
        self, project: Project, value: str | None, prepared: list[np.ndarray]
    ) -> dict[Any, Any]:
        """Of the bundle's examples those that the project does not ask about."""
        asked = {item.picture for item in pictures.items(self.labels.database(), project)}
        there = class_examples.listed(self.labels.database(), project).get(str(value), [])
        free = [pixels for pixels in prepared if pictures.digest(pixels) not in {*asked, *there}]
        if not free:
            raise BadInput(
                "the bundle has no more examples of {value!r} that this project does not ask "
                "about; choose files instead",
                value=value,
            )
        return self._shows(project, value, free[: class_examples.MOST - len(there)])

    def _shows(
        self, project: Project, value: str | None, prepared: list[np.ndarray]
    ) -> dict[Any, Any]:
        count = class_examples.add(self.labels.database(), project, str(value or ""), prepared)
        return self._told(
            project, _("Examples of “{value}” now: {count}.", value=value, count=count)
        )

    def _removed(self, name: str | None, held: Codes | None, value: str | None) -> dict[Any, Any]:
        with show_errors():
            project = self._administered(name, held)
            class_examples.remove(self.labels.database(), project, str(value or ""))
            return self._told(project, _("Examples of “{value}” now: none.", value=value))

    def _administered(self, name: str | None, held: Codes | None) -> Project:
        return self.labels.require_administrator(name, held).project

    def _told(self, project: Project, text: str) -> dict[Any, Any]:
        return {
            self._state: markup.notice("success", text), self._files: None,
            self._shown: self._examples(project),
        }  # fmt: skip

    def _examples(self, project: Project) -> Markup:
        found = class_examples.listed(self.labels.database(), project)
        names = [name for some in found.values() for name in some]
        content = pictures.content(self.labels.database(), names)
        shown = [
            (name, [export.encoded_url(content[one]) for one in some])
            for name, some in found.items()
        ]
        return render("labelling.html", "examples", shown)


async def _prepared(
    controller: BundleController, owner: str, paths: Sequence[str]
) -> list[np.ndarray]:
    """Files as the bundle's models see them, uint8 [H, W, C] each; one at a time, so that others
    get their turn between."""
    engine = controller.runs.engine
    return [
        await add_pictures.prepared(
            engine, owner, controller.bundle, partial(imaging.read_picture, path)
        )
        for path in paths
    ]
