"""Interactive run: a person answers in place of the target model, in the Explain tab."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import gradio as gr
import numpy as np

from backends.core import Answer, Frame, Request
from backends.errors import BadInput, StudioError
from backends.service import interactive
from backends.service.interactive import LabelRequest
from studio import export
from studio.labels.store import interactive_runs
from studio.labels.store.interactive_runs import InteractiveRun, WaitingRun
from studio.labels.store.pictures import png_of
from studio.labels.store.records import LONGEST_SECONDS
from studio.runs import Run
from studio.templates import render
from studio.translation import _
from studio.ui.explain.answer import AnswerPanes
from studio.ui.explain.gallery import Gallery
from studio.ui.shared import canvas, markup
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.label_controller import LabelController
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import owner_of, sentence, show_errors
from studio.ui.shared.shortcuts import keys_of
from studio.ui.shared.static import static_text

__all__ = ["InteractivePanel"]

SAVING = 10  # seconds that the list of answers waits for the disk
READ = "(...a) => { a[0] = window.pathChoice; return a; }"


Restored = Callable[[str, Request], Awaitable[dict[Any, Any]]]


class InteractivePanel:
    """The questions, laid out where :meth:`below` is called, and the runs that wait for answers,
    where :meth:`rail` is.

    :param person: whose interactive runs these are, in this browser; nothing that tells who it is.
    """

    def __init__(
        self, controllers: Controllers, labels: LabelController, person: gr.BrowserState
    ) -> None:
        self.controllers, self.labels, self.person = controllers, labels, person
        self._run_id = gr.State("")
        self.places: list[Any] = []
        self._before: dict[str, str] = {}  # which interactive run a page shows

    def rail(self) -> None:
        """Lay out what can be gone on with."""
        self._open = gr.Dropdown(
            [], label=_("Go on with a run that waits for you"), visible=False, elem_id="path-open",
            interactive=True,
        )  # fmt: skip

    def below(self) -> None:
        """Lay out the questions."""
        self._choice = gr.JSON(visible=False)
        self._widget = gr.HTML(
            elem_id="path", html_template=str(render("widgets.html", "asking")), asked="",
            js_on_load=static_text("path.js"),
        )  # fmt: skip
        with gr.Row():
            self._back = gr.Button(
                _("Take my last answer back"), visible=False, elem_id="path-back"
            )
            self._leave = gr.Button(_("Go on later"), visible=False, elem_id="path-leave")

    def leave(self, owner: str) -> None:
        """Forget a closed page; its interactive runs are kept."""
        self._before.pop(owner, None)

    def wire(
        self, answer: AnswerPanes, gallery: Gallery, bundle: gr.Dropdown, load: Callable[..., Any],
        restored: Restored, question: list[Any],
    ) -> None:  # fmt: skip
        """Let the panel's controls act, and show what comes of it in ``answer`` and ``gallery``.

        :param load: the page's own event of opening.
        :param restored: fills ``question``, the question's controls, for a run that goes on.
        """
        self._answer, self._gallery, self._restored = answer, gallery, restored
        self.places = [
            self._run_id, self._widget, self._back, self._leave, self._open, self.person,
            *answer.places, *gallery.places,
        ]  # fmt: skip
        # A quick answer comes before gradio counts the last one as done; the script lets only one
        # through a question.
        self._widget.answered(
            self._on_answer,
            [self._choice, self.person],
            self.places,
            js=READ,
            trigger_mode="multiple",
            concurrency_limit=8,
            **QUIET,
        )
        self._back.click(self._taken_back, [self._run_id, self.person], self.places, **QUIET)
        self._leave.click(self._left, [self._run_id, self.person, bundle], self.places, **QUIET)
        self._open.input(
            self._resumed, [self._open, self.person],
            list(dict.fromkeys([*question, *self.places])), **QUIET,
        )  # fmt: skip
        load(self._waiting, [bundle, self.person], self._open, **QUIET)

    def closed(self) -> dict[Any, Any]:
        """Updates that put the questions away, as when another run begins."""
        hidden = gr.update(visible=False)
        return {
            self._run_id: "", self._widget: gr.update(asked=""), self._back: hidden,
            self._leave: hidden,
        }  # fmt: skip

    async def begin(
        self, controller: BundleController, asked: Request, owner: str, person: str
    ) -> dict[Any, Any]:
        """Note an interactive run and ask its first question."""
        person = person or secrets.token_urlsafe(9)
        controller.runs.engine.budgets.require(owner, "seconds", "megabytes")
        await controller.ask(
            owner, lambda: interactive.ask(asked, [])
        )  # refuses before it is noted
        run = await asyncio.to_thread(interactive_runs.begin, self.labels.database(), asked, person)
        mask = [] if asked.mask is None else [asked.mask[..., None]]
        await self._charge(owner, asked.picture, *mask)
        return {self.person: person} | await self._go_on(run, owner)

    async def _on_answer(
        self, choice: list[Any] | None, person: str, request: gr.Request
    ) -> dict[Any, Any]:
        with show_errors():
            value, seconds, run_id = _choice(choice)
            owner = owner_of(request)
            run = await self._mine(run_id, person, owner)
            try:
                await self._store(run, owner, value, seconds)
            except StudioError as error:  # the question stands, and can be answered again
                gr.Warning(sentence(error))
            return await self._go_on(run, owner)

    async def _store(self, run: InteractiveRun, owner: str, value: str, seconds: float) -> None:
        """Keep an answer to the question that stands, if it leads on."""
        database, controller = self.labels.database(), self.controllers[run.request.bundle]
        answers = await asyncio.to_thread(interactive_runs.answers, database, run)
        question = await controller.ask(owner, lambda: interactive.ask(run.request, answers))
        if isinstance(question, LabelRequest):
            # Tried before it is stored: an answer that leads nowhere would stand in the way.
            await controller.ask(owner, lambda: interactive.ask(run.request, [*answers, value]))
            await asyncio.to_thread(
                interactive_runs.record_answer, database, run,
                question.number, question.leap, question.picture, value, seconds,
            )  # fmt: skip
            await self._charge(owner, question.picture)

    async def _charge(self, owner: str, *stored: np.ndarray) -> None:
        """Count stored pictures uint8 [H, W, C] as disk that an owner has filled."""
        pngs = await asyncio.to_thread(lambda: [png_of(one) for one in stored])
        budgets = self.controllers.first.runs.engine.budgets
        budgets.spend(owner, "megabytes", sum(map(len, pngs)) / 1e6)

    async def _taken_back(self, run_id: str, person: str, request: gr.Request) -> dict[Any, Any]:
        with show_errors():
            owner = owner_of(request)
            run = await self._mine(run_id, person, owner)
            await asyncio.to_thread(interactive_runs.withdraw, self.labels.database(), run)
            return await self._go_on(run, owner)

    async def _resumed(
        self, run_id: str | None, person: str, request: gr.Request
    ) -> dict[Any, Any]:
        if not run_id:  # the list was closed without a choice
            return {self._run_id: gr.skip()}
        with show_errors():
            owner = owner_of(request)
            run = await self._mine(run_id, person, owner)
            restored = await self._restored(owner, run.request)
            return restored | await self._go_on(run, owner)

    async def _left(self, run_id: str, person: str, bundle: str) -> dict[Any, Any]:
        return self.closed() | {
            self._open: await self._waiting(bundle, person),
            self._answer.status: markup.hint(_("Your answers are kept; go on whenever you like.")),
            self._answer.frame: "",
        }  # fmt: skip

    async def _waiting(self, bundle: str, person: str) -> Any:
        def work() -> list[tuple[str, str]]:
            if not person:
                return []
            found = interactive_runs.unfinished(self.labels.database(), bundle, person)
            return [(_named(run), run.id) for run in found]

        with show_errors():
            choices = await asyncio.to_thread(work)
        return gr.update(choices=choices, value=None, visible=bool(choices))

    async def _mine(self, run_id: str, person: str, owner: str) -> InteractiveRun:
        """A run of this browser's person, or one that this page shows: the browser may answer
        before it knows the person's pseudonym."""
        run = await asyncio.to_thread(interactive_runs.find, self.labels.database(), run_id)
        if run.annotator != person and self._before.get(owner) != run_id:
            raise BadInput("that run is somebody else's; begin one of your own")
        return run

    async def _go_on(self, run: InteractiveRun, owner: str) -> dict[Any, Any]:
        """The question that stands, or the end."""
        self._before[owner] = run.id
        controller, database = self.controllers[run.request.bundle], self.labels.database()
        answers = await asyncio.to_thread(interactive_runs.answers, database, run)
        now = await controller.ask(owner, lambda: interactive.ask(run.request, answers))
        if isinstance(now, Answer):
            await asyncio.to_thread(interactive_runs.end, database, run)
            shown = await asyncio.to_thread(self._answered, run, now, owner)
            back = {self._back: gr.update(visible=True), self._run_id: run.id}
            return self.closed() | shown | back
        about = controller.about["models"].get(run.request.model) or {}
        classes = about.get("classes") or controller.about["class_names"]
        asked = {
            "classes": classes,
            "keys": keys_of(classes),
            "text": _question_text(now, run.request.target),
            "run": run.id,
            "nonce": secrets.token_hex(4),
        }
        picture = canvas.preview(export.as_picture(now.picture), 512)
        answer = self._answer
        return {
            self._run_id: run.id, self._widget: gr.update(asked=json.dumps(asked)),
            self._back: gr.update(visible=bool(answers)), self._leave: gr.update(visible=True),
            answer.frame: markup.frame(picture), answer.status: _status(now, answers, run),
            answer.counterfactual: "", answer.difference: "", answer.metrics: "", answer.plot: "",
            answer.download: gr.update(visible=False),
        }  # fmt: skip

    def _answered(self, run: InteractiveRun, answer: Answer, owner: str) -> dict[Any, Any]:
        """The end, as a run among others."""
        record = answer.record
        last = Frame(
            record["step"], record["steps"], "asked", answer.counterfactual,
            record["metrics"]["target_probability"], record["seconds"],
        )  # fmt: skip
        ended = Run(run.request, owner, state="done", frames=[last], answer=answer)
        self.controllers.first.runs.keep(ended)
        agree = record["asked"]["agreement"]
        ended.saved.wait(SAVING)
        shown = self._answer.show(ended) | self._gallery.listed(owner, ended.id)
        verdict = markup.notice(
            "success" if record["flipped"] else "warning",
            _(
                "You call the result “{label}”. {agree:.0%} of your answers after the first "
                "agreed with the target “{target}”. {record}",
                label=record["asked"]["label"],
                agree=agree,
                target=run.request.target,
                record=_asked(record),
            ),
        )
        return shown | {self._answer.status: verdict, self._answer.plot: ""}


def _choice(sent: Any) -> tuple[str, float, str]:
    """The class, the seconds that it took and the run, as the page's script sends them.

    :raises BadInput: it sent something else.
    """
    match sent or ["", 0.0, ""]:
        case [str(value), int() | float() as seconds, str(run_id)] if seconds >= 0:
            # The question waits for days, if need be.
            return value, float(min(seconds, LONGEST_SECONDS)), run_id
    raise BadInput("the answer did not arrive; choose it again")


def _asked(record: dict[str, Any]) -> str:
    """How many of the leaps were asked about, and why not all."""
    asked, leaps = len(record["asked"]["answers"]) - 1, record["steps"]
    text = _("You were asked after {asked} of {leaps} leaps", asked=asked, leaps=leaps)
    return (
        _("{text}; the others changed next to nothing.", text=text) if asked < leaps else f"{text}."
    )


def _named(run: WaitingRun) -> str:
    when = time.strftime("%d %B, %H:%M", time.localtime(run.created))
    return _("to {target}, begun {when}", target=run.target, when=when)


def _question_text(now: LabelRequest, target: str) -> str:
    if now.number == 0:
        return _(
            "You are the model. What is this, before anything is changed towards “{target}”?",
            target=target,
        )
    return _("What is this now?")


def _status(now: LabelRequest, answers: list[str], run: InteractiveRun) -> str:
    target = run.request.target
    if now.number == 0:
        return markup.notice("going", _("The run waits for your answers, also over days."))
    leaps = answers[1:]
    agree = _(
        "; {leaps} of {count} were “{target}”",
        leaps=sum(value == target for value in leaps),
        count=len(leaps),
        target=target,
    )
    left = now.leaps - now.leap
    more = (
        _("at most {left} more, fewer where the picture hardly changes", left=left)
        if left
        else _("the last one")
    )
    text = _(
        "question {number}, after leap {leap} of {leaps}: {more}",
        number=now.number,
        leap=now.leap,
        leaps=now.leaps,
        more=more,
    )
    return markup.notice("going", f"{text}{agree if leaps else ''}")
