"""The tab "Your own pictures": from a zip to a bundle that every method can explain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import gradio as gr

from studio.runs.background_tasks import BackgroundTasks
from studio.translation import _
from studio.ui.domain.new_bundle import NewBundlePanel
from studio.ui.domain.training import BundleTrainingPanel, trainable
from studio.ui.domain.upload import Uploads
from studio.ui.domain.work import MAKING, TRAINING, DomainWork
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.on_demand import on_mount
from studio.ui.shared.quiet import QUIET

__all__ = ["DomainTab"]


class DomainTab:
    """Laid out inside the current Blocks; only for the person at the machine, whose disk and
    processor it uses.

    :param bundle: the page's chooser of bundles.
    :ivar open: the button that opens the bundle which was made or trained last.
    """

    def __init__(
        self, controllers: Controllers, bundle: gr.Dropdown, tasks: BackgroundTasks
    ) -> None:
        self.controllers, self._bundle, self._work = controllers, bundle, DomainWork(tasks)
        self._mounted = on_mount("own-pictures-mounted")
        uploads = Uploads(controllers.first.results / "own-pictures")
        with gr.Row():
            self._new = NewBundlePanel(self._work, uploads)
            with gr.Column(scale=5, min_width=320):
                self._training = BundleTrainingPanel(self._work, controllers.names)
                self.open = gr.Button(
                    _("Explain pictures of this bundle"), elem_id="own-open",
                    visible=bool(trainable(controllers.names)),
                )  # fmt: skip

    @property
    def chosen(self) -> gr.Dropdown:
        """Which bundle the button opens."""
        return self._training.bundle

    def wire(
        self, found: Callable[[Iterable[str]], dict[Any, Any]],
        opened: Callable[[str], dict[Any, Any]], places: list[Any],
    ) -> None:  # fmt: skip
        """Let the panels act.

        :param found: makes bundles of these names known to the page, whose chooser it updates.
        :param opened: the page's updates, in ``places``, for the bundle that is chosen.
        """

        def made(name: str) -> dict[Any, Any]:
            shown = found([name])
            self.controllers.refresh()
            return shown | {
                self._training.bundle: gr.update(choices=self._own(), value=name),
                self.open: gr.update(visible=True),
            }

        async def follow() -> AsyncIterator[dict[Any, Any]]:
            """What goes on, or how it ended; one of both goes on at most."""
            making, training = self._work.last(MAKING), self._work.last(TRAINING)
            if making:
                async for shown in self._new.follow(making, made):
                    yield shown
            if training:
                async for shown in self._training.follow(training, self.controllers.refresh):
                    yield shown
            yield {self.open: gr.skip()}

        after = [self._bundle, self._training.bundle, self.open]
        self._new.wire(made, after)
        self._training.wire(self.controllers.refresh, opened, self._bundle, places)
        self._mounted.shown(self.known, None, [self._training.bundle, self.open], **QUIET)
        self._mounted.shown(
            follow, None, [*self._new.places, *self._training.places, *after],
            concurrency_limit=8, **QUIET,
        )  # fmt: skip

    def known(self) -> dict[Any, Any]:
        """Updates for the bundles that the page knows by now."""
        own = self._own()
        last = self._work.newest()
        first = last if last in own else next(iter(own), None)
        return {
            self._training.bundle: gr.update(choices=own, value=first) if own else gr.skip(),
            self.open: gr.update(visible=bool(own)),
        }

    def _own(self) -> list[str]:
        return trainable(self.controllers.names)
