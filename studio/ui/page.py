"""The whole page: title, tabs, help, and how it is served."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

# Before gradio is imported: nothing is loaded from, or told to, any outside host.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr

from backends import bundles, service
from backends.errors import BadInput
from backends.settings import settings
from studio.engines.core import Engine
from studio.engines.local import LocalEngine
from studio.labels import api
from studio.labels.store.database import usual_place
from studio.runs import Runs
from studio.runs.background import Chores
from studio.runs.pulls import Pulls
from studio.runs.study import Study, usual_file
from studio.ui.compare import tab as compare_tab
from studio.ui.explain import tab as explain_tab
from studio.ui.label import tab as label_tab
from studio.ui.shared import canvas, shortcuts
from studio.ui.shared.controller import Desk
from studio.ui.shared.controllers import Desks
from studio.ui.shared.fetch_parts import FetchPanel
from studio.ui.shared.label_controller import Codes, LabelDesk
from studio.ui.shared.requests import owner_of

__all__ = ["ENGINES", "build", "free_port", "launch", "launch_options"]

HERE = Path(__file__).parent / "static"
ENGINES: dict[str, type[Engine]] = {"local": LocalEngine}
REMOVALS = 10  # attempts to remove the results' folder


def build(
    desk: Desk,
    names: Sequence[str] = (),
    pulls: Pulls | None = None,
    labels: LabelDesk | None = None,
) -> gr.Blocks:
    """The Blocks of a desk.

    :param names: of further bundles that can be chosen on the page.
    :param pulls: fetches what bundles lack.
    :param labels: where people's labels are kept.
    """
    labels = labels or LabelDesk(usual_place(), Chores(desk.runs.engine))
    desks = Desks(desk, names)
    # Old previews are deleted after a day, looked for each hour.
    with gr.Blocks(
        title="Counterfactual Studio", delete_cache=(3600, 86400), fill_width=True
    ) as page:
        with gr.Row(equal_height=True):
            title = gr.Markdown(_title(desk), elem_id="page-title")
            bundle = gr.Dropdown(
                [(_named(name), name) for name in desks.names], value=desk.bundle, label="Bundle",
                info="The domain: its pictures, its models", elem_id="bundle", scale=0,
                min_width=260, visible=len(desks.names) > 1,
            )  # fmt: skip
        # Outside the tabs, of which the hidden ones would not read what the browser keeps; with
        # fixed words, or each start of the studio would forget who its people are.
        codes = gr.BrowserState({}, storage_key="studio-labels", secret="studio-labels")
        person = gr.BrowserState("", storage_key="studio-person", secret="studio-person")
        style = gr.HTML(_style(desk), elem_classes="only-style")
        fetch = FetchPanel(desks, pulls or Pulls(service.pull))
        with gr.Tabs() as tabs:
            with gr.Tab("Explain", id="explain"):
                ours = explain_tab.build(desks, bundle, labels, person, page.load)
            with gr.Tab("Compare", id="compare") as tab:
                theirs = compare_tab.build(desks, ours.question, tabs, tab)
            with gr.Tab("Label", id="label") as room:
                people = label_tab.build(desks, bundle, labels, codes, room)
        with gr.Accordion("Keyboard", open=False):
            gr.Markdown(shortcuts.help_sheet())

        def opened(desk: Desk, fresh: bool = True) -> dict[Any, Any]:
            """Updates of the whole page for a bundle."""
            return {
                title: _title(desk), style: _style(desk), **fetch.opened(desk, fresh),
                **ours.opened(desk, fresh), **theirs.opened(desk),
            }  # fmt: skip

        places = list(opened(desk))
        built = desk.refreshed

        def open_bundle(name: str, held: Codes | None, request: gr.Request) -> dict[Any, Any]:
            desk = desks[name]
            desks.now(owner_of(request), None)
            desk.refresh()
            return opened(desk) | people.load(name, held)

        def catch_up() -> dict[Any, Any]:
            """What was fetched after the page was built is told to those who come later."""
            return opened(desk) if desk.refreshed > built else {title: gr.skip()}

        bundle.input(
            open_bundle, [bundle, codes], [*places, *people.places], api_visibility="private"
        )
        page.load(catch_up, None, places, show_progress="hidden", api_visibility="private")
        page.load(
            people.load, [bundle, codes], people.places, show_progress="hidden",
            api_visibility="private",
        )  # fmt: skip
        fetched = fetch.wire(bundle, ours.language.fetch, lambda desk: opened(desk, False), places)
        for event in fetched:
            ours.language.look_again(event.then)

        people.training.wire(desks.refresh, lambda desk: opened(desk, False), desks, places)

        def left(request: gr.Request) -> None:
            theirs.comparisons.leave(owner_of(request))
            desk.runs.leave(owner_of(request))
            desks.leave(owner_of(request))
            ours.leave(owner_of(request))

        page.unload(left)
    return page


def _title(desk: Desk) -> str:
    return (
        "# Counterfactual Studio\nWhat would have had to be different in this picture "
        f"for the model to say something else? *Bundle: {desk.about['title']}.*"
    )


def _named(name: str) -> str:
    return str(bundles.get(name).manifest.title)


def _style(desk: Desk) -> str:
    """Small pictures are shown as the blocks they are, photographs smoothly."""
    if desk.about["image_size"] > canvas.SMALL:
        return ""
    blocks = (
        ".compare img, .frame, #examples img, .question img, .answer img, .labelling .stage img"
    )
    return f"<style>{blocks} {{ image-rendering: pixelated; }}</style>"


def launch_options(names: Sequence[str]) -> dict[str, Any]:
    """Settings of every launch: private, offline, with our style and keys.

    :param names: of the bundles that the page can show, whose example pictures it may send.
    """
    return {
        "theme": gr.themes.Default(),
        "css": (HERE / "style.css").read_text(),
        "head": shortcuts.script(),
        "allowed_paths": [str(bundles.get(name).folder.absolute()) for name in names],
        "max_file_size": "20mb",
        "footer_links": ["api", "settings"],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "pwa": False,
        "share": False,
        "show_error": True,
    }


def launch(*, host: str, port: int, bundle: str, engine: str, database: str | None = None) -> None:
    """Serve the page until interrupted.

    :param port: 0 takes a free one.
    :param database: a file or address for people's labels, else the usual place.
    :raises BadInput: an unknown engine, the port is in use, or a database that was named here or
        in the environment cannot be opened.
    """
    if engine not in ENGINES:
        raise BadInput(f"there is no engine {engine!r}; choose from: {', '.join(ENGINES)}")
    port = port or free_port(host)
    _require_port(host, port)
    with _results() as results, closing(ENGINES[engine]()) as device:
        labels = LabelDesk(database or usual_place(), Chores(device))
        if database or "database" in settings().model_fields_set:
            labels.database()  # a wrong address is refused now, not when the first label is lost
        runs = Runs(device, service.explain, service.stopped)
        desk = Desk(bundle, runs, results, Study(usual_file()), warmed=True)
        names = [name for name in bundles.installed() if bundles.get(name).manifest.class_names]
        page = build(desk, names, labels=labels).queue(max_size=64, default_concurrency_limit=8)
        options = launch_options([bundle, *names])
        options["app_kwargs"] = {"routes": api.routes(labels.database)}
        try:
            page.launch(server_name=host, server_port=port, **options)
        finally:
            page.close(verbose=False)


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
