"""An earlier run back on the page: its picture, region, question, settings and answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from backends.bundles import ORACLE
from backends.core import Request
from backends.errors import BadInput, NotFound
from studio import export
from studio.runs import Run
from studio.runs.decoding import decode
from studio.translation import N_, _
from studio.ui.explain.answer import AnswerPanes
from studio.ui.explain.gallery import SAY, Gallery
from studio.ui.explain.question_controls import QuestionControls
from studio.ui.shared import frames, markup
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.factual import Factual
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import error_text, owner_of, running, uploaded

__all__ = ["Reopening"]

RESTARTED = N_("the studio was started again since this page was opened; reload the page to go on")
SAVING = 10  # seconds that the list waits for the disk
TurnTo = Callable[[str, Any, gr.Request], dict[Any, Any]]


class Reopening:
    """Opens runs, follows those that still go on, and runs them again."""

    def __init__(
        self,
        controllers: Controllers,
        question: QuestionControls,
        answer: AnswerPanes,
        gallery: Gallery,
    ) -> None:
        self.controllers, self._question = controllers, question
        self._answer, self._gallery = answer, gallery
        self._runs = controllers.first.runs
        self._turns: dict[str, object] = {}  # what each page shows since when

    def leave(self, owner: str) -> None:
        """Forget a closed page."""
        self._turns.pop(owner, None)
        self._gallery.leave(owner)

    def wire(
        self, bundle: gr.Dropdown, codes: Any, turn_to: TurnTo, places: list[Any], load: Any
    ) -> None:
        """Let runs be opened.

        :param turn_to: updates for another bundle, of ``places``.
        :param load: the event after which a page is there.
        """
        self._turn_to = turn_to
        gallery, said = self._gallery, self._gallery.said
        # Several at once: the last one wins, and those before it end by themselves.
        many = {"trigger_mode": "multiple", "concurrency_limit": 32}
        question, answer = self._question, self._answer
        running_places = [
            *answer.places, *gallery.places, question.go, question.stop, question.run,
            question.asked,
        ]  # fmt: skip
        opened = [
            bundle, *places, *running_places, question.picture, *question.asking.places,
            *question.methods.places, gallery.note, gallery.file,
        ]  # fmt: skip
        opened = list(dict.fromkeys(opened))
        gallery.wire()
        gallery.host.opened(self._open, [said, bundle, codes], opened, js=SAY, **many, **QUIET)
        #: After which it is known who visits.
        self.loaded = load(gallery.recognised, said, gallery.places, js=SAY, **QUIET)
        gallery.file.upload(
            self._restore_file, [said, gallery.file, bundle, codes, question.picture], opened,
            js=SAY, preprocess=False, **QUIET,
        )  # fmt: skip
        gallery.again.click(
            self._again, [question.run, question.picture], running_places, concurrency_limit=8,
            **QUIET,
        )  # fmt: skip

    def require_known(self, owner: str, seen: Factual | None) -> None:
        """Tell a page that shows a picture of which nothing is known from one without.

        :raises BadInput: the studio was started again since it was opened.
        """
        if seen is None and self._runs.store and not self._runs.visitor_of(owner):
            raise BadInput(RESTARTED)

    async def follow(
        self, going: AsyncIterator[Run], factual: Factual, owner: str, asked: list[str | None]
    ) -> AsyncIterator[dict[Any, Any]]:
        """Updates of the page while a run goes on, until it has ended or the page shows another.

        :param asked: the model, the target and the method, as the controls say them.
        """
        turn = self._turns[owner] = object()
        question, run, begun = self._question, None, False
        self.controllers.use(owner)
        async for run in going:
            shown = await asyncio.to_thread(self._answer.show, run, begun)
            if self._turns.get(owner) is not turn:
                return
            mine = self._runs.may_stop(run, owner)
            if not self.controllers.still(owner, factual):
                # The page shows another picture by now; the list keeps the run.
                shown = {question.run: run.id, question.asked: None}
            elif not begun or run.ended:
                of_page: dict[Any, Any] = {question.run: run.id, question.asked: asked}
                shown = shown | of_page | self._gallery.shows(run.id)
            if not begun or run.ended:
                shown = shown | running(question.go, question.stop, mine and not run.ended)
            begun = True
            yield shown
        if run is not None:
            await asyncio.to_thread(run.saved.wait, SAVING)
            cards = await asyncio.to_thread(self._gallery.listed, owner, run.id)
            still = self._turns.get(owner) is turn and self.controllers.still(owner, factual)
            if run.unkept and still:
                cards[self._answer.status] = self._answer.unkept(run)
            # Once more: gradio drops a visibility that another update follows at once.
            yield cards | running(question.go, question.stop, False)

    # ------------------------------------------------------------------ what a person does

    async def _open(
        self, request: gr.Request, given: Any, bundle: str, held: Any
    ) -> AsyncIterator[dict[Any, Any]]:
        """Show the run that the browser's address names."""
        owner, said = self._gallery.recognise(request, given)
        turn = self._turns[owner] = object()
        cards = await asyncio.to_thread(self._gallery.listed, owner, said.run)
        if not said.run:
            idle = running(self._question.go, self._question.stop, False)
            away = self._question.put_away()
            yield away | idle | cards | self._gallery.shows("", "open")
            return
        try:
            run = await asyncio.to_thread(self._runs.get, said.run)
            if run is None:
                raise NotFound("this answer is no longer kept, or was deleted; ask once more")
            shown = await self._restored(request, run.request, run, bundle, held)
        except Exception as error:  # whatever happened, the page must go on working
            yield self._failed(error) | cards
            return
        if self._turns.get(owner) is not turn:
            return
        self._runs.adopt(run, owner)
        yield shown | cards | self._gallery.shows(run.id, "open")
        if not run.ended:
            seen, asked = shown[self._question.picture], shown[self._question.asked]
            async for updates in self.follow(frames.watched(run, self._runs), seen, owner, asked):
                yield updates

    async def _again(
        self, request: gr.Request, which: str, seen: Factual | None
    ) -> AsyncIterator[dict[Any, Any]]:
        """Run what is shown once more: the same question, settings and seed."""
        owner = owner_of(request)
        try:
            run = await asyncio.to_thread(self._runs.get, which)
            if run is None or seen is None:
                raise BadInput("open an answer first, then run it again")
            going = frames.follow(self._runs, run.request, owner)
            asked = _asked(run)
            async for updates in self.follow(going, seen, owner, asked):
                yield updates
        except Exception as error:
            yield self._failed(error)

    async def _restore_file(
        self, request: gr.Request, given: Any, file: dict[str, Any] | None, bundle: str, held: Any,
        seen: Factual | None,
    ) -> dict[Any, Any]:  # fmt: skip
        """Bring back what a dropped file tells."""
        owner, _visitor = self._gallery.recognise(request, given)
        note, emptied = self._gallery.note, {self._gallery.file: None}
        budgets = self._runs.engine.budgets
        try:
            path = Path(uploaded(file or {}))
            found = await decode(
                owner, budgets, lambda: export.read_returned(path, self._require_ours),
                lambda returned: (returned.pixels, 1),
            )  # fmt: skip
            record, asked = found.record, found.request
            if asked is None:
                shown = self._beside(record, seen)
                beside = N_(
                    "Question and settings are back. This file holds no picture: they stand beside "
                    "the one you have chosen."
                )
                alone = N_(
                    "Question and settings are back. This file holds no picture: choose it, then "
                    "Run."
                )
                text = _(beside if seen else alone)
                return shown | emptied | {note: markup.hint(text)}
            if found.answer is None:
                shown = await self._restored(request, asked, None, bundle, held)
                text = _("Picture, question and settings are back; press Run for the answer.")
                return shown | emptied | {note: markup.hint(text)}
            state = "stopped" if record["status"] == "cancelled" else "done"
            run = Run(asked, owner, state=state, answer=found.answer, brought=True)
            budgets.require(owner, "megabytes")
            self._runs.keep(run)
            shown = await self._restored(request, asked, run, bundle, held)
            self._turns[owner] = object()
            await asyncio.to_thread(run.saved.wait, SAVING)
            cards = await asyncio.to_thread(self._gallery.listed, owner, run.id)
            if run.unkept:
                cards[self._answer.status] = self._answer.unkept(run)
            told = {note: markup.hint(_("Picture, question, settings and answer are back."))}
            return shown | emptied | cards | self._gallery.shows(run.id) | told
        except Exception as error:
            return emptied | {note: markup.failure(error_text(error, N_("the file")))}

    # ------------------------------------------------------------------ what comes back

    async def _restored(
        self, request: gr.Request, asked: Request, run: Run | None, bundle: str, held: Any
    ) -> dict[Any, Any]:
        """Updates of the whole page for a question, and for its answer so far.

        :raises StudioError: its bundle is not here.
        """
        owner, controller = owner_of(request), self.controllers[asked.bundle]
        self.controllers.use(owner)
        turned = {} if asked.bundle == bundle else self._turn_to(asked.bundle, held, request)
        seen = Factual(asked.bundle, asked.picture, asked.placement, asked.original)
        looked = await controller.look_again(owner, seen)
        shown = self._question.put(owner, controller, looked, asked.model)
        updates = turned | shown | self._question.restored(controller, asked, run, seen, shown)
        if run is None:
            return updates
        idle = running(
            self._question.go, self._question.stop,
            not run.ended and self._runs.may_stop(run, owner),
        )  # fmt: skip
        return updates | idle | await asyncio.to_thread(self._answered, run)

    def _answered(self, run: Run) -> dict[Any, Any]:
        question = self._question
        shown = self._answer.show(run)
        return shown | {question.run: run.id, question.asked: _asked(run)}

    def _beside(self, record: dict[str, Any], seen: Factual | None) -> dict[Any, Any]:
        """Updates for a file without a picture.

        :raises BadInput: it is of another bundle than the picture that is chosen.
        """
        if seen is not None and seen.bundle != record["bundle"]:
            raise BadInput(
                "this answer is of the bundle {bundle!r}; choose that bundle, and a picture "
                "of it, then drop the file again",
                bundle=record["bundle"],
            )
        controller = self._require_model(record["bundle"], record["model"])
        return self._question.without_picture(controller, record)

    def _require_ours(self, record: Mapping[str, Any], shape: tuple[int, int, int]) -> None:
        """Anybody may have written the file: it names no model of its own, and fits the bundle.

        :param shape: of its pictures, of which none is decoded yet.
        :raises BadInput: it does not.
        """
        bundle, model = record["bundle"], record["model"]
        if model != ORACLE:
            self._require_model(bundle, model)
        about = self.controllers[bundle].about
        wanted = (about["image_size"], about["image_size"], about["channels"])
        if shape != wanted:
            raise BadInput(
                "the picture in this file is not of the size of the bundle {bundle!r}, "
                "{wanted} pixels; drop the studio's own file",
                bundle=bundle,
                wanted=wanted[0],
            )

    def _require_model(self, bundle: str, model: str) -> BundleController:
        """The controller of a bundle of this page, which has that model.

        :raises BadInput: there is no such bundle, or no such model.
        """
        controller = self.controllers[bundle]
        if model != "classifier" and not controller.about["models"].get(model):
            raise BadInput(
                "this answer is about the model {model!r}, which is not here; load that "
                "model first, then drop the file again",
                model=model,
            )
        return controller

    def _failed(self, error: Exception) -> dict[Any, Any]:
        failed = markup.failure(error_text(error, N_("the answer")))
        shown = {self._answer.status: failed, self._answer.frame: ""}
        return shown | running(self._question.go, self._question.stop, False)


def _asked(run: Run) -> list[str | None]:
    """Model, target and method, as the controls say them."""
    request = run.request
    return [request.model, request.target, request.method]
