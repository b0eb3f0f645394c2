"""One picture, every class: what each would take, in a grid whose cells choose the target."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from backends import service
from backends.errors import BadInput
from studio import export
from studio.runs.series import Series
from studio.runs.variations import by_target
from studio.translation import N_, _
from studio.ui.explain import grid
from studio.ui.explain.asked import PosedQuestion, QuestionReader
from studio.ui.explain.series import SeriesView
from studio.ui.shared import canvas
from studio.ui.shared.asked_models import goal_of
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import owner_of

__all__ = ["AllTargetsPanel"]

MOST = 10  # classes, the model's likeliest first
FIRST = N_(
    "Ask for every class with the chosen method; of more than 10, for the model's likeliest 10. "
    "Then press a cell to make its class the target."
)
PRESSED = """
element.addEventListener("click", (event) => {
  const cell = event.target.closest("button[data-target]");
  if (!cell) return;
  window.pressedTarget = cell.dataset.target;
  trigger("pressed");
});
"""
READ = "(...a) => { a[0] = window.pressedTarget; return a; }"


class AllTargetsPanel:
    """The panel, laid out inside the current Blocks."""

    def __init__(self, question: QuestionReader) -> None:
        self.question = question
        self._pressed = gr.JSON(visible=False)
        self.view = SeriesView("targets", _("Ask for every class"), FIRST, PRESSED)

    def wire(self) -> None:
        """Let the panel's controls act."""
        view, method = self.view, self.question.methods.method
        view.go.click(
            self._ask_every_class, self.question.inputs, [*view.places, view.go, view.stop],
            js=canvas.READ_MASK, concurrency_limit=8, **QUIET,
        )  # fmt: skip
        view.grid.pressed(
            self._take_target, self._pressed, self.question.target, js=READ, queue=False, **QUIET
        )
        view.wire([method])

    async def _ask_every_class(
        self, request: gr.Request, *values: Any
    ) -> AsyncIterator[dict[Any, Any]]:
        owner, view = owner_of(request), self.view
        try:
            asked = await self.question.read(values)
            asked.controllers.use(owner)
            named = by_target(asked.request, await _targets(asked, owner))
            names = [name for name, _ in named]
            picture = canvas.preview(export.as_picture(asked.factual.pixels), grid.SIDE)

            def show(now: Series) -> str:
                return grid.of_series(now, names, names, picture)

            def end(now: Series) -> tuple[str, str]:
                return show(now), grid.summary(now)

            series = Series(owner, [one for _, one in named])
            watched = [asked.request.method]
            async for shown in view.follow(owner, asked, series, watched, show, end):
                yield shown
        except Exception as error:  # whatever happened, the page must go on working
            yield view.failed(error)

    def _take_target(self, pressed: Any) -> Any:
        return pressed if isinstance(pressed, str) and pressed else gr.skip()


async def _targets(asked: PosedQuestion, owner: str) -> list[str]:
    """What the model could say instead: its classes in their order, or, of many, those that it
    finds likeliest; of a regressor the values that its bundle suggests.

    :raises BadInput: there is nothing else that it could say.
    """
    controller, one = asked.controller, asked.request
    seen = await controller.ask(owner, lambda: service.predict(one.bundle, one.picture, one.model))
    about = controller.about["models"].get(one.model) or {}
    if seen.value is not None:
        found = [goal_of(at, seen.value) for at in about.get("suggested", [])]
    else:
        likeliest = list(seen.probabilities)[1 : MOST + 1]
        order = about.get("classes") or controller.about["class_names"]
        found = likeliest
        if len(seen.probabilities) <= MOST + 1:
            found = [name for name in order if name in likeliest]
    if not found:
        raise BadInput("this model has no other class to ask for")
    return found
