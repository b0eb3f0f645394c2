"""Asking a person along the path: in the Explain tab they take the model's place."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path as File
from typing import Any

import gradio as gr

from backends.core import Answer, Frame, Request
from backends.errors import BadInput, StudioError
from backends.service import interactive
from backends.service.interactive import LabelRequest
from studio import export
from studio.labels.store import interactive_runs
from studio.labels.store.interactive_runs import Path
from studio.runs import Run
from studio.ui.explain.answer import AnswerColumn
from studio.ui.shared import canvas, markup
from studio.ui.shared.controller import Desk
from studio.ui.shared.controllers import Desks
from studio.ui.shared.label_controller import LabelDesk
from studio.ui.shared.requests import owner_of, sentence, sentences
from studio.ui.shared.shortcuts import keys_of

__all__ = ["PathPanel"]

HERE = File(__file__).parents[1] / "static"
ASKING = """
<div class="asking" hidden><p class="what" aria-live="polite"></p>
  <div id="path-choices" role="group" aria-label="What is this now?"></div></div>
"""
READ = "(...a) => { a[0] = window.pathChoice; return a; }"


class PathPanel:
    """The questions, laid out inside the current Blocks, above the answer's column.

    :param person: whose walks these are, in this browser; nothing that tells who it is.
    """

    def __init__(self, desks: Desks, labels: LabelDesk, person: gr.BrowserState) -> None:
        self.desks, self.labels, self.person = desks, labels, person
        self._walk = gr.State("")
        self._choice = gr.JSON(visible=False)
        self._widget = gr.HTML(
            elem_id="path", html_template=ASKING, asked="",
            js_on_load=(HERE / "path.js").read_text(),
        )  # fmt: skip
        with gr.Row():
            self._back = gr.Button("Take my last answer back", visible=False, elem_id="path-back")
            self._leave = gr.Button("Go on later", visible=False, elem_id="path-leave")
        self._open = gr.Dropdown(
            [], label="Go on with a walk that waits for you", visible=False, elem_id="path-open",
            interactive=True,
        )  # fmt: skip
        self.places: list[Any] = []
        self._before: dict[str, str] = {}  # which walk a page shows

    def leave(self, owner: str) -> None:
        """Forget a closed page; its walks are kept."""
        self._before.pop(owner, None)

    def wire(self, answer: AnswerColumn, bundle: gr.Dropdown, load: Callable[..., Any]) -> None:
        """Let the panel's controls act, and show what comes of it in ``answer``.

        :param load: the page's own event of opening.
        """
        self._answer = answer
        self.places = [
            self._walk, self._widget, self._back, self._leave, self._open, self.person,
            *answer.places, answer.history,
        ]  # fmt: skip
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        # A quick answer comes before gradio counts the last one as done; the script lets only one
        # through a question.
        self._widget.answered(
            self._told, [self._choice, self.person], self.places, js=READ, trigger_mode="multiple",
            concurrency_limit=8, **quiet,
        )  # fmt: skip
        self._back.click(self._taken_back, [self._walk, self.person], self.places, **quiet)
        self._leave.click(self._left, [self._walk, self.person, bundle], self.places, **quiet)
        self._open.input(self._resumed, [self._open, self.person], self.places, **quiet)
        load(self._waiting, [bundle, self.person], self._open, **quiet)

    def closed(self) -> dict[Any, Any]:
        """Updates that put the questions away, as when another run begins."""
        hidden = gr.update(visible=False)
        return {
            self._walk: "", self._widget: gr.update(asked=""), self._back: hidden,
            self._leave: hidden,
        }  # fmt: skip

    async def begin(self, desk: Desk, asked: Request, owner: str, person: str) -> dict[Any, Any]:
        """Note a walk and ask its first question."""
        person = person or secrets.token_urlsafe(9)
        await desk.ask(owner, lambda: interactive.ask(asked, []))  # refuses before it is noted
        path = await asyncio.to_thread(
            interactive_runs.begin, self.labels.database(), asked, person
        )
        return {self.person: person} | await self._go_on(path, owner)

    async def _told(
        self, choice: list[Any] | None, person: str, request: gr.Request
    ) -> dict[Any, Any]:
        with sentences():
            value, seconds, walk = choice or ["", 0.0, ""]
            owner = owner_of(request)
            path = await self._mine(str(walk), person, owner)
            try:
                await self._store(path, owner, str(value), float(seconds))
            except StudioError as error:  # the question stands, and can be answered again
                gr.Warning(sentence(error))
            return await self._go_on(path, owner)

    async def _store(self, path: Path, owner: str, value: str, seconds: float) -> None:
        """Keep an answer to the question that stands, if it leads on."""
        database, desk = self.labels.database(), self.desks[path.request.bundle]
        said = await asyncio.to_thread(interactive_runs.answers, database, path)
        question = await desk.ask(owner, lambda: interactive.ask(path.request, said))
        if isinstance(question, LabelRequest):
            # Tried before it is stored: an answer that leads nowhere would stand in the way.
            await desk.ask(owner, lambda: interactive.ask(path.request, [*said, value]))
            await asyncio.to_thread(
                interactive_runs.told, database, path,
                question.number, question.leap, question.picture, value, seconds,
            )  # fmt: skip

    async def _taken_back(self, walk: str, person: str, request: gr.Request) -> dict[Any, Any]:
        with sentences():
            owner = owner_of(request)
            path = await self._mine(walk, person, owner)
            await asyncio.to_thread(interactive_runs.withdraw, self.labels.database(), path)
            return await self._go_on(path, owner)

    async def _resumed(self, walk: str, person: str, request: gr.Request) -> dict[Any, Any]:
        with sentences():
            owner = owner_of(request)
            return await self._go_on(await self._mine(walk, person, owner), owner)

    async def _left(self, walk: str, person: str, bundle: str) -> dict[Any, Any]:
        return self.closed() | {
            self._open: await self._waiting(bundle, person),
            self._answer.status: markup.hint("Your answers are kept; go on whenever you like."),
            self._answer.frame: "",
        }  # fmt: skip

    async def _waiting(self, bundle: str, person: str) -> Any:
        def work() -> list[tuple[str, str]]:
            if not person:
                return []
            found = interactive_runs.unfinished(self.labels.database(), bundle, person)
            return [(_named(path), path.id) for path in found]

        choices = await asyncio.to_thread(work)
        return gr.update(choices=choices, value=None, visible=bool(choices))

    async def _mine(self, walk: str, person: str, owner: str) -> Path:
        """A walk of this browser's person, or one that this page has before it: the browser may
        answer before it has heard who its person is."""
        path = await asyncio.to_thread(interactive_runs.find, self.labels.database(), walk)
        if path.annotator != person and self._before.get(owner) != walk:
            raise BadInput("that walk is somebody else's; begin one of your own")
        return path

    async def _go_on(self, path: Path, owner: str) -> dict[Any, Any]:
        """The question that stands, or the end."""
        self._before[owner] = path.id
        desk, database = self.desks[path.request.bundle], self.labels.database()
        said = await asyncio.to_thread(interactive_runs.answers, database, path)
        now = await desk.ask(owner, lambda: interactive.ask(path.request, said))
        if isinstance(now, Answer):
            await asyncio.to_thread(interactive_runs.end, database, path)
            shown = await asyncio.to_thread(self._answered, path, now, owner)
            back = {self._back: gr.update(visible=True), self._walk: path.id}
            return self.closed() | shown | back
        about = desk.about["models"].get(path.request.model) or {}
        classes = about.get("classes") or desk.about["class_names"]
        asked = {
            "classes": classes, "keys": keys_of(classes), "text": _asked(now, path.request.target),
            "walk": path.id, "nonce": secrets.token_hex(4),
        }  # fmt: skip
        picture = canvas.preview(export.as_picture(now.picture), 512)
        answer = self._answer
        return {
            self._walk: path.id, self._widget: gr.update(asked=json.dumps(asked)),
            self._back: gr.update(visible=bool(said)), self._leave: gr.update(visible=True),
            answer.frame: markup.frame(picture), answer.status: _status(now, said, path),
            answer.counterfactual: "", answer.difference: "", answer.metrics: "", answer.plot: "",
            answer.download: gr.update(visible=False),
        }  # fmt: skip

    def _answered(self, path: Path, answer: Answer, owner: str) -> dict[Any, Any]:
        """The end, as a run among others."""
        record = answer.record
        last = Frame(
            record["step"], record["steps"], "asked", answer.counterfactual,
            record["metrics"]["target_probability"], record["seconds"],
        )  # fmt: skip
        run = Run(path.request, owner, state="done", frames=[last], answer=answer)
        self.desks.first.runs.keep(run)
        agree = record["asked"]["agreement"]
        shown = self._answer.show(run) | self._answer.earlier(owner)
        verdict = markup.line(
            record["status"],
            f"You call the result “{record['asked']['label']}”. {agree:.0%} of your answers after "
            f"the first agreed with the target “{path.request.target}”.",
        )
        return shown | {self._answer.status: verdict, self._answer.plot: ""}


def _named(path: Path) -> str:
    when = time.strftime("%d %B, %H:%M", time.localtime(path.created))
    return f"to {path.request.target}, begun {when}"


def _asked(now: LabelRequest, target: str) -> str:
    if now.number == 0:
        return f"You are the model. What is this, before anything is changed towards “{target}”?"
    return "What is this now?"


def _status(now: LabelRequest, said: list[str], path: Path) -> str:
    target = path.request.target
    if now.number == 0:
        return markup.line("going", "The run waits for your answers, also over days.")
    leaps = said[1:]
    agree = f"; {sum(value == target for value in leaps)} of {len(leaps)} said “{target}”"
    return markup.line("going", f"leap {now.leap} of {now.leaps}{agree if leaps else ''}")
