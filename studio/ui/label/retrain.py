"""Panel beside the labelling widget: the project's labels become a target model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import gradio as gr

from backends.errors import BadInput
from backends.service import retraining
from backends.training.retrain_settings import Learning, Learnt
from studio.labels.stats.consensus import RULES
from studio.labels.stats.training_quality import agreement, told, weaknesses
from studio.labels.store import projects
from studio.labels.store.texts import line_of
from studio.labels.tasks import retrain as training
from studio.runs.background_tasks import BackgroundTask
from studio.templates import Markup, render
from studio.translation import N_, _
from studio.ui.label.project_task import ProjectTask
from studio.ui.shared import form, markup
from studio.ui.shared.controller import BundleController
from studio.ui.shared.label_controller import Assignment, Codes, LabelController
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import owner_of, running, show_errors

__all__ = ["TrainingPanel"]

Opened = Callable[[BundleController], dict[Any, Any]]

# Without those that a name completes.
WORDS = {"majority": N_("majority"), "soft": N_("soft"), "weighted": N_("weighted")}
PLAIN = [*(rule for rule in RULES if ":" not in rule), "suggestions:0.9", "suggestions:0.5"]


class TrainingPanel:
    """What *we* call a 4: retraining, laid out inside the current Blocks."""

    def __init__(
        self, labels: LabelController, project: gr.Dropdown, codes: gr.BrowserState
    ) -> None:
        self.labels, self._project, self._codes = labels, project, codes
        self._task = ProjectTask(labels, "retrain")
        with gr.Accordion(
            _("Retrain: a model of what we say"), open=False, visible=False, elem_id="training"
        ) as self._panel:
            gr.Markdown(
                _(
                    "Fits LeapFactual’s velocity field to the labels. The result is a target model "
                    "beside the bundle’s own: Explain and Compare offer it at once. Labels have no "
                    "gradients, so methods that follow gradients need the student."
                )
            )
            self._name = gr.Textbox(
                label=_("Name of the model"),
                info=_("The project’s earlier model of that name is replaced"),
                max_lines=1, interactive=True, elem_id="retrain-name",
            )  # fmt: skip
            self._rule = gr.Dropdown(
                _named(PLAIN), value="majority", label=_("Whose labels"), interactive=True,
                info=_("majority, shares (soft), shares weighted by agreement, one person’s, or "
                "models’ suggestions of that score where nobody answered"),
                elem_id="retrain-rule",
            )  # fmt: skip
            schema = retraining.schema()
            student = schema["properties"].pop("student")
            self._settings = {"student": form.control("student", student)}
            with gr.Accordion(_("Settings of the training"), open=False):
                self._settings |= form.controls(schema)
            self._go = gr.Button(_("Retrain"), variant="primary", elem_id="retrain")
            self._stop = gr.Button(_("Stop"), variant="stop", visible=False, elem_id="retrain-stop")
            self._state = gr.HTML(elem_id="retrain-status")
            self._history = gr.HTML(elem_id="retrain-history")
            with gr.Row(visible=False) as self._own:
                self._models = gr.Dropdown(
                    [], label=_("Models of this project"), interactive=True,
                    info=_("A model is the project’s alone until you share it; deleting is for "
                    "everybody, and the labels stay"), elem_id="trained-models",
                )  # fmt: skip
                self._share = gr.Button(_("Share with everybody"), elem_id="share-model", scale=0)
                self._unshare = gr.Button(_("Make private"), elem_id="unshare-model", scale=0)
                self._delete = gr.Button(_("Delete"), elem_id="delete-model", scale=0)
                self._confirm = gr.Button(
                    _("Yes, delete it"),
                    variant="stop",
                    visible=False,
                    elem_id="delete-model-confirm",
                    scale=0,
                )

    def assigned(self, assignment: Assignment | None) -> dict[Any, Any]:
        """Updates for who works in which project."""
        shown: dict[Any, Any] = {
            self._panel: gr.update(
                visible=bool(assignment and assignment.person.administers)
                and self.labels.access.most.training
            ),
            self._state: self._going(assignment),
            **self._trained(assignment),
            **running(self._go, self._stop, False),
        }
        if assignment is None:
            return shown | {self._name: gr.skip(), self._rule: gr.skip()}
        rules = [*PLAIN, *(f"annotator:{name}" for name in self._people(assignment))]
        return shown | {
            self._name: training.model_name(assignment.project.name),
            self._rule: gr.update(choices=_named(rules), value="majority"),
        }

    def wire(
        self, refreshed: Callable[[], None], opened: Opened, controllers: Any, places: list[Any]
    ) -> None:
        """Let the buttons act; a new model then fills ``places`` with what ``opened`` gives."""
        chosen = [self._project, self._codes, self._name, self._rule, *self._settings.values()]

        async def retrain(
            request: gr.Request, project: str | None, held: Codes | None, name: str, rule: str,
            *values: Any,
        ) -> AsyncIterator[dict[Any, Any]]:  # fmt: skip
            with show_errors():
                self.labels.access.require("training", request)
                self.labels.note(owner_of(request), held)  # whose private model it will be
                assignment = await asyncio.to_thread(
                    self.labels.require_administrator, project, held
                )
                settings = dict(zip(self._settings, values, strict=True))
                name, rule = (
                    line_of(name or "", N_("the model's name")),
                    line_of(rule, N_("the rule")),
                )
                task = self._task.start(
                    assignment,
                    lambda: training.retrain(
                        self.labels.database(), assignment.project, rule, name, settings
                    ),
                )
                losses: list[float] = []
                alone = self.labels.access.mode == "private"  # all is theirs
                counts: dict[str, int] = {}
                yield running(self._go, self._stop, True) | {self._state: markup.waiting(0)}
                async for _news in task.watch():
                    if isinstance(task.news, Learning):
                        yield {self._state: _state_text(task, losses, counts, alone)}
                if task.state == "done":
                    await asyncio.to_thread(refreshed)
                    counts = await asyncio.to_thread(self._counts, assignment, task.news)
                yield running(self._go, self._stop, False) | {
                    self._state: _state_text(task, losses, counts, alone),
                    **await asyncio.to_thread(self._trained, assignment),
                }

        async def delete(
            project: str | None, held: Codes | None, model: str | None
        ) -> dict[Any, Any]:
            with show_errors():
                assignment = await asyncio.to_thread(self._deleted, project, held, model)
                await asyncio.to_thread(refreshed)
                text = _("“{model}” is deleted; its labels are still here.", model=model)
                trained = await asyncio.to_thread(self._trained, assignment)
                return {self._state: markup.notice("success", text)} | trained

        async def share(
            project: str | None, held: Codes | None, model: str | None, shared: bool
        ) -> dict[Any, Any]:
            with show_errors():
                assignment = await asyncio.to_thread(self._shared, project, held, model, shared)
                if shared:
                    text = _("Everybody who opens the page can choose “{model}” now.", model=model)
                else:
                    text = _("Only the project can choose “{model}” now.", model=model)
                trained = await asyncio.to_thread(self._trained, assignment)
                return {self._state: markup.notice("success", text)} | trained

        def show(project: str | None, held: Codes | None) -> dict[Any, Any]:
            with show_errors():
                assignment = self.labels.assignment(project, held)
            controller = controllers[assignment.project.setup.bundle] if assignment else None
            return opened(controller) if controller else {places[0]: gr.skip()}

        self._go.click(
            retrain, chosen, [self._go, self._stop, self._state, *self._trained(None)],
            concurrency_limit=8, **QUIET,
        ).then(show, [self._project, self._codes], places, **QUIET)  # fmt: skip
        self._confirm.click(
            delete, [self._project, self._codes, self._models],
            [self._state, *self._trained(None)], **QUIET,
        ).success(show, [self._project, self._codes], places, **QUIET)  # fmt: skip
        for button, shared in ((self._share, True), (self._unshare, False)):
            button.click(
                share, [self._project, self._codes, self._models, gr.State(shared)],
                [self._state, *self._trained(None)], **QUIET,
            )  # fmt: skip
        self._delete.click(_asks_again, self._models, self._confirm, queue=False, **QUIET)
        self._models.input(
            lambda: gr.update(visible=False), None, self._confirm, queue=False, **QUIET
        )
        self._stop.click(self._task.stop, [self._project, self._codes], None, queue=False, **QUIET)

    def _deleted(self, name: str | None, held: Codes | None, model: str | None) -> Assignment:
        assignment = self.labels.require_administrator(name, held)
        if self._task.going(assignment):
            raise BadInput("a model is being trained on these labels; stop it first, or wait")
        training.delete(self.labels.database(), assignment.project, model)
        return assignment

    def _shared(
        self, name: str | None, held: Codes | None, model: str | None, shared: bool
    ) -> Assignment:
        assignment = self.labels.require_administrator(name, held)
        training.share(self.labels.database(), assignment.project, model, shared)
        return assignment

    def _trained(self, assignment: Assignment | None) -> dict[Any, Any]:
        """Updates of the history and of the models that can be deleted."""
        names = training.models(self.labels.database(), assignment.project) if assignment else []
        return {
            self._history: self._past(assignment, names) if assignment else "",
            self._models: gr.update(choices=names, value=names[0] if names else None),
            self._own: gr.update(visible=bool(names)),
            self._confirm: gr.update(visible=False),
        }

    def _going(self, assignment: Assignment | None) -> str:
        """The state that a page shows which is opened later."""
        if not self._task.going(assignment):
            return ""
        return markup.notice(
            "going", _("These labels are being learnt; Retrain shows how far it is.")
        )

    def _counts(self, assignment: Assignment, learnt: Any) -> dict[str, int]:
        """Labels by class of the training that has just ended."""
        rows = training.history(self.labels.database(), assignment.project)
        return next((row["counts"] for row in rows if row["model"] == learnt.model), {})

    def _people(self, assignment: Assignment) -> list[str]:
        return [
            person.name for person in projects.people(self.labels.database(), assignment.project)
        ]

    def _past(self, assignment: Assignment, here: Sequence[str]) -> Markup:
        """The newest trainings; of a model that is not ``here`` any more it says so."""
        rows = [
            row
            | {
                "agreement": agreement(row["quality"]),
                "deleted": row["model"] not in here,
                "labels": told(row["counts"]) or "–",
            }
            for row in training.history(self.labels.database(), assignment.project)[:10]
        ]
        return render("label.html", "history", rows) if rows else Markup()


def _named(rules: Sequence[str]) -> list[tuple[str, str]]:
    return [(_(WORDS.get(rule, rule)), rule) for rule in rules]


def _asks_again(name: str | None) -> Any:
    """The button that confirms a deletion."""
    return gr.update(visible=bool(name), value=_("Yes, delete “{name}”", name=name))


def _state_text(
    task: BackgroundTask, losses: list[float], counts: Mapping[str, int], alone: bool
) -> str:
    if task.state == "failed":
        return markup.failure(task.reason)
    now = task.news
    if isinstance(now, Learnt):
        return _learnt(now, counts, alone)
    if not isinstance(now, Learning):
        return markup.waiting(0) if task.state == "going" else markup.hint(_("Stopped."))
    if now.loss is not None and (not losses or losses[-1] != now.loss):
        losses.append(now.loss)
    if task.state == "stopped":
        return markup.notice(
            "warning", _("Stopped; Retrain goes on from here while the labels stay.")
        )
    loss = ", " + _("loss {loss:.4f}", loss=now.loss) if now.loss is not None else ""
    text = _(
        "{phase}: {done} of {total}{loss}, {seconds:.0f} s",
        phase=_(now.phase),
        done=now.done,
        total=now.total,
        loss=loss,
        seconds=now.seconds,
    )
    return markup.progress_bar(now.share, text) + markup.loss_curve(losses)


def _learnt(now: Learnt, counts: Mapping[str, int], alone: bool) -> Markup:
    """What came of a training: how good it is, on how many labels, and who is offered it."""
    skipped = ", " + _("{skipped} could not be used", skipped=now.skipped) if now.skipped else ""
    doubts = weaknesses(counts, now.quality)
    text = _(
        "“{model}” learnt from {rows} pictures{skipped} in {seconds:.0f} s. Labels "
        "by class: {counts}. It agrees with {quality} labels held out. ",
        model=now.model,
        rows=now.rows,
        skipped=skipped,
        seconds=now.seconds,
        counts=told(counts),
        quality=agreement(now.quality),
    )
    text += f"{' '.join(_(doubt) for doubt in doubts)} " if doubts else ""
    text += _("In Explain, choose “{model}: …” as what it should say instead.", model=now.model)
    if not alone:
        text += " " + _("Only this project’s administrators are offered it, until you share it.")
    return markup.notice("warning" if doubts else "success", text)
