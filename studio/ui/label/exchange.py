"""Panel beside the labelling widget: label sets out of the studio, and into it."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from backends import service
from backends.errors import BadInput
from studio.labels import exchange
from studio.labels.exchange import Brought, Exported
from studio.labels.store import projects
from studio.ui.shared import markup
from studio.ui.shared.controllers import Desks
from studio.ui.shared.label_controller import Codes, LabelDesk, Seat
from studio.ui.shared.requests import owner_of, sentences

__all__ = ["ExchangePanel"]

ENDINGS = {"csv": "csv", "jsonl": "jsonl", "label-studio": "json", "datasets": "zip"}
LARGEST = 2_000_000_000  # bytes that an uploaded zip may hold when unpacked
EXPORT, KEPT = "export-", 600.0  # seconds; the page has its own copy by then
LOST = (
    "This studio runs as a Space, whose disk is not kept: push the labels to a dataset repository "
    "before it restarts, or give it a database of its own (STUDIO_DATABASE)."
)


class ExchangePanel:
    """Export, import, and push, laid out inside the current Blocks."""

    def __init__(
        self, desks: Desks, labels: LabelDesk, project: gr.Dropdown, codes: gr.BrowserState,
        person: gr.Textbox,
    ) -> None:  # fmt: skip
        self.desks, self.labels = desks, labels
        self._project, self._codes, self._person = project, codes, person
        with gr.Accordion("Export", open=False, visible=False, elem_id="exchange") as self._room:
            gr.Markdown(LOST, visible="SPACE_ID" in os.environ)
            self._format = gr.Dropdown(
                list(exchange.FORMATS), value="csv", label="Format", interactive=True,
                info="A table, JSON Lines, a datasets folder, or Label Studio’s tasks",
                elem_id="export-format",
            )  # fmt: skip
            self._whole = gr.Checkbox(
                False, label="With the pictures", info="As a zip", interactive=True
            )
            self._history = gr.Checkbox(
                False, label="With what was corrected or taken back", interactive=True
            )
            self._export = gr.Button("Export", elem_id="export")
            self._file = gr.DownloadButton("Download", visible=False, elem_id="export-file")
            self._repository = gr.Textbox(
                label="Push to a dataset repository", placeholder="owner/name", max_lines=1,
                info="On the Hugging Face hub, private; needs HF_TOKEN where the studio runs",
                interactive=True,
            )  # fmt: skip
            self._push = gr.Button("Push")
            self._told = gr.HTML(elem_id="export-status")
        with gr.Accordion("Import labels", open=False, elem_id="import"):
            self._source = gr.File(
                label="What was exported: .csv, .jsonl, .json, or a zip of a folder",
                type="filepath", elem_id="import-file", height=110,
            )  # fmt: skip
            self._into = gr.Textbox(
                label="Into the project", max_lines=1, elem_id="import-project",
                info="Made if there is none of that name; empty: as the file says",
            )  # fmt: skip
            self._import = gr.Button("Import", elem_id="import-run")
            self._brought = gr.HTML(elem_id="import-status")

    def seated(self, seat: Seat | None) -> dict[Any, Any]:
        """Updates for who works in which project."""
        return {
            self._room: gr.update(visible=bool(seat and seat.person.administers)),
            self._file: gr.update(visible=False), self._told: "",
        }  # fmt: skip

    def wire(
        self, bundle: gr.Dropdown, made: Callable[[str, Codes], dict[Any, Any]], places: list[Any]
    ) -> None:
        """Let the buttons act; a project that was imported fills ``places`` by ``made``."""
        quiet = {"api_visibility": "private"}
        chosen = [self._project, self._codes]
        self._export.click(
            self._exported, [*chosen, self._format, self._whole, self._history],
            [self._file, self._told], **quiet,
        )  # fmt: skip
        self._push.click(self._pushed, [*chosen, self._repository], self._told, **quiet)

        async def take_in(
            request: gr.Request, which: str, file: str | None, name: str, person: str,
            held: Codes | None,
        ) -> dict[Any, Any]:  # fmt: skip
            with sentences():
                if not file:
                    raise BadInput("choose a file first")
                desk, owner, loop = self.desks[which], owner_of(request), asyncio.get_running_loop()

                def prepare(picture: Image.Image) -> np.ndarray:
                    # The engine owns the device; this thread only waits for it.
                    asked = desk.ask(owner, lambda: service.prepare(desk.bundle, picture))
                    return asyncio.run_coroutine_threadsafe(asked, loop).result()

                brought = await asyncio.to_thread(
                    self._taken, Path(file), name, which, person, prepare, held
                )
                held = dict(held or {})
                if brought.access:
                    held[brought.project] = brought.access.code
                shown = await asyncio.to_thread(made, brought.project, held)
                return shown | {self._brought: _said(brought)}

        self._import.click(
            take_in, [bundle, self._source, self._into, self._person, self._codes],
            [self._brought, *places], **quiet,
        )  # fmt: skip

    async def _exported(
        self, name: str | None, held: Codes | None, form: str, whole: bool, history: bool
    ) -> dict[Any, Any]:
        def work() -> tuple[str, Exported]:
            seat = self.labels.require(name, held, administrator=True)
            folder = _scratch(self.desks.first.results)
            stem = f"{seat.project.name.replace(' ', '-')}-{seat.project.version}"
            packed = whole or form == "datasets"
            to = folder / stem if packed else folder / f"{stem}.{ENDINGS[form]}"
            written = exchange.export(
                self.labels.database(), seat.project, to, form, history=history
            )
            if not packed:
                return str(to), written
            archive = shutil.make_archive(str(folder / stem), "zip", to)
            shutil.rmtree(to)
            return archive, written

        with sentences():
            path, written = await asyncio.to_thread(work)
            return {
                self._file: gr.update(value=path, visible=True),
                self._told: markup.line(
                    "flipped",
                    f"Label set {written.version}: {written.items} pictures, {written.responses} "
                    f"answers, {written.suggestions} suggestions.",
                ),
            }

    async def _pushed(self, name: str | None, held: Codes | None, repository: str) -> str:
        from studio.labels.exchange.dataset_folder import push

        def work() -> str:
            seat = self.labels.require(name, held, administrator=True)
            if not (repository or "").strip():
                raise BadInput("say which repository: owner/name")
            with tempfile.TemporaryDirectory(dir=self.desks.first.results) as scratch:
                folder = Path(scratch) / "labels"
                exchange.export(
                    self.labels.database(), seat.project, folder, "datasets", history=True
                )
                return push(folder, repository.strip(), os.environ.get("HF_TOKEN"))

        with sentences():
            return markup.line("flipped", f"Pushed to {await asyncio.to_thread(work)}")

    def _taken(
        self, file: Path, name: str, bundle: str, person: str,
        prepare: Callable[[Image.Image], np.ndarray], held: Codes | None,
    ) -> Brought:  # fmt: skip
        database = self.labels.database()
        known = {project.name for project in projects.listed(database)}

        def permit(into: str) -> None:
            if into in known:  # into a project that is there only its administrator brings labels
                self.labels.require(into, held, administrator=True)

        with tempfile.TemporaryDirectory(dir=self.desks.first.results) as scratch:
            source = _unpacked(file, Path(scratch)) if zipfile.is_zipfile(file) else file
            return exchange.take_in(
                database, (name or "").strip() or None, source, bundle=bundle,
                administrator=person or "me", prepare=prepare, permit=permit,
            )  # fmt: skip


def _scratch(results: Path) -> Path:
    """A folder for an export; those that were downloaded long ago make room."""
    for old in results.glob(f"{EXPORT}*"):
        if time.time() - old.stat().st_mtime > KEPT:
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=EXPORT, dir=results))


def _unpacked(file: Path, folder: Path) -> Path:
    """The folder that was zipped; extraction keeps every member inside it."""
    with zipfile.ZipFile(file) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > LARGEST:
            raise BadInput("the zip holds more than 2 GB; import it with: python -m studio labels")
        archive.extractall(folder)
    inside = [path for path in folder.iterdir() if not path.name.startswith((".", "__"))]
    if len(inside) == 1 and inside[0].is_dir() and exchange.format_of(folder) is None:
        return inside[0]
    return folder


def _said(brought: Brought) -> str:
    return markup.line(
        "flipped",
        f"“{brought.project}”: {brought.items} new pictures, {brought.responses} answers, "
        f"{brought.suggestions} suggestions; {brought.repeated} were here already.",
    )
