"""A visitor's earlier answers: cards to open, compare and delete, and files to restore."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from backends.errors import NotFound, StudioError
from studio.access.rights import name_of
from studio.translation import _
from studio.ui.explain import kept_markup
from studio.ui.shared import markup
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.on_demand import on_demand
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import owner_of

__all__ = ["SAY", "Gallery", "Said"]

TOKEN = re.compile(r"[A-Za-z0-9_=-]{16,64}", re.ASCII)
FIRST, MOST = 12, 600  # cards: at first, and after many presses of "more"
# Puts what the browser wants in place of a handler's first input.
SAY = "(...a) => { a[0] = window.keptRuns ? window.keptRuns.said() : null; return a; }"
HOST = """
const events = ["opened", "listed", "removed", "compared"];
if (window.keptRuns) window.keptRuns.join((event) => events.includes(event) && trigger(event));
// Only an address that names a run: opening one tells every control of the page.
if (window.keptRuns && window.keptRuns.said().run) setTimeout(() => trigger("opened"), 0);
watch("shown", () => { if (window.keptRuns && props.shown) window.keptRuns.shows(JSON.parse(props.shown)); });
"""  # noqa: E501 - script


@dataclass(frozen=True)
class Said:
    """What the browser says: who visits, which run the address names, how many cards to show, and
    which runs an action is about."""

    visitor: str = ""
    run: str = ""
    count: int = FIRST
    ids: tuple[str, ...] = ()

    @staticmethod
    def of(given: Any) -> Said:
        """Read it; what is not understood counts as not said."""
        if not isinstance(given, Mapping):
            return Said()
        visitor, run, count = (given.get(key) for key in ("visitor", "run", "count"))
        ids = given.get("ids")
        return Said(
            visitor if isinstance(visitor, str) and TOKEN.fullmatch(visitor) else "",
            run[:64] if isinstance(run, str) else "",
            min(max(count, FIRST), MOST) if isinstance(count, int) else FIRST,
            tuple(str(one)[:64] for one in ids[:2]) if isinstance(ids, list) else (),
        )


class Gallery:
    """Made inside the current Blocks; :meth:`bar` and :meth:`panel` lay it out.

    :ivar said: what the browser says, which the script :data:`SAY` fills in.
    :ivar host: fires ``opened`` when the browser's address names another run, and takes the run
        that the page shows.
    :ivar again: runs what is shown once more.
    :ivar history: the cards.
    :ivar file: a result to restore.
    :ivar note: what came of the file.
    """

    def __init__(self, controllers: Controllers) -> None:
        self.controllers = controllers
        self._runs = controllers.first.runs
        self._methods = controllers.methods()
        self._counts: dict[str, Said] = {}
        self.said = gr.JSON(visible=False)
        self.host = on_demand("kept-host", HOST, shown="")

    def bar(self) -> None:
        """Lay out what can be done with the answer that is shown."""
        with gr.Row():
            self.again = gr.Button(
                _("Run again, with the same seed"), visible=False, elem_id="run-again", size="sm"
            )
            self._link = gr.Button(_("Copy link"), visible=False, elem_id="copy-link", size="sm")
        gr.HTML('<p id="link-note" role="status"></p>')

    def panel(self) -> None:
        """Lay out the cards."""
        with gr.Accordion(
            _("Your earlier answers"), open=False, elem_id="kept-panel"
        ) as self._panel:
            self.history = gr.HTML(elem_id="history")
            self._compared = gr.HTML(elem_id="kept-compare")
            self.file = gr.File(
                label=_("Restore an answer: result.zip, result.json or counterfactual.png"),
                file_types=[".zip", ".json", ".png"], height=136, elem_id="restore-file",
            )  # fmt: skip
            self.note = gr.HTML(elem_id="restore-note")

    @property
    def places(self) -> list[Any]:
        """What :meth:`listed` and :meth:`shows` fill."""
        return [self.history, self._panel, self.host, self.again, self._link]

    def wire(self) -> None:
        """Let the cards act, but for opening one."""
        quiet = {"js": SAY, **QUIET}
        self.host.listed(self._list, self.said, self.places, queue=False, **quiet)
        self.host.removed(self._remove, self.said, [*self.places, self._compared], **quiet)
        self.host.compared(self._compare_two, self.said, self._compared, **quiet)
        self._link.click(
            None, None, None, js="() => window.keptRuns.copy()", api_visibility="private"
        )

    def recognise(self, request: gr.Request, given: Any) -> tuple[str, Said]:
        """The owner of a page, and what its browser says."""
        owner, said = owner_of(request), Said.of(given)
        if login := name_of(request):  # no browser's own name has a colon
            self._runs.recognise(owner, f"login:{login}")
        elif said.visitor:
            self._runs.recognise(owner, said.visitor)
        self._counts[owner] = said
        return owner, said

    def leave(self, owner: str) -> None:
        """Forget a closed page."""
        self._counts.pop(owner, None)

    def listed(self, owner: str, shown: str = "") -> dict[Any, Any]:
        """Updates of the cards, as they are now.

        :param shown: the run that the page shows.
        """
        visitor, store = self._runs.visitor_of(owner), self._runs.store
        kept = store.of(visitor) if store and visitor else []
        going = self._runs.going(visitor)
        count = self._counts.get(owner, Said()).count
        label = (
            _("Your earlier answers: {count}", count=len(kept))
            if kept
            else _("Your earlier answers")
        )
        return {
            self.history: kept_markup.gallery(going, kept, count, self._methods, shown),
            self._panel: gr.update(label=label),
        }

    def shows(self, run_id: str, by: str = "run") -> dict[Any, Any]:
        """Updates that tell the browser which run the page shows; empty for none.

        :param by: ``open`` where the browser's address says so already.
        """
        some = gr.update(visible=bool(run_id))
        told = gr.update(shown=json.dumps({"run": run_id, "by": by}))
        return {self.host: told, self.again: some, self._link: some}

    async def recognised(self, request: gr.Request, given: Any) -> dict[Any, Any]:
        """Updates of the cards for a page that was just opened."""
        return await self._list(request, given)

    async def _list(self, request: gr.Request, given: Any) -> dict[Any, Any]:
        owner, said = self.recognise(request, given)
        return await asyncio.to_thread(self.listed, owner, said.run)

    async def _remove(self, request: gr.Request, given: Any) -> dict[Any, Any]:
        owner, said = self.recognise(request, given)

        def remove() -> dict[Any, Any]:
            store = self._runs.store
            # Of a login first; what it answered on this browser before it logged in is its, too.
            # A browser's own word has no colon, and so is never a login.
            whose = [who for who in (self._runs.visitor_of(owner), said.visitor) if who]
            for which in said.ids:
                if store and any(store.delete(which, who) for who in whose):
                    self._runs.delete(which)
            return self.listed(owner, said.run) | {self._compared: ""}

        return await asyncio.to_thread(remove)

    async def _compare_two(self, request: gr.Request, given: Any) -> Any:
        _, said = self.recognise(request, given)

        def compare() -> Any:
            found = [self._runs.get(which) for which in said.ids]
            runs = [run for run in found if run and run.answer]
            if len(runs) != 2:
                raise NotFound("one of these answers is no longer kept; choose two others")
            return kept_markup.compared(runs[0], runs[1], self._methods)

        try:
            return await asyncio.to_thread(compare)
        except StudioError as error:
            return markup.failure(error)
