"""From a zip of pictures to a bundle: chosen, looked at, made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from backends.training.new_settings import NewConfig
from studio.runs.background_tasks import BackgroundTask
from studio.translation import N_, _
from studio.ui.domain import markup
from studio.ui.domain.upload import Uploads
from studio.ui.domain.work import MAKING, DomainWork
from studio.ui.shared import form
from studio.ui.shared import markup as shared
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import error_text, running, show_errors

__all__ = ["NewBundlePanel"]

HELP = N_(
    "A zip with a folder of pictures for each class makes a domain of its own: the studio trains a "
    "classifier and a judge on it, and what the methods need. Nothing leaves this machine."
)
LOOKS = ("size", "colours", "preparation")  # settings that change how pictures look
Made = Callable[[str], dict[Any, Any]]


class NewBundlePanel:
    """Laid out inside the current Blocks, in two columns.

    :param uploads: unpacks what is uploaded.
    """

    def __init__(self, work: DomainWork, uploads: Uploads) -> None:
        self._work, self._uploads = work, uploads
        with gr.Column(scale=4, min_width=300):
            gr.Markdown(_("### 1 · Your pictures"))
            gr.Markdown(_(HELP))
            self._zip = gr.File(
                label=_("Zip of pictures, a folder for each class"),
                file_types=[".zip"],
                height=150,
                elem_id="own-zip",
            )
            self._settings = self._lay_out_settings()
        with gr.Column(scale=5, min_width=320):
            gr.Markdown(_("### 2 · As the models see them"))
            self._look = gr.HTML(
                shared.hint(_("Upload a zip, and some of its pictures appear here.")),
                elem_id="own-look",
            )
            self._name = gr.Textbox(
                label=_("Name of the bundle"), info=_("Letters, digits, - and _"), max_lines=1,
                elem_id="own-name",
            )  # fmt: skip
            self._minutes = gr.Number(
                5, label=_("Minutes for the classifier and the judge"), minimum=0, maximum=600,
                info=_("With 0 they are trained in step 3"), elem_id="own-minutes",
            )  # fmt: skip
            self._go = gr.Button(_("Make this bundle"), variant="primary", elem_id="own-make")
            self._stop = gr.Button(
                _("Stop"), variant="stop", visible=False, elem_id="own-make-stop"
            )
            self._state = gr.HTML(elem_id="own-made")

    def _lay_out_settings(self) -> dict[str, gr.components.Component]:
        fields = NewConfig.model_json_schema()["properties"]
        first = (*LOOKS, "mirror")
        settings = {name: _control(name, fields[name]) for name in first}
        with gr.Accordion(_("More"), open=False):
            settings |= {n: _control(n, field) for n, field in fields.items() if n not in first}
            self._model = gr.Textbox(
                label=_("Model to explain"), max_lines=1, elem_id="own-classifier",
                info=_("Empty: a classifier is trained on the folders’ names. Else such as "
                "torchvision:resnet18, timm:NAME, hf:OWNER/NAME, or a file"),
            )  # fmt: skip
        return settings

    @property
    def places(self) -> list[Any]:
        """What :meth:`follow` fills."""
        return [self._go, self._stop, self._state]

    def wire(self, made: Made, places: list[Any]) -> None:
        """Let the controls act; a new bundle then fills ``places`` with what ``made`` gives."""
        looks = [self._settings[name] for name in LOOKS]
        gr.on(
            [self._zip.upload, *(control.input for control in looks)],
            self._looked, [self._zip, self._name, *looks], [self._look, self._name],
            show_progress_on=self._look, api_visibility="private", trigger_mode="always_last",
        )  # fmt: skip
        self._zip.clear(
            lambda: shared.hint(_("Upload a zip, and some of its pictures appear here.")), None,
            self._look, queue=False, **QUIET,
        )  # fmt: skip

        async def make(
            file: str | None, name: str | None, minutes: float | None, model: str | None,
            *values: Any,
        ) -> AsyncIterator[dict[Any, Any]]:  # fmt: skip
            with show_errors():
                # What was never shown, as it lies folded away, arrives as nothing.
                settings = {
                    k: v for k, v in zip(self._settings, values, strict=True) if v is not None
                }
                source = await asyncio.to_thread(self._uploads.pictures, file)
                task = self._work.start(
                    MAKING,
                    partial(
                        _making,
                        (name or "").strip(),
                        source,
                        settings,
                        (model or "").strip(),
                        float(minutes or 0),
                    ),
                )
                async for shown in self.follow(task, made):
                    yield shown

        self._go.click(
            make, [self._zip, self._name, self._minutes, self._model, *self._settings.values()],
            [*self.places, *places], concurrency_limit=8, **QUIET,
        )  # fmt: skip
        self._stop.click(lambda: self._work.stop(MAKING), None, self._state, queue=False, **QUIET)

    async def follow(self, task: BackgroundTask, made: Made) -> AsyncIterator[dict[Any, Any]]:
        """The page's updates until a making has ended."""
        if task.state == "going":
            yield running(self._go, self._stop, True) | {self._state: shared.waiting(0)}
        async for text in self._work.follow(task):
            yield {self._state: text}
        shown = running(self._go, self._stop, False) | {self._state: markup.state(task)}
        # A making that was stopped while it trained has made the bundle.
        if task.news is not None and task.news.made is not None:
            shown |= await asyncio.to_thread(made, task.news.bundle)
        yield shown

    def _looked(
        self, file: str | None, name: str, size: int, colours: str, preparation: str
    ) -> dict[Any, Any]:
        """Some pictures as they would be seen, and a name, unless the person gave one."""
        if not file:
            return {self._look: gr.skip()}
        from backends.evaluation.watched import looked_at

        settings = {"size": size, "colours": colours, "preparation": preparation}
        try:
            found = looked_at(self._uploads.pictures(file), settings)
        except Exception as error:  # whatever happened, the page must go on working
            return {self._look: shared.failure(error_text(error, N_("the pictures")))}
        return {self._look: markup.look(found, size), self._name: name or _usual_name(file)}


def _control(name: str, field: dict[str, Any]) -> gr.components.Component:
    return form.control(name, field, f"own-{name.replace('_', '-')}")


def _usual_name(file: str) -> str:
    """A name that a bundle can have, from the zip's."""
    kept = [letter if letter.isalnum() or letter in "-_" else "-" for letter in Path(file).stem]
    return "".join(kept).strip("-")[:40]


def _making(
    name: str, source: Path, settings: dict[str, Any], model: str, minutes: float
) -> Iterator[Any]:
    from backends.evaluation import watched

    return watched.made(name, source, settings, model=model, minutes=minutes)
