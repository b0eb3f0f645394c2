"""The whole page: title, tabs, help, and how it is served."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Before gradio is imported: nothing is loaded from, or sent to, any outside host.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr

from backends import bundles, service
from backends.errors import BadInput, MissingPart
from backends.settings import settings
from studio import engines
from studio.api import routes as api
from studio.api.description import described
from studio.api.questions import ProgramQuestions
from studio.labels import api as label_api
from studio.labels.management import Management
from studio.labels.store.database import usual_place
from studio.runs import Runs
from studio.runs.background_tasks import BackgroundTasks
from studio.runs.kept import usual_store
from studio.runs.pulls import Pulls
from studio.runs.study import Study, usual_file
from studio.ui import functions
from studio.ui.compare.tab import CompareTab
from studio.ui.domain.tab import DomainTab
from studio.ui.explain.preferences import Preferences
from studio.ui.explain.tab import ExplainTab
from studio.ui.explain.welcome import READ_CARD
from studio.ui.label.tab import LabelTab
from studio.ui.shared import canvas, markup, shortcuts
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.fetch_parts import FetchPanel
from studio.ui.shared.label_controller import Codes, LabelController
from studio.ui.shared.on_demand import on_demand
from studio.ui.shared.requests import owner_of
from studio.ui.shared.static import static_text

__all__ = ["build", "free_port", "launch", "launch_options"]

LOOPBACK = ("127.0.0.1", "::1", "localhost")
LARGEST_FILE, LARGEST_OWN_FILE = "20mb", "2gb"  # of uploads: by anybody, by the person here
STYLES = (
    "style.css",
    "explain.css",
    "regions.css",
    "advice.css",
    "compare.css",
    "further.css",
    "label.css",
    "take_away.css",
)
VISIT = """
// The tab opens by itself, and fills itself then.
if (new URLSearchParams(location.search).has("invitation")) trigger("invited");
watch("stale", () => { if (props.stale) trigger("stale"); });
"""
REMOVALS = 10  # attempts to remove the results' folder


def build(
    controller: BundleController,
    names: Sequence[str] = (),
    pulls: Pulls | None = None,
    labels: LabelController | None = None,
    *,
    private: bool = False,
) -> gr.Blocks:
    """The Blocks of a controller.

    :param names: of further bundles that can be chosen on the page.
    :param pulls: fetches what bundles lack.
    :param labels: where people's labels are kept.
    :param private: whether only the person at the machine can open the page, who may add models.
    """
    labels = labels or LabelController(usual_place(), BackgroundTasks(controller.runs.engine))
    # Old previews are deleted after a day, looked for each hour.
    with gr.Blocks(
        title="Counterfactual Studio", delete_cache=(3600, 86400), fill_width=True
    ) as blocks:
        controllers = Controllers(controller, names, private=private)
        # First, so that no event of the page takes their names.
        asked = ProgramQuestions(controller.runs, lambda: list(controllers.names), private)
        functions.offer(asked, blocks)
        page = _Page(controllers, pulls or Pulls(service.pull), labels, blocks)
        page.wire(blocks)
    return blocks


class _Page:
    """Title, bundle and tabs, laid out inside the current Blocks."""

    def __init__(
        self, controllers: Controllers, pulls: Pulls, labels: LabelController, blocks: gr.Blocks
    ) -> None:
        self.controllers, first = controllers, controllers.first
        self._blocks = blocks
        gr.HTML(markup.skip(), elem_id="skip")
        with gr.Row(equal_height=True, elem_id="page-head"):
            self._title = gr.Markdown(_title(first), elem_id="page-title")
            self._bundle = gr.Dropdown(
                _choices(controllers.names), value=first.bundle, label="Bundle", elem_id="bundle",
                container=False, scale=0, min_width=260, visible=len(controllers.names) > 1,
            )  # fmt: skip
        self._shown = gr.State(first.bundle)  # the bundle that the page shows
        self._visit = on_demand("visit", VISIT, stale="")
        self._card = gr.Textbox(visible=False, label="The bundle whose card was clicked")
        # Outside the tabs, of which the hidden ones would not read what the browser keeps; with
        # fixed words, or each start of the studio would forget who its people are.
        self._codes = gr.BrowserState({}, storage_key="studio-labels", secret="studio-labels")
        person = gr.BrowserState("", storage_key="studio-person", secret="studio-person")
        self._style = gr.HTML(_style(first), elem_classes="only-style")
        self._fetch = FetchPanel(controllers, pulls)
        bundle, codes = self._bundle, self._codes
        with gr.Tabs() as tabs:
            with gr.Tab("Explain", id="explain"):
                self._explain = ExplainTab(controllers, bundle, labels, person, blocks.load)
            with gr.Tab("Compare", id="compare") as tab:
                self._compare = CompareTab(controllers, self._explain.question, tabs, tab)
            with gr.Tab("Label", id="label") as tab:
                self._label = LabelTab(controllers, bundle, labels, codes, tabs, tab)
            self._domain = None
            if controllers.private:
                with gr.Tab("Your own pictures", id="own-pictures"):
                    self._domain = DomainTab(controllers, bundle, labels.tasks)
        self._tabs = tabs
        gr.HTML(shortcuts.help_sheet())
        self._preferences = Preferences(controllers, bundle, self._explain.methods)
        self._built = first.refreshed

    def wire(self, blocks: gr.Blocks) -> None:
        """Let the bundle be chosen, and the tabs follow one another."""
        bundle, codes, label = self._bundle, self._codes, self._label
        places = list(self._opened(self.controllers.first))
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        chosen = bundle.input(
            self._choose, [bundle, self._shown, codes], [self._shown, *places, *label.places],
            show_progress_on=self._title, api_visibility="private",
        )  # fmt: skip
        self._explain.welcome.cards.picked(
            self._turn_to, [self._card, codes],
            [bundle, self._shown, *places, *label.places], js=READ_CARD,
            show_progress_on=self._title, api_visibility="private",
        )  # fmt: skip
        blocks.load(self._look, None, self._visit, **quiet)
        self._visit.stale(self._catch_up, None, places, **quiet)
        loaded = blocks.load(self._recognise, codes, None, **quiet)
        self._visit.invited(lambda: gr.Tabs(selected="label"), None, self._tabs, **quiet)
        label.mounted.shown(label.load, [bundle, codes], label.places, **quiet)
        opened = [self._shown, *places, *label.places]
        self._explain.earlier.wire(bundle, codes, self._turn_to, opened, loaded.then)
        self._preferences.wire(codes, self._turn_to, opened, chosen.then)
        language = self._explain.language
        for event in self._fetch.wire(bundle, language.fetch, self._refreshed, places):
            language.look_again(event.then)
        label.training.wire(self.controllers.refresh, self._refreshed, self.controllers, places)
        if self._domain is not None:
            self._wire_domain(self._domain, blocks, places)
        blocks.unload(self._left)

    def _wire_domain(self, domain: DomainTab, blocks: gr.Blocks, places: list[Any]) -> None:
        """Let a bundle that a person makes be chosen at once, here and on pages opened later."""
        bundle, codes = self._bundle, self._codes
        quiet = {"show_progress": "hidden", "api_visibility": "private"}

        def known() -> dict[Any, Any]:
            return self._found(_shown_bundles(self.controllers.first.bundle))

        def opened(name: str) -> dict[Any, Any]:
            return self._refreshed(self.controllers[name])

        domain.wire(self._found, opened, places)
        blocks.load(known, None, bundle, **quiet)

        domain.open.click(
            lambda: gr.Tabs(selected="explain"), None, self._tabs, **quiet
        ).success(
            self._turn_to, [domain.chosen, codes],
            [bundle, self._shown, *places, *self._label.places],
            show_progress_on=self._title, api_visibility="private",
        ).then(None, None, None, js="() => window.scrollTo(0, 0)", **quiet)  # fmt: skip

    def _found(self, names: Iterable[str]) -> dict[Any, Any]:
        """The chooser's updates for bundles that may be new; their examples may be sent."""
        for name in names:
            if name not in self.controllers.names:
                self.controllers.add(name)
                self._blocks.allowed_paths.extend(_shown_folders(name))
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
        return self._open_bundle(name, held, request)

    def _turn_to(self, name: str, held: Codes | None, request: gr.Request) -> dict[Any, Any]:
        """Open a bundle that was chosen elsewhere on the page."""
        return {self._bundle: name} | self._open_bundle(name, held, request)

    def _open_bundle(self, name: str, held: Codes | None, request: gr.Request) -> dict[Any, Any]:
        controller = self.controllers[name]
        self.controllers.now(owner_of(request), None)
        self._compare.put_away(owner_of(request))
        controller.refresh()
        return {self._shown: name} | self._opened(controller) | self._label.opened(name, held)

    def _look(self) -> Any:
        """Tell the page whether something was fetched after it was built."""
        stale = self.controllers.first.refreshed > self._built
        return gr.update(stale="yes") if stale else gr.skip()

    def _catch_up(self) -> dict[Any, Any]:
        """What was fetched after the page was built, for those who come later."""
        return self._opened(self.controllers.first)

    def _recognise(self, held: Codes | None, request: gr.Request) -> None:
        """Note whose page this is, to whom private models are offered."""
        self._label.labels.note(owner_of(request), held)

    def _left(self, request: gr.Request) -> None:
        owner = owner_of(request)
        self._compare.leave(owner)
        self.controllers.first.runs.leave(owner)
        self.controllers.leave(owner)
        self._label.leave(owner)
        self._explain.leave(owner)


def _title(controller: BundleController) -> str:
    return (
        "# Counterfactual Studio\nWhat would have to be different in a picture for the model "
        f"to say something else? *{controller.about['title']}.*"
    )


def _choices(names: Sequence[str]) -> list[tuple[str, str]]:
    """Title and name of each bundle."""
    return [(str(bundles.get(name).manifest.title), name) for name in names]


def _style(controller: BundleController) -> str:
    """Small pictures are shown as the blocks they are, photographs smoothly."""
    if controller.about["image_size"] > canvas.SMALL:
        return ""
    blocks = (
        ".compare img, .frame, #examples img, .question img, .answer img, .answer-grid img, "
        ".labelling .stage img"
    )
    return f"<style>{blocks} {{ image-rendering: pixelated; }}</style>"


def launch_options(names: Sequence[str]) -> dict[str, Any]:
    """Settings of every launch: private, offline, with our style and keys.

    :param names: of the bundles that the page can show, whose example pictures it may send.
    """
    return {
        "theme": gr.themes.Default(),
        "head": _head(),
        "allowed_paths": sorted({path for name in names for path in _shown_folders(name)}),
        "max_file_size": LARGEST_FILE,
        "footer_links": ["api", "settings"],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "pwa": False,
        "share": False,
        "show_error": True,
    }


def _head() -> str:
    """Our styles and scripts. Gradio's own ``css`` splits selectors at every comma, those within
    ``:is()`` and ``:has()`` too, so ours are nested in a rule as strong as its."""
    styles = f".gradio-container.gradio-container.gradio-container {{ {static_text(*STYLES)} }}"
    script = static_text("viewer.js", "kept.js")
    return f"<style>{styles}</style>{shortcuts.script()}<script>{script}</script>"


def _shown_folders(name: str) -> set[str]:
    """Folders of a bundle's examples; what it learnt from is nobody else's business."""
    bundle = bundles.get(name)
    return {
        str((bundle.folder / example.file).parent.absolute()) for example in bundle.own.examples
    }


def launch(
    *, host: str, port: int, bundle: str, engine: str, database: str | None = None,
    mcp: bool = False,
) -> None:  # fmt: skip
    """Serve the page until interrupted.

    :param port: 0 takes a free one.
    :param database: a file or address for people's labels, else the usual place.
    :param mcp: also serve the typed functions as tools of the Model Context Protocol.
    :raises MissingPart: its package is not installed.
    :raises BadInput: an unknown engine, the port is in use, or a database that was named here or
        in the environment cannot be opened.
    """
    engines.require_engine(engine)
    if mcp and find_spec("mcp") is None:
        raise MissingPart('--mcp needs a package; run: pip install "counterfactual-studio[mcp]"')
    port = port or free_port(host)
    _require_port(host, port)
    with _results() as results, closing(engines.opened(engine, [bundle])) as device:
        tasks = BackgroundTasks(device)
        labels = LabelController(database or usual_place(), tasks)
        if database or "database" in settings().model_fields_set:
            labels.database()  # a wrong address is refused now, not when the first label is lost
        runs = Runs(device, service.explain, service.stopped, store=usual_store())
        controller = BundleController(bundle, runs, results, Study(usual_file()), warmed=True)
        names, private = _shown_bundles(bundle), host in LOOPBACK
        page = build(controller, names, labels=labels, private=private).queue(
            max_size=64, default_concurrency_limit=8
        )
        options = launch_options([bundle, *names])
        if private:
            options["max_file_size"] = LARGEST_OWN_FILE

        def known() -> list[str]:
            return [bundle, *_shown_bundles(bundle)]

        questions, managed = (
            ProgramQuestions(runs, known, private),
            Management(device, tasks, known),
        )
        routes = [*api.routes(questions), *label_api.routes(labels.database, managed)]
        options["app_kwargs"] = {"routes": described(routes)}
        try:
            page.launch(server_name=host, server_port=port, mcp_server=mcp, **options)
        finally:
            page.close(verbose=False)


def _shown_bundles(first: str) -> list[str]:
    """Further bundles that can be asked about."""
    found = [name for name in bundles.installed() if bundles.get(name).manifest.class_names]
    return [name for name in found if name != first]


@contextmanager
def _results() -> Iterator[Path]:
    """A folder for people's downloads, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="counterfactual-studio-"))
    try:
        yield folder
    finally:
        for _ in range(REMOVALS):  # a thread that still writes may add a file meanwhile
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(0.1)


def _require_port(host: str, port: int) -> None:
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise BadInput(
                f"port {port} is in use; choose another with --port, or 0 for a free one"
            ) from error
        raise BadInput(
            f"cannot listen on {host}, port {port} ({error.strerror}); choose another address"
        ) from error


def free_port(host: str) -> int:
    """A port that nothing listens on now."""
    try:
        with socket.create_server((host, 0)) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        raise BadInput(f"cannot listen on {host} ({error}); choose another address") from error
