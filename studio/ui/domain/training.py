"""Training of a bundle of one's own for a number of minutes: watched, stopped, taken up again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from typing import Any

import gradio as gr

from backends import bundles
from backends.errors import BadInput
from studio.runs.background_tasks import BackgroundTask
from studio.translation import N_, _
from studio.ui.domain import markup
from studio.ui.domain.work import TRAINING, DomainWork
from studio.ui.shared import markup as shared
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import running, show_errors

__all__ = ["BundleTrainingPanel", "trainable"]

HELP = N_(
    "Trains an autoencoder, fields, a bridge and a flow, each for its share of the time, then asks "
    "every method about held-out pictures. It goes on when this page is closed; after a stop, the "
    "same minutes go on where it was."
)


def trainable(names: Sequence[str]) -> list[str]:
    """The bundles that a person made of pictures."""
    return [name for name in names if bundles.get(name).own.recipe == "pictures"]


class BundleTrainingPanel:
    """Laid out inside the current Blocks.

    :ivar bundle: which one is trained.
    """

    def __init__(self, work: DomainWork, names: Sequence[str]) -> None:
        self._work = work
        own = trainable(names)
        gr.Markdown(_("### 3 · What the methods need"))
        gr.Markdown(_(HELP))
        with gr.Row():
            self.bundle = gr.Dropdown(
                own,
                value=own[0] if own else None,
                label=_("Bundle to train"),
                elem_id="own-bundle",
                info=_("Those made of your pictures"),
                interactive=True,
            )
            self._minutes = gr.Number(
                60, label=_("Train for so many minutes"), minimum=1, maximum=10_000,
                info=_("More is better; an hour for small pictures"), elem_id="own-train-minutes",
            )  # fmt: skip
        self._go = gr.Button(_("Train"), variant="primary", elem_id="own-train")
        self._stop = gr.Button(_("Stop"), variant="stop", visible=False, elem_id="own-train-stop")
        self._state = gr.HTML(elem_id="own-trained")

    @property
    def places(self) -> list[Any]:
        """What :meth:`follow` fills."""
        return [self._go, self._stop, self._state]

    def wire(self, ended: Callable[[], None], opened: Callable[..., Any], chosen: Any,
             places: list[Any]) -> None:  # fmt: skip
        """Let the buttons act.

        :param ended: takes in the parts that are here now.
        :param opened: fills ``places`` for the bundle that is ``chosen`` on the page.
        """

        async def train(name: str | None, minutes: float | None) -> AsyncIterator[dict[Any, Any]]:
            with show_errors():
                if not name:
                    raise BadInput("make a bundle of your pictures first, above")
                if not minutes or minutes < 0.1:
                    raise BadInput("say for how many minutes it may train, such as 60")
                task = self._work.start(TRAINING, partial(_training, name, float(minutes)))
                async for shown in self.follow(task, ended):
                    yield shown

        self._go.click(
            train, [self.bundle, self._minutes], self.places, concurrency_limit=8, **QUIET
        ).then(opened, chosen, places, **QUIET)
        self._stop.click(lambda: self._work.stop(TRAINING), None, self._state, queue=False, **QUIET)

    async def follow(
        self, task: BackgroundTask, ended: Callable[[], None]
    ) -> AsyncIterator[dict[Any, Any]]:
        """The page's updates until a training has ended."""
        begun = task.state == "going"
        if begun:
            yield running(self._go, self._stop, True) | {self._state: shared.waiting(0)}
        async for text in self._work.follow(task):
            yield {self._state: text}
        if begun:
            await asyncio.to_thread(ended)
        yield running(self._go, self._stop, False) | {self._state: markup.state(task)}


def _training(name: str, minutes: float) -> Iterator[Any]:
    from backends.evaluation import watched

    return watched.trained(name, minutes)
