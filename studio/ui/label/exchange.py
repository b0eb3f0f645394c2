"""Panel beside the labelling widget: label sets out of the studio, and into it."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from backends import service
from backends.confined import AT_ONCE
from backends.errors import BadInput
from backends.settings import on_a_space
from studio.access.rights import hub_token, name_of
from studio.labels import exchange
from studio.labels.exchange import Exported, Imported
from studio.labels.store import projects
from studio.labels.store.records import Project
from studio.labels.store.texts import line_of
from studio.translation import N_, _
from studio.ui.shared import markup
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.label_controller import Assignment, Codes, LabelController, held_codes
from studio.ui.shared.requests import owner_of, show_errors

__all__ = ["ExchangePanel"]

ENDINGS = {"csv": "csv", "jsonl": "jsonl", "label-studio": "json", "datasets": "zip"}
EXPORT, KEPT = "export-", 600.0  # seconds; the page has its own copy by then
MOST_WAITING = 8  # imports that go on or wait
LOST = N_(
    "This studio runs as a Space, whose disk is not kept: push the labels to a dataset repository "
    "before it restarts, or give it a database of its own (STUDIO_DATABASE)."
)


class ExchangePanel:
    """Export, import, and push, laid out inside the current Blocks."""

    def __init__(
        self,
        controllers: Controllers,
        labels: LabelController,
        project: gr.Dropdown,
        codes: gr.BrowserState,
        person: gr.Textbox,
    ) -> None:
        self.controllers, self.labels = controllers, labels
        self._project, self._codes, self._person = project, codes, person
        self._importing = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="import")
        self._waiting = 0
        with gr.Accordion(
            _("Export"), open=False, visible=False, elem_id="exchange"
        ) as self._panel:
            gr.Markdown(_(LOST), visible=on_a_space())
            self._format = gr.Dropdown(
                list(exchange.FORMATS), value="csv", label=_("Format"), interactive=True,
                info=_("A table, JSON Lines, a datasets folder, or Label Studio’s tasks"),
                elem_id="export-format",
            )  # fmt: skip
            self._whole = gr.Checkbox(
                False, label=_("With the pictures"), info=_("As a zip"), interactive=True
            )
            self._history = gr.Checkbox(
                False, label=_("With what was corrected or taken back"), interactive=True
            )
            self._export = gr.Button(_("Export"), elem_id="export")
            self._file = gr.DownloadButton(_("Download"), visible=False, elem_id="export-file")
            self._repository = gr.Textbox(
                label=_("Push to a dataset repository"), placeholder="owner/name", max_lines=1,
                info=_("On the Hugging Face hub, private; log in first")
                if on_a_space()
                else _("On the Hugging Face hub, private; needs HF_TOKEN where the studio runs"),
                interactive=True,
            )  # fmt: skip
            openid = labels.access.openid
            if openid is not None and openid.of_the_hub:
                gr.Button(_("Log in with Hugging Face"), link="/login", elem_id="log-in")
            self._push = gr.Button(_("Push"))
            self._status = gr.HTML(elem_id="export-status")
        may = labels.access.most.projects
        with gr.Accordion(_("Import labels"), open=False, elem_id="import", visible=may):
            self._source = gr.File(
                label=_("What was exported: .csv, .jsonl, .json, or a zip of a folder"),
                type="filepath", elem_id="import-file", height=136,
            )  # fmt: skip
            self._into = gr.Textbox(
                label=_("Into the project"), max_lines=1, elem_id="import-project",
                info=_("Made if there is none of that name; empty: as the file says"),
            )  # fmt: skip
            self._control = gr.Textbox(
                label=_("Label Studio’s question"), max_lines=1, elem_id="import-control",
                info=_("The control whose choices are the labels, where the file has several"),
            )  # fmt: skip
            self._import = gr.Button(_("Import"), elem_id="import-run")
            self._imported = gr.HTML(elem_id="import-status")

    def assigned(self, assignment: Assignment | None) -> dict[Any, Any]:
        """Updates for who works in which project."""
        return {
            self._panel: gr.update(visible=bool(assignment and assignment.person.administers)),
            self._file: gr.update(visible=False), self._status: "",
        }  # fmt: skip

    def wire(
        self, bundle: gr.Dropdown, made: Callable[[str, Codes], dict[Any, Any]], places: list[Any]
    ) -> None:
        """Let the buttons act; a project that was imported fills ``places`` by ``made``."""
        quiet = {"api_visibility": "private"}
        chosen = [self._project, self._codes]
        self._export.click(
            self._exported, [*chosen, self._format, self._whole, self._history],
            [self._file, self._status], **quiet,
        )  # fmt: skip
        self._push.click(self._pushed, [*chosen, self._repository], self._status, **quiet)

        async def import_labels(
            request: gr.Request, which: str, file: str | None, name: str, control: str,
            person: str, held: Codes | None,
        ) -> dict[Any, Any]:  # fmt: skip
            with show_errors():
                self.labels.access.require("projects", request)
                if not file:
                    raise BadInput("choose a file first")
                held = held_codes(held)  # before a project is made whose code would be lost
                controller, owner, loop = (
                    self.controllers[which],
                    owner_of(request),
                    asyncio.get_running_loop(),
                )

                def prepare(picture: Image.Image) -> np.ndarray:
                    # The engine owns the device; this thread only waits for it.
                    asked = controller.ask(
                        owner, lambda: service.prepare(controller.bundle, picture)
                    )
                    return asyncio.run_coroutine_threadsafe(asked, loop).result()

                done = await self._in_turn(
                    partial(
                        self._import_file, Path(file), name, control, which, person,
                        name_of(request), prepare, held,
                    )
                )  # fmt: skip
                if done.access:
                    held[done.project] = done.access.code
                shown = await asyncio.to_thread(made, done.project, held)
                return shown | {self._imported: _summary(done)}

        self._import.click(
            import_labels,
            [bundle, self._source, self._into, self._control, self._person, self._codes],
            [self._imported, *places], show_progress_on=self._imported, **quiet,
        )  # fmt: skip

    async def _in_turn(self, work: Callable[[], Imported]) -> Imported:
        """Import in the threads that are for it, so that files keep nobody else waiting.

        :raises BadInput: too many wait already.
        """
        if self._waiting >= MOST_WAITING:
            raise BadInput(
                "{waiting} other files wait to be imported; try again later", waiting=self._waiting
            )
        if self._waiting >= AT_ONCE:
            gr.Info(_("Other files are being imported; yours is next when they are done."))
        self._waiting += 1  # only the event loop counts
        try:
            return await asyncio.get_running_loop().run_in_executor(self._importing, work)
        finally:
            self._waiting -= 1

    async def _exported(
        self, name: str | None, held: Codes | None, form: str, whole: bool, history: bool
    ) -> dict[Any, Any]:
        def work() -> tuple[str, Exported]:
            assignment = self.labels.require_administrator(name, held)
            folder = _scratch(self.controllers.first.results)
            stem = f"{assignment.project.name.replace(' ', '-')}-{assignment.project.version}"
            if form not in exchange.FORMATS:
                raise BadInput("there is no format {form!r}; choose another", form=form)
            packed = whole or form == "datasets"
            to = folder / stem if packed else folder / f"{stem}.{ENDINGS[form]}"
            written = exchange.export(
                self.labels.database(), assignment.project, to, form, history=history
            )
            if not packed:
                return str(to), written
            archive = shutil.make_archive(str(folder / stem), "zip", to)
            shutil.rmtree(to)
            return archive, written

        with show_errors():
            path, written = await asyncio.to_thread(work)
            return {
                self._file: gr.update(value=path, visible=True),
                self._status: markup.notice(
                    "success",
                    _(
                        "Label set {version}: {items} pictures, {responses} answers, {suggestions} "
                        "suggestions.",
                        version=written.version,
                        items=written.items,
                        responses=written.responses,
                        suggestions=written.suggestions,
                    ),
                ),
            }

    async def _pushed(
        self, request: gr.Request, name: str | None, held: Codes | None, repository: str
    ) -> str:
        """Push as the visitor; the person at the machine pushes as the machine does."""
        from studio.labels.exchange.dataset_folder import push

        token = hub_token(request) or os.environ.get("HF_TOKEN")

        def work() -> str:
            assignment = self.labels.require_administrator(name, held)
            self.labels.access.require("push", request)
            where = line_of(repository or "", N_("the repository")).strip()
            if not where:
                raise BadInput("say which repository: owner/name")
            with tempfile.TemporaryDirectory(dir=self.controllers.first.results) as scratch:
                folder = Path(scratch) / "labels"
                exchange.export(
                    self.labels.database(), assignment.project, folder, "datasets", history=True
                )
                return push(folder, where, token)

        with show_errors():
            return markup.notice(
                "success", _("Pushed to {work}", work=await asyncio.to_thread(work))
            )

    def _import_file(
        self, file: Path, name: str, control: str, bundle: str, person: str, login: str,
        prepare: Callable[[Image.Image], np.ndarray], held: Codes,
    ) -> Imported:  # fmt: skip
        def permit(project: Project | None) -> None:
            if project is not None:  # only its administrator brings labels into a project
                right = self.labels.require_administrator(project.name, held)
                if right.project.id != project.id:
                    raise BadInput(
                        "somebody else changed {name!r} meanwhile; import the file again",
                        name=project.name,
                    )
            elif not administrator:  # who brings a new one administers it
                raise BadInput("type your name first: the imported project is kept under it")

        administrator = line_of(person or "", N_("your name")).strip()
        if not (name or "").strip() and not held:
            permit(None)  # what the file says is not known yet, but nothing here is this person's
        return exchange.import_labels(
            self.labels.database(), line_of(name or "", N_("the project's name")).strip() or None,
            file, bundle=bundle, administrator=administrator, owner=login,
            own=self._own_projects(held, login),
            control=line_of(control or "", N_("the question's name")).strip() or None,
            prepare=prepare, permit=permit,
        )  # fmt: skip

    def _own_projects(self, held: Codes, login: str) -> set[int] | None:
        """Numbers of the projects whose pictures a person may have: those that they administer,
        and those made with their login; None for all, where the machine is theirs."""
        if self.labels.access.mode == "private":
            return None

        def administers(project: Project) -> bool:
            assignment = self.labels.assignment(project.name, held)
            return assignment is not None and assignment.person.administers

        return {
            one.id for one in projects.listed(self.labels.database())
            if (login and one.owner == login) or administers(one)
        }  # fmt: skip


def _scratch(results: Path) -> Path:
    """A folder for an export; removes those that were downloaded long ago."""
    for old in results.glob(f"{EXPORT}*"):
        if time.time() - old.stat().st_mtime > KEPT:
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=EXPORT, dir=results))


def _summary(done: Imported) -> str:
    left_out = "".join(
        " " + _("Left out: {reason}: {count}.", reason=_(reason), count=count)
        for reason, count in done.left_out.items()
    )
    replaced = (
        " " + _("{replaced} were answered again later.", replaced=done.replaced)
        if done.replaced
        else ""
    )
    return markup.notice(
        "success",
        _(
            "“{project}”: {items} new pictures, {responses} answers, {suggestions} "
            "suggestions; {repeated} were here already.{replaced}{left_out}",
            project=done.project,
            items=done.items,
            responses=done.responses,
            suggestions=done.suggestions,
            repeated=done.repeated,
            replaced=replaced,
            left_out=left_out,
        ),
    )
