"""Panel beside the labelling widget: the project's labels become a target model."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Sequence
from html import escape
from typing import Any

import gradio as gr

from backends.service import retraining
from backends.training.retrain_settings import Learning, Learnt
from studio.labels.stats.consensus import RULES
from studio.labels.store import projects
from studio.labels.tasks import retrain as training
from studio.runs.background import Chore
from studio.ui.shared import form, markup
from studio.ui.shared.controller import Desk
from studio.ui.shared.label_controller import Codes, LabelDesk, Seat
from studio.ui.shared.requests import running, sentences

__all__ = ["TrainingPanel"]

Opened = Callable[[Desk], dict[Any, Any]]


class TrainingPanel:
    """What *we* call a 4: retraining, laid out inside the current Blocks."""

    def __init__(self, labels: LabelDesk, project: gr.Dropdown, codes: gr.BrowserState) -> None:
        self.labels, self._project, self._codes = labels, project, codes
        with gr.Accordion(
            "Retrain: a model of what we say", open=False, visible=False, elem_id="training"
        ) as self._room:
            gr.Markdown(
                "Fits LeapFactual’s velocity field to the labels. The result is a target model "
                "beside the bundle’s own: Explain and Compare offer it at once. Labels have no "
                "gradients, so methods that follow gradients need the student."
            )
            self._name = gr.Textbox(
                label="Name of the model", info="An earlier model of that name is replaced",
                max_lines=1, interactive=True, elem_id="retrain-name",
            )  # fmt: skip
            self._rule = gr.Dropdown(
                list(RULES)[:-1], value="majority", label="Whose labels", interactive=True,
                info="majority, shares (soft), shares weighted by agreement, or one person’s",
                elem_id="retrain-rule",
            )  # fmt: skip
            schema = retraining.schema()
            student = schema["properties"].pop("student")
            self._settings = {"student": form.control("student", student)}
            with gr.Accordion("Settings of the training", open=False):
                self._settings |= form.controls(schema)
            self._go = gr.Button("Retrain", variant="primary", elem_id="retrain")
            self._stop = gr.Button("Stop", variant="stop", visible=False, elem_id="retrain-stop")
            self._state = gr.HTML(elem_id="retrain-status")
            self._history = gr.HTML(elem_id="retrain-history")

    def seated(self, seat: Seat | None) -> dict[Any, Any]:
        """Updates for who works in which project."""
        shown: dict[Any, Any] = {
            self._room: gr.update(visible=bool(seat and seat.person.administers)),
            self._state: self._going(seat), self._history: self._past(seat) if seat else "",
            **running(self._go, self._stop, False),
        }  # fmt: skip
        if seat is None:
            return shown | {self._name: gr.skip(), self._rule: gr.skip()}
        rules = [*list(RULES)[:-1], *(f"annotator:{name}" for name in self._people(seat))]
        return shown | {
            self._name: training.model_name(seat.project.name),
            self._rule: gr.update(choices=rules, value="majority"),
        }

    def wire(
        self, refreshed: Callable[[], None], opened: Opened, desks: Any, places: list[Any]
    ) -> None:
        """Let the buttons act; a new model then fills ``places`` with what ``opened`` gives."""
        quiet = {"api_visibility": "private", "show_progress": "hidden"}
        chosen = [self._project, self._codes, self._name, self._rule, *self._settings.values()]

        async def retrain(
            project: str | None, held: Codes | None, name: str, rule: str, *values: Any
        ) -> AsyncIterator[dict[Any, Any]]:
            with sentences():
                seat = await asyncio.to_thread(
                    functools.partial(self.labels.require, project, held, administrator=True)
                )
                settings = dict(zip(self._settings, values, strict=True))
                chore = self.labels.chores.start(
                    _chore(seat.project.name),
                    lambda: training.retrain(
                        self.labels.database(), seat.project, rule, name, settings
                    ),
                )
                losses: list[float] = []
                yield running(self._go, self._stop, True) | {self._state: markup.waiting(0)}
                async for _ in chore.watch():
                    yield {self._state: _said(chore, losses)}
                if chore.state == "done":
                    await asyncio.to_thread(refreshed)
                yield running(self._go, self._stop, False) | {
                    self._state: _said(chore, losses),
                    self._history: await asyncio.to_thread(self._past, seat),
                }

        def show(project: str | None, held: Codes | None) -> dict[Any, Any]:
            seat = self.labels.seat(project, held)
            desk = desks[seat.project.setup.bundle] if seat else None
            return opened(desk) if desk else {places[0]: gr.skip()}

        self._go.click(
            retrain, chosen, [self._go, self._stop, self._state, self._history],
            concurrency_limit=8, **quiet | {"api_visibility": "public", "api_name": "retrain"},
        ).then(show, [self._project, self._codes], places, **quiet)  # fmt: skip
        self._stop.click(self._stopped, [self._project, self._codes], None, queue=False, **quiet)

    def _stopped(self, name: str | None, held: Codes | None) -> None:
        with sentences():
            seat = self.labels.require(name, held, administrator=True)
            self.labels.chores.stop(_chore(seat.project.name))

    def _going(self, seat: Seat | None) -> str:
        """What a page that comes later is told."""
        if seat is None or not self.labels.chores.going(_chore(seat.project.name)):
            return ""
        return markup.line("going", "These labels are being learnt; Retrain shows how far it is.")

    def _people(self, seat: Seat) -> list[str]:
        return [person.name for person in projects.people(self.labels.database(), seat.project)]

    def _past(self, seat: Seat) -> str:
        rows = "".join(
            f"<tr><th scope=row>{escape(row['model'])}</th><td class=number>{row['version']}</td>"
            f"<td>{escape(row['rule'])}</td><td class=number>{_agreement(row['quality'])}</td></tr>"
            for row in training.history(self.labels.database(), seat.project)[:10]
        )
        if not rows:
            return ""
        heads = markup.heads(("model", "label set", "rule", "agrees with held-out labels"))
        return markup.table(heads, rows)


def _chore(project: str) -> str:
    return f"retrain {project}"


def _agreement(quality: dict[str, float]) -> str:
    value = quality.get("held_out_agreement")
    return "–" if value is None else f"{value:.1%}"


def _said(chore: Chore, losses: list[float]) -> str:
    if chore.state == "failed":
        return markup.failure(chore.reason)
    now = chore.news
    if isinstance(now, Learnt):
        skipped = f", {now.skipped} could not be used" if now.skipped else ""
        held = now.quality.get("held_out_rows", 0)
        return markup.line(
            "flipped",
            f"“{now.model}” learnt from {now.rows} pictures{skipped} in {now.seconds:.0f} s; it "
            f"agrees with {_agreement(now.quality)} of the {held:.0f} labels held out. In Explain, "
            f"choose “{now.model}: …” as what it should say instead.",
        )
    if not isinstance(now, Learning):
        return markup.waiting(0) if chore.state == "going" else markup.hint("Stopped.")
    if now.loss is not None and (not losses or losses[-1] != now.loss):
        losses.append(now.loss)
    if chore.state == "stopped":
        return markup.line("cancelled", "Stopped; Retrain goes on from here while the labels stay.")
    loss = f", loss {now.loss:.4f}" if now.loss is not None else ""
    said = f"{now.phase}: {now.done} of {now.total}{loss}, {now.seconds:.0f} s"
    return markup.progress_bar(now.share, said) + _curve(losses)


def _curve(losses: Sequence[float]) -> str:
    """The loss so far, as SVG, from its greatest to its least value."""
    if len(losses) < 2:
        return ""
    low, high = min(losses), max(losses)
    points = " ".join(
        f"{400 * n / (len(losses) - 1):.1f},{6 + 60 * (high - loss) / ((high - low) or 1):.1f}"
        for n, loss in enumerate(losses)
    )
    return (
        f'<svg class="curve" viewBox="0 0 400 72" role="img" aria-label="Training loss, now '
        f'{losses[-1]:.4f}"><polyline points="{points}"/></svg>'
    )
