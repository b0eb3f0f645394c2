"""The tab "Evaluate": every method on many pictures, started, watched, stopped, and listed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from backends import bundles
from backends.errors import BadInput
from studio.export.labels import model_title
from studio.runs.background_tasks import BackgroundTask, BackgroundTasks
from studio.runs.evaluations import carried_out, note_asked, table_in
from studio.translation import N_, _
from studio.ui.evaluate import markup
from studio.ui.evaluate.choices import MOST, REGIONS, TARGETS, EvaluationChoices
from studio.ui.evaluate.kept import KEEP, KeptList
from studio.ui.shared import form
from studio.ui.shared import markup as shared
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.on_demand import on_mount
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import running, show_errors
from studio.ui.shared.static import static_text
from studio.ui.shared.varied_settings import VariedSettings

__all__ = ["EvaluateTab"]

EVALUATING = "evaluate"  # the background task: one at a time
HELP = N_(
    "Asks every chosen method the same questions about the bundle's own test pictures, and "
    "measures its answers. It goes on when this page is closed, in turns with everybody's runs; "
    "after a stop, the same question goes on where it was."
)
FIRST = N_(
    "The table comes here, a row for each method, region and value of a setting; then a report "
    "with pictures. Four pictures and one method take seconds, hundreds of all methods hours."
)


class EvaluateTab:
    """Laid out inside the current Blocks; for who may start evaluations.

    :param tasks: on which it runs.
    :param home: the folder of everybody's evaluations.
    """

    def __init__(self, controllers: Controllers, tasks: BackgroundTasks, home: Path) -> None:
        self._controllers, self._tasks = controllers, tasks
        self._titles = {name: m["title"] for name, m in controllers.methods().items()}
        self._going: Path | None = None  # the folder of the newest one that this studio started
        first = controllers.first.bundle
        models, methods = self._offered(first)
        self._mounted = on_mount("evaluate-mounted")
        gr.Markdown(_(HELP))
        with gr.Row():
            with gr.Column(scale=4, min_width=320):
                with gr.Row():
                    self._bundle = gr.Dropdown(
                        [(_(str(bundles.get(n).manifest.title)), n) for n in controllers.names],
                        value=first, label=_("Bundle"), elem_id="evaluate-bundle",
                    )  # fmt: skip
                    self._model = gr.Dropdown(
                        models, value="classifier", label=_("Model"), elem_id="evaluate-model"
                    )
                self._methods = gr.CheckboxGroup(
                    methods, value=[name for _title, name in methods[:1]], label=_("Methods"),
                    elem_id="evaluate-methods",
                )  # fmt: skip
                self._regions = gr.CheckboxGroup(
                    _named_choices(REGIONS), value=["whole"], label=_("Regions"),
                    elem_id="evaluate-regions",
                )  # fmt: skip
                self._targets = gr.Radio(
                    _named_choices(TARGETS), value="random", label=_("Asked for"),
                    elem_id="evaluate-targets",
                )  # fmt: skip
                with gr.Row():
                    self._count = gr.Number(
                        50, label=_("How many pictures"), minimum=1, maximum=MOST, precision=0,
                        elem_id="evaluate-count",
                    )  # fmt: skip
                    self._seeds = gr.Textbox(
                        "", label=_("Seeds"), placeholder=_("0, or 0-2"), elem_id="evaluate-seeds",
                        info=_("Every picture is asked about with every seed"),
                    )  # fmt: skip
                self._varied = VariedSettings(controllers, "evaluate", self._methods)
            with gr.Column(scale=7, min_width=320):
                self._go = gr.Button(_("Start"), variant="primary", elem_id="evaluate-start")
                self._stop = gr.Button(_("Stop"), variant="stop", visible=False,
                                       elem_id="evaluate-stop")  # fmt: skip
                self._kept = KeptList(controllers, home)
                self._state = gr.HTML(shared.hint(_(FIRST)), elem_id="evaluate-state")
                self._files = gr.File(
                    label=_("report.html, table.csv, table.json"), file_count="multiple",
                    visible=False, interactive=False, elem_id="evaluate-files",
                )  # fmt: skip

    @property
    def _asked(self) -> list[Any]:
        """The controls, in the order of :class:`EvaluationChoices`."""
        return [self._bundle, self._model, self._methods, self._regions, self._targets,
                self._count, self._seeds, self._varied.words]  # fmt: skip

    @property
    def _places(self) -> list[Any]:
        return [self._go, self._stop, self._state, self._files, *self._kept.places]

    def wire(self) -> None:
        """Let the controls act."""
        kept = self._kept
        self._varied.wire()
        self._bundle.input(
            self._turned, self._bundle, [self._model, self._methods, *self._varied.places], **QUIET
        )
        self._go.click(self._start, self._asked, self._places, concurrency_limit=8, **QUIET)
        self._stop.click(self._ask_to_stop, None, self._state, queue=False, **QUIET)
        kept.chosen.input(
            self._reopened, kept.chosen,
            [*dict.fromkeys([*self._asked, *self._varied.places, self._state, self._files])],
            **QUIET,
        )  # fmt: skip
        kept.delete.click(
            self._delete, kept.chosen, [self._state, self._files, *kept.places],
            js=static_text("ask_first.js"), preprocess=False, **QUIET,
        )  # fmt: skip
        self._mounted.shown(self._goes_on, None, self._places, concurrency_limit=8, **QUIET)

    def _offered(self, bundle: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Models and methods of a bundle that can be evaluated; a regressor has no classes."""
        about = self._controllers[bundle].about
        models = [
            (model_title(name, about), name) for name, entry in about["models"].items()
            if not entry or "classes" in entry
        ]  # fmt: skip
        return models, form.method_choices(self._controllers[bundle].methods())

    def _turned(self, bundle: str) -> dict[Any, Any]:
        models, methods = self._offered(bundle)
        return self._varied.opened(bundle) | {
            self._model: gr.update(choices=models, value="classifier"),
            self._methods: gr.update(choices=methods, value=[name for _title, name in methods[:1]]),
        }

    async def _start(
        self, bundle: str, model: str, methods: list[str], regions: list[str], targets: str,
        count: float, seeds: str, settings: str, request: gr.Request,
    ) -> AsyncIterator[dict[Any, Any]]:  # fmt: skip
        with show_errors():
            self._controllers.access.require("evaluations", request)
            if self._tasks.going(EVALUATING):
                raise BadInput("an evaluation goes on already; stop it first, or wait")
            asked = EvaluationChoices(
                bundle, model, methods, regions, targets, count, seeds, settings
            )
            place = self._kept.place(request)
            plan, folder = asked.plan(place), asked.folder(place)
            note_asked(folder, asdict(asked))
            self._going = folder
            task = self._tasks.start(EVALUATING, partial(carried_out, plan, folder))
            async for shown in self._follow(task, folder, request):
                yield shown

    def _ask_to_stop(self, request: gr.Request) -> str:
        with show_errors():
            self._controllers.access.require("evaluations", request)
            self._tasks.stop(EVALUATING)
        return shared.stopping()

    async def _goes_on(self, request: gr.Request) -> AsyncIterator[dict[Any, Any]]:
        """What goes on, or how the last one ended."""
        task, folder = self._tasks.newest(EVALUATING), self._going
        if task is None or folder is None or folder.parent != self._kept.place(request):
            yield self._kept.listed(request)
            return
        async for shown in self._follow(task, folder, request):
            yield shown

    async def _follow(
        self, task: BackgroundTask, folder: Path, request: gr.Request
    ) -> AsyncIterator[dict[Any, Any]]:
        """The page's updates until an evaluation has ended."""
        if task.state == "going":
            nothing = {self._files: self._offer(None)} | self._kept.listed(request, folder.name)
            yield running(self._go, self._stop, True) | nothing | {self._state: shared.waiting(0)}
        shown: object = None
        async for _news in task.watch():
            if task.news is not shown:
                shown = task.news
                yield {self._state: markup.state(task, self._titles)}
        yield (
            running(self._go, self._stop, False)
            | {self._state: markup.state(task, self._titles)}
            | {self._files: self._offer(folder if task.state == "done" else None)}
            | self._kept.listed(request, folder.name)
        )

    def _reopened(self, name: str | None, request: gr.Request) -> dict[Any, Any]:
        """An earlier evaluation: what it asked, and, where it is finished, what came of it."""
        with show_errors():
            one = self._kept.find(name, request)
            asked = EvaluationChoices(**one.asked)
            models, methods = self._offered(asked.bundle)
            shown = self._varied.opened(asked.bundle) | {
                self._bundle: asked.bundle,
                self._model: gr.update(choices=models, value=asked.model),
                self._methods: gr.update(choices=methods, value=list(asked.methods)),
                self._regions: list(asked.regions), self._targets: asked.targets,
                self._count: asked.count, self._seeds: asked.seeds,
                self._varied.words: asked.settings,
            }  # fmt: skip
            if not one.finished:
                told = shared.notice("warning", _("Not finished. Press Start: it goes on."))
                return shown | {self._state: told, self._files: self._offer(None)}
            return shown | {
                self._state: markup.shown_table(table_in(one.folder)),
                self._files: self._offer(one.folder),
            }

    def _delete(self, name: str | None, request: gr.Request) -> dict[Any, Any]:
        if name == KEEP:
            return {self._files: gr.skip()}
        with show_errors():
            self._controllers.access.require("evaluations", request)
            going = self._going if self._tasks.going(EVALUATING) else None
            self._kept.remove(name, going, request)
        told = {self._state: shared.hint(_(FIRST)), self._files: self._offer(None)}
        return told | self._kept.listed(request)

    def _offer(self, folder: Path | None) -> Any:
        if folder is None:
            return gr.update(value=None, visible=False)
        return gr.update(value=self._kept.files(folder), visible=True, interactive=False)


def _named_choices(choices: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(_(label), value) for label, value in choices.items()]
