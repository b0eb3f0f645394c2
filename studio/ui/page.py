"""The whole page: title, tabs and help."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from backends import bundles, service
from backends.settings import settings
from studio.access import MEMBERS, AccessPolicy
from studio.access.rights import name_of
from studio.api.questions import ProgramQuestions
from studio.labels.store.database import usual_place
from studio.runs.background_tasks import BackgroundTasks
from studio.runs.pulls import Pulls
from studio.translation import _
from studio.ui import functions
from studio.ui.compare.tab import CompareTab
from studio.ui.domain.tab import DomainTab
from studio.ui.evaluate.tab import EvaluateTab
from studio.ui.explain.preferences import Preferences
from studio.ui.explain.tab import ExplainTab
from studio.ui.explain.welcome import READ_CARD
from studio.ui.hosting.languages import TranslatedBlocks
from studio.ui.hosting.open_pages import OpenPages
from studio.ui.label.tab import LabelTab
from studio.ui.shared import canvas, markup, shortcuts
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.fetch_parts import FetchPanel
from studio.ui.shared.label_controller import Codes, LabelController
from studio.ui.shared.on_demand import on_demand
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import owner_of, show_errors

__all__ = ["build", "shown_bundles"]

VISIT = """
// The tab opens by itself, and fills itself then.
if (new URLSearchParams(location.search).has("invitation")) trigger("invited");
watch("stale", () => { if (props.stale) trigger("stale"); });
"""


def build(
    controller: BundleController,
    names: Sequence[str] = (),
    pulls: Pulls | None = None,
    labels: LabelController | None = None,
    *,
    access: AccessPolicy = MEMBERS,
    pages: OpenPages | None = None,
    evaluations: Path | None = None,
) -> TranslatedBlocks:
    """The Blocks of a controller, in the language at hand.

    :param names: of further bundles that can be chosen on the page.
    :param pulls: fetches what bundles lack.
    :param labels: where people's labels are kept.
    :param access: who may do what on it.
    :param pages: watches which of them are open.
    :param evaluations: folder that keeps those started on the page; else they go with the results.
    """
    labels = labels or LabelController(usual_place(), BackgroundTasks(controller.runs.engine))
    # Old previews are deleted after a while, looked for each hour.
    with TranslatedBlocks(
        title=_("Counterfactual Studio"), fill_width=True,
        delete_cache=(3600, settings().results_days * 86400),
    ) as blocks:  # fmt: skip
        controllers = Controllers(controller, names, access=access)
        # First, so that no event of the page takes their names.
        asked = ProgramQuestions(
            controller.runs, lambda: list(controllers.names), access, labels.hidden
        )
        functions.offer(asked, blocks)
        kept = evaluations or controller.results / "evaluations"
        page = _Page(controllers, pulls or Pulls(service.pull), labels, blocks, kept)
        page.wire(blocks)
    if pages is not None:
        page.watch(pages, blocks)
    return blocks


class _Page:
    """Title, bundle and tabs, laid out inside the current Blocks."""

    def __init__(
        self, controllers: Controllers, pulls: Pulls, labels: LabelController, blocks: gr.Blocks,
        evaluations: Path,
    ) -> None:  # fmt: skip
        self.controllers, first = controllers, controllers.first
        self._pages: OpenPages | None = None
        gr.HTML(markup.skip(), elem_id="skip")
        with gr.Row(equal_height=True, elem_id="page-head"):
            self._title = gr.Markdown(_title(first), elem_id="page-title")
            self._bundle = gr.Dropdown(
                _choices(controllers.names),
                value=first.bundle,
                label=_("Bundle"),
                elem_id="bundle",
                container=False,
                scale=0,
                min_width=260,
                visible=len(controllers.names) > 1,
            )
        self._shown = gr.State(first.bundle)  # the bundle that the page shows
        self._visit = on_demand("visit", VISIT, stale="")
        self._card = gr.Textbox(visible=False, label=_("The bundle whose card was clicked"))
        # Outside the tabs, of which the hidden ones would not read what the browser keeps; with
        # fixed words, or each start of the studio would forget who its people are.
        self._codes = gr.BrowserState(  # nosec B106 # what is kept is the browser's own
            {}, storage_key="studio-labels", secret="studio-labels"
        )
        person = gr.BrowserState(  # nosec B106 # a name
            "", storage_key="studio-person", secret="studio-person"
        )
        self._style = gr.HTML(_style(first), elem_classes="only-style")
        self._fetch = FetchPanel(controllers, pulls)
        bundle, codes = self._bundle, self._codes
        with gr.Tabs() as tabs:
            with gr.Tab(_("Explain"), id="explain"):
                self._explain = ExplainTab(controllers, bundle, labels, person, blocks.load)
            with gr.Tab(_("Compare"), id="compare") as tab:
                self._compare = CompareTab(controllers, labels, self._explain.question, tabs, tab)
            with gr.Tab(_("Label"), id="label") as tab:
                self._label = LabelTab(controllers, bundle, labels, codes, tabs, tab)
            self._evaluate = None
            if controllers.access.most.evaluations:
                with gr.Tab(_("Evaluate"), id="evaluate"):
                    self._evaluate = EvaluateTab(controllers, labels.tasks, evaluations)
            self._domain = None
            if controllers.access.most.bundles:
                with gr.Tab(_("Your own pictures"), id="own-pictures"):
                    self._domain = DomainTab(controllers, bundle, labels.tasks)
        self._tabs = tabs
        gr.HTML(shortcuts.help_sheet())
        self._preferences = Preferences(controllers, bundle, self._explain.methods)
        self._built = first.refreshed

    def wire(self, blocks: gr.Blocks) -> None:
        """Let the bundle be chosen, and the tabs follow one another."""
        bundle, codes, label = self._bundle, self._codes, self._label
        places = list(self._opened(self.controllers.first))
        chosen = bundle.input(
            self._choose, [bundle, self._shown, codes], [self._shown, *places, *label.places],
            show_progress_on=self._title, api_visibility="private",
        )  # fmt: skip
        self._explain.welcome.cards.picked(
            self._pick_card, [self._card, codes],
            [bundle, self._shown, *places, *label.places], js=READ_CARD,
            show_progress_on=self._title, api_visibility="private",
        )  # fmt: skip
        blocks.load(self._look, None, self._visit, **QUIET)
        self._visit.stale(self._catch_up, None, places, **QUIET)
        loaded = blocks.load(self._recognise, codes, None, **QUIET)
        self._visit.invited(lambda: gr.Tabs(selected="label"), None, self._tabs, **QUIET)
        label.mounted.shown(label.load, [bundle, codes], label.places, **QUIET)
        opened = [self._shown, *places, *label.places]
        self._explain.earlier.wire(bundle, codes, self._turn_to, opened, loaded.then)
        self._preferences.wire(codes, self._turn_to, opened, chosen.then)
        language = self._explain.language
        for event in self._fetch.wire(bundle, language.fetch, self._refreshed, places):
            language.look_again(event.then)
        label.training.wire(self.controllers.refresh, self._refreshed, self.controllers, places)
        if self._evaluate is not None:
            self._evaluate.wire()
        if self._domain is not None:
            self._wire_domain(self._domain, blocks, places)
        blocks.unload(self._left)

    def _wire_domain(self, domain: DomainTab, blocks: gr.Blocks, places: list[Any]) -> None:
        """Let a bundle that a person makes be chosen at once, here and on pages opened later."""
        bundle, codes = self._bundle, self._codes

        def known() -> dict[Any, Any]:
            return self._found(shown_bundles(self.controllers.first.bundle))

        def opened(name: str) -> dict[Any, Any]:
            return self._refreshed(self.controllers[name])

        domain.wire(self._found, opened, places)
        blocks.load(known, None, bundle, **QUIET)

        domain.open.click(
            lambda: gr.Tabs(selected="explain"), None, self._tabs, **QUIET
        ).success(
            self._pick_card, [domain.chosen, codes],
            [bundle, self._shown, *places, *self._label.places],
            show_progress_on=self._title, api_visibility="private",
        ).then(None, None, None, js="() => window.scrollTo(0, 0)", **QUIET)  # fmt: skip

    def _found(self, names: Iterable[str]) -> dict[Any, Any]:
        """The chooser's updates for bundles that may be new."""
        for name in names:
            if name not in self.controllers.names:
                self.controllers.add(name)
        choices = _choices(self.controllers.names)
        return {self._bundle: gr.update(choices=choices, visible=len(choices) > 1)}

    def _opened(self, controller: BundleController, fresh: bool = True) -> dict[Any, Any]:
        """Updates of the whole page for a bundle."""
        return {
            self._title: _title(controller), self._style: _style(controller),
            **self._fetch.opened(controller, fresh), **self._explain.opened(controller, fresh),
            **self._compare.opened(controller, fresh),
        }  # fmt: skip

    def _refreshed(self, controller: BundleController) -> dict[Any, Any]:
        """Updates for the same bundle with more parts."""
        return self._opened(controller, False)

    def _choose(
        self, name: str, shown: str, held: Codes | None, request: gr.Request
    ) -> dict[Any, Any]:
        """Open another bundle. A list that is closed without a choice says "input", too: then the
        page keeps its picture and its answer."""
        if name == shown:
            return {self._shown: gr.skip()}
        with show_errors():
            return self._open_bundle(name, held, request)

    def _pick_card(self, name: str, held: Codes | None, request: gr.Request) -> dict[Any, Any]:
        with show_errors():
            return self._turn_to(name, held, request)

    def _turn_to(self, name: str, held: Codes | None, request: gr.Request) -> dict[Any, Any]:
        """Open a bundle that was chosen elsewhere on the page."""
        return {self._bundle: name} | self._open_bundle(name, held, request)

    def _open_bundle(self, name: str, held: Codes | None, request: gr.Request) -> dict[Any, Any]:
        controller = self.controllers[name]
        self.controllers.now(owner_of(request), None)
        self._compare.put_away(owner_of(request))
        controller.refresh()
        return (
            {self._shown: name}
            | self._opened(controller)
            | self._label.opened(name, held, name_of(request))
        )

    def _look(self) -> Any:
        """Tell the page whether something was fetched after it was built."""
        stale = self.controllers.first.refreshed > self._built
        return gr.update(stale="yes") if stale else gr.skip()

    def _catch_up(self) -> dict[Any, Any]:
        """What was fetched after the page was built, for those who come later; a picture that they
        chose meanwhile stays."""
        return self._refreshed(self.controllers.first)

    def _recognise(self, held: Codes | None, request: gr.Request) -> None:
        """Note whose page this is, to whom private models are offered."""
        with show_errors():
            self._label.labels.note(owner_of(request), held)

    def _left(self, request: gr.Request) -> None:
        self._leave(owner_of(request))

    def _leave(self, owner: str) -> None:
        self._compare.leave(owner)
        self.controllers.first.runs.leave(owner)
        self.controllers.leave(owner)
        self._label.leave(owner)
        self._explain.leave(owner)
        if self._pages:
            self._pages.left(owner)

    def watch(self, pages: OpenPages, blocks: TranslatedBlocks) -> None:
        """Close pages that give no sign of life, as if their browser had done so."""
        self._pages = blocks.open_pages = pages

        def close(owner: str, session: str) -> None:
            self._leave(owner)
            blocks.end_session(session)

        pages.on_close(close, self.controllers.first.runs.busy)


def _title(controller: BundleController) -> str:
    return _(
        "# Counterfactual Studio\nWhat would have to be different in a picture for "
        "the model to say something else? *{title}.*",
        title=_(controller.about["title"]),
    )


def _choices(names: Sequence[str]) -> list[tuple[str, str]]:
    """Title and name of each bundle."""
    return [(_(str(bundles.get(name).manifest.title)), name) for name in names]


def _style(controller: BundleController) -> str:
    """Small pictures are shown as the blocks they are, photographs smoothly."""
    if controller.about["image_size"] > canvas.SMALL:
        return ""
    blocks = (
        ".compare img, .frame, #examples img, .question img, .answer img, .answer-grid img, "
        ".labelling .stage img"
    )
    return f"<style>{blocks} {{ image-rendering: pixelated; }}</style>"


def shown_bundles(first: str) -> list[str]:
    """Further bundles that can be asked about."""
    found = [name for name in bundles.installed() if bundles.get(name).manifest.class_names]
    return [name for name in found if name != first]
