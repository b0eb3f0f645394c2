"""The whole page: title, tabs, help, and how it is served."""

from __future__ import annotations

import atexit
import errno
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any

# Before gradio is imported: nothing is loaded from, or told to, any outside host.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr

from backends import jobs
from backends.errors import BadInput
from studio.engines.core import Engine
from studio.engines.local import LocalEngine
from studio.runs import Runs
from studio.study import Study, usual_file
from studio.ui import compare, explain, keys
from studio.ui.desk import Desk

__all__ = ["ENGINES", "build", "free_port", "launch", "launch_options"]

HERE = Path(__file__).parent
ENGINES: dict[str, type] = {"local": LocalEngine}


def build(desk: Desk) -> gr.Blocks:
    """The Blocks of a desk."""
    # Old previews are deleted after a day, looked for each hour.
    with gr.Blocks(
        title="Counterfactual Studio", delete_cache=(3600, 86400), fill_width=True
    ) as page:
        gr.Markdown(
            "# Counterfactual Studio\nWhat would have had to be different in this picture "
            f"for the model to say something else? *Bundle: {desk.about['title']}.*",
            elem_id="page-title",
        )
        with gr.Tabs() as tabs:
            with gr.Tab("Explain", id="explain"):
                question = explain.build(desk)
            with gr.Tab("Compare", id="compare") as tab:
                comparisons = compare.build(desk, question, tabs, tab)
        with gr.Accordion("Keyboard", open=False):
            gr.Markdown(keys.help_sheet())

        def left(request: gr.Request) -> None:
            comparisons.stop_owned(str(request.session_hash))
            desk.runs.stop_owned(str(request.session_hash))

        page.unload(left)
    return page


def launch_options(assets: Path) -> dict[str, Any]:
    """Settings of every launch: private, offline, with our style and keys."""
    return {
        "theme": gr.themes.Default(),
        "css": (HERE / "style.css").read_text(),
        "head": keys.script(),
        "allowed_paths": [str(assets)],
        "max_file_size": "20mb",
        "footer_links": ["api", "settings"],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "pwa": False,
        "share": False,
        "show_error": True,
    }


def launch(*, host: str, port: int, bundle: str, engine: str) -> None:
    """Serve the page until interrupted.

    :param port: 0 takes a free one.
    :raises BadInput: an unknown engine, or the port is in use.
    """
    if engine not in ENGINES:
        raise BadInput(f"there is no engine {engine!r}; choose from: {', '.join(ENGINES)}")
    port = port or free_port(host)
    _require_port(host, port)
    results = Path(tempfile.mkdtemp(prefix="counterfactual-studio-"))
    atexit.register(shutil.rmtree, results, ignore_errors=True)
    device: Engine = ENGINES[engine]()
    runs = Runs(device, jobs.explain, jobs.stopped)
    desk = Desk(bundle, runs, results, Study(usual_file()))
    device.submit(lambda: jobs.warm(bundle), "studio", lambda event: None)
    page = build(desk).queue(max_size=64, default_concurrency_limit=8)
    options = launch_options(desk.folder)
    page.launch(server_name=host, server_port=port, **options)


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
