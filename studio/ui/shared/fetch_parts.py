"""What a bundle lacks and can be fetched: listed with sizes and terms, fetched by one button."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import gradio as gr

from studio.runs.pulls import Pull, Pulls
from studio.translation import _
from studio.ui.shared import markup
from studio.ui.shared.controller import SHARED, BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import running, show_errors

__all__ = ["FetchPanel"]


class FetchPanel:
    """Laid out inside the current Blocks; visible where something is missing."""

    def __init__(self, controllers: Controllers, pulls: Pulls) -> None:
        self.controllers, self.pulls = controllers, pulls
        missing = controllers.first.to_pull()
        with gr.Accordion(
            **self._offer(controllers.first, missing), elem_id="fetch"
        ) as self._group:
            self._list = gr.HTML(markup.to_fetch(missing))
            with gr.Row():
                self._go = gr.Button(_button_text(missing), variant="primary", elem_id="fetch-run")
                self._stop = gr.Button(
                    _("Stop"), variant="stop", elem_id="fetch-stop", visible=False
                )
        self._status = gr.HTML(elem_id="fetch-status")
        self._fetched = gr.State(controllers.first.bundle)

    def opened(self, controller: BundleController, fresh: bool = True) -> dict[Any, Any]:
        """Updates for another bundle, or (not ``fresh``) for the same with more parts, where
        how the pull ended stays to be read."""
        missing = controller.to_pull()
        shown = {
            self._group: gr.update(**self._offer(controller, missing)),
            self._list: markup.to_fetch(missing),
            self._go: gr.update(value=_button_text(missing)),
        }
        return shown | ({self._status: ""} if fresh else {})

    def _offer(
        self, controller: BundleController, missing: dict[str, list[dict[str, Any]]]
    ) -> dict[str, Any]:
        """The panel is open where without it nothing can be asked; what bundles of a person's own
        pictures lack is trained."""
        first = not controller.methods() and controller.about["recipe"] != "pictures"
        label = f"{_('Fetch this first') if first else _('More can be fetched')} ({_size(missing)})"
        visible = bool(missing) and self.controllers.access.most.fetch
        return {"label": label, "open": first, "visible": visible}

    def wire(
        self,
        bundle: gr.Dropdown,
        shared: gr.Button,
        opened: Callable[[BundleController], dict[Any, Any]],
        places: list[Any],
    ) -> list[Any]:
        """Let the button fetch what ``bundle`` lacks, and ``shared`` only what all bundles of
        photographs share; then ``opened`` fills ``places``. Returns the last event of both."""

        async def fetch_all(name: str, request: gr.Request) -> AsyncIterator[dict[Any, Any]]:
            async for shown in self._fetch(name, None, request):
                yield shown

        async def fetch_shared(name: str, request: gr.Request) -> AsyncIterator[dict[Any, Any]]:
            async for shown in self._fetch(name, SHARED, request):
                yield shown

        # The person may have gone to another bundle meanwhile: the page that goes on is that of
        # the bundle chosen when the pull has ended, which only a further event gets.
        outputs = [self._go, self._stop, self._status, self._group, self._fetched]
        events = [
            button.click(
                fetch, bundle, outputs, concurrency_limit=8, **QUIET,
            ).then(
                lambda name: opened(self.controllers[name]), bundle, places, **QUIET,
            )
            for button, fetch in ((self._go, fetch_all), (shared, fetch_shared))
        ]  # fmt: skip

        def stop(name: str, request: gr.Request) -> str:
            with show_errors():
                self.controllers.access.require("fetch", request)
            self.pulls.stop([name, SHARED])
            return markup.notice("going", _("stopping; what has arrived is kept …"))

        self._stop.click(
            stop, self._fetched, self._status, queue=False, **QUIET,
        )  # fmt: skip
        return events

    async def _fetch(
        self, name: str, only: str | None, request: gr.Request
    ) -> AsyncIterator[dict[Any, Any]]:
        """Progress until the pull has ended, however many pages watch it; leaving the page does
        not end it, since what has arrived is kept anyway."""
        with show_errors():
            self.controllers.access.require("fetch", request)
        controller = self.controllers[name]
        missing = controller.to_pull(only)
        pull = self.pulls.start(list(missing))
        # The region's button may stand far below: its Stop is at the top, with the progress.
        yield running(self._go, self._stop, True) | {
            self._group: gr.update(visible=True, open=True), self._fetched: name,
        }  # fmt: skip
        text = ""
        async for _news in pull.watch():
            if text != (text := _progress(pull)):
                yield {self._status: text}
        # Other bundles may use what was fetched too.
        await asyncio.to_thread(self.controllers.refresh)
        yield running(self._go, self._stop, False) | {
            self._status: _end(pull, _(controller.about["title"]))
        }


def _size(missing: dict[str, list[dict[str, Any]]]) -> str:
    left = sum(item["size"] - item["have"] for items in missing.values() for item in items)
    return markup.megabytes(left)


def _button_text(missing: dict[str, list[dict[str, Any]]]) -> str:
    return _("Fetch all of this ({missing})", missing=_size(missing))


def _progress(pull: Pull) -> str:
    if pull.progress is None:
        return markup.notice("going", _("starting …"))
    now = pull.progress
    return markup.fetching(now["parts"], now["phase"], now["done"], now["total"])


def _end(pull: Pull, title: str) -> str:
    if pull.state == "done":
        return markup.notice("success", _("{title}: everything is here. Go on.", title=title))
    if pull.state == "stopped":
        return markup.notice(
            "warning",
            _("Stopped; what has arrived is kept, and fetching again goes on from there."),
        )
    return markup.failure(
        _("{reason}; press Fetch to try again, it goes on where it stopped", reason=pull.reason)
    )
