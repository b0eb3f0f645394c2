"""The tab "Evaluate": every method on many pictures, started, watched, stopped, and listed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from backends.errors import BadInput
from studio.runs.background_tasks import BackgroundTask, BackgroundTasks
from studio.runs.evaluations import FILES, carried_out, earlier, table_in
from studio.translation import N_, _
from studio.ui.evaluate import markup
from studio.ui.evaluate.choices import MOST, REGIONS, TARGETS, EvaluationChoices
from studio.ui.shared import markup as shared
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.on_demand import on_mount
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import running, show_errors

__all__ = ["EvaluateTab"]

EVALUATING = "evaluate"  # the background task: one at a time
HELP = N_(
    "Asks every chosen method the same questions about the bundle's own test pictures, and "
    "measures its answers. It goes on when this page is closed, in turns with everybody's runs; "
    "after a stop, the same question goes on where it was."
)


class EvaluateTab:
    """Laid out inside the current Blocks; for who may start evaluations.

    :param tasks: on which it runs.
    """

    def __init__(self, controllers: Controllers, tasks: BackgroundTasks) -> None:
        self._controllers, self._tasks = controllers, tasks
        self._place = controllers.first.results / "evaluations"
        first = controllers.first.bundle
        models, methods = self._offered(first)
        self._mounted = on_mount("evaluate-mounted")
        gr.Markdown(_(HELP))
        with gr.Row():
            with gr.Column(scale=4, min_width=320):
                with gr.Row():
                    self._bundle = gr.Dropdown(
                        list(controllers.names), value=first, label=_("Bundle"),
                        elem_id="evaluate-bundle",
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
                        50, label=_("Pictures a row"), minimum=1, maximum=MOST, precision=0,
                        elem_id="evaluate-count",
                    )  # fmt: skip
                    self._seeds = gr.Textbox(
                        "", label=_("Seeds"), placeholder=_("0, or 0-2"), elem_id="evaluate-seeds",
                        info=_("Each picture is asked about with each"),
                    )  # fmt: skip
                self._settings = gr.Textbox(
                    "", label=_("Settings"), placeholder="rcsb.steps=50,100", lines=2,
                    elem_id="evaluate-settings",
                    info=_("method.key=value,value: a row for each; one a line"),
                )  # fmt: skip
                self._go = gr.Button(_("Start"), variant="primary", elem_id="evaluate-start")
                self._stop = gr.Button(_("Stop"), variant="stop", visible=False,
                                       elem_id="evaluate-stop")  # fmt: skip
            with gr.Column(scale=7, min_width=320):
                self._earlier = gr.Dropdown(
                    [], label=_("Finished evaluations"), elem_id="evaluate-earlier", visible=False,
                    info=_("As long as the studio runs"),
                )  # fmt: skip
                self._state = gr.HTML(elem_id="evaluate-state")
                self._files = gr.File(
                    label=_("report.html, table.csv, table.json"), file_count="multiple",
                    visible=False, interactive=False, elem_id="evaluate-files",
                )  # fmt: skip

    @property
    def _places(self) -> list[Any]:
        return [self._go, self._stop, self._state, self._files, self._earlier]

    def wire(self) -> None:
        """Let the controls act."""
        asked = [self._bundle, self._model, self._methods, self._regions, self._targets,
                 self._count, self._seeds, self._settings]  # fmt: skip
        self._bundle.input(self._turned, self._bundle, [self._model, self._methods], **QUIET)
        self._go.click(self._start, asked, self._places, concurrency_limit=8, **QUIET)
        self._stop.click(self._ask_to_stop, None, self._state, queue=False, **QUIET)
        self._earlier.input(self._reopened, self._earlier, [self._state, self._files], **QUIET)
        self._mounted.shown(self._goes_on, None, self._places, concurrency_limit=8, **QUIET)

    def _offered(self, bundle: str) -> tuple[list[str], list[tuple[str, str]]]:
        """Models and methods of a bundle that can be evaluated; a regressor has no classes."""
        about = self._controllers[bundle].about
        models = [
            name for name, entry in about["models"].items() if not entry or "classes" in entry
        ]
        methods = [
            (_(entry["title"]), name) for name, entry in about["methods"].items()
            if entry["problem"] is None
        ]  # fmt: skip
        return models, methods

    def _turned(self, bundle: str) -> dict[Any, Any]:
        models, methods = self._offered(bundle)
        return {
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
            work = partial(carried_out, asked.plan(self._place), asked.folder(self._place))
            async for shown in self._follow(self._tasks.start(EVALUATING, work)):
                yield shown

    def _ask_to_stop(self, request: gr.Request) -> str:
        with show_errors():
            self._controllers.access.require("evaluations", request)
            self._tasks.stop(EVALUATING)
        return shared.stopping()

    async def _goes_on(self) -> AsyncIterator[dict[Any, Any]]:
        """What goes on, or how the last one ended."""
        task = self._tasks.newest(EVALUATING)
        if task is None:
            yield self._listed()
            return
        async for shown in self._follow(task):
            yield shown

    async def _follow(self, task: BackgroundTask) -> AsyncIterator[dict[Any, Any]]:
        """The page's updates until an evaluation has ended."""
        nothing = {self._files: gr.skip(), self._earlier: gr.skip()}
        if task.state == "going":
            yield running(self._go, self._stop, True) | nothing | {self._state: shared.waiting(0)}
        shown: object = None
        async for _news in task.watch():
            if task.news is not shown:
                shown = task.news
                yield {self._state: markup.state(task)}
        folder = task.news.folder if task.state == "done" and task.news else None
        yield (
            running(self._go, self._stop, False)
            | {self._state: markup.state(task), self._files: self._offer(folder)}
            | self._listed(folder)
        )

    def _reopened(self, name: str | None) -> dict[Any, Any]:
        """An evaluation that ended earlier."""
        with show_errors():
            folder = next((f for f in earlier(self._place) if f.name == name), self._place)
            return {
                self._state: markup.shown_table(table_in(folder)),
                self._files: self._offer(folder),
            }

    def _listed(self, chosen: Path | None = None) -> dict[Any, Any]:
        folders = earlier(self._place)
        choices = [(_named(folder), folder.name) for folder in folders]
        value = chosen.name if chosen else None
        return {self._earlier: gr.update(choices=choices, value=value, visible=bool(choices))}

    @staticmethod
    def _offer(folder: Path | None) -> Any:
        if folder is None:
            return gr.update(value=None, visible=False)
        return gr.update(value=[str(folder / name) for name in FILES], visible=True)


def _named_choices(choices: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(_(label), value) for label, value in choices.items()]


def _named(folder: Path) -> str:
    """A finished evaluation in the list: when, and what it asked."""
    table = table_in(folder)
    at = time.strftime("%H:%M", time.localtime((folder / "table.json").stat().st_mtime))
    return _(
        "{at} · {title} · {count} pictures · {methods}",
        at=at,
        title=_(table["title"]),
        count=table["count"],
        methods=", ".join(table["methods"]),
    )
