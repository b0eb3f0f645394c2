"""How the page is served: its address, its files, what strangers may fetch."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware

from backends import imaging, service
from backends.errors import BadInput, MissingPart
from backends.settings import settings
from studio import engines
from studio.access import AccessPolicy, Gate
from studio.api import operation
from studio.api import routes as api
from studio.api.description import described
from studio.api.questions import ProgramQuestions
from studio.engines.budgets import Budgets, Kind
from studio.labels import api as label_api
from studio.labels.management import Management
from studio.labels.store import interactive_runs
from studio.labels.store.database import usual_place
from studio.labels.tasks.delete_project import delete_idle
from studio.runs import Runs
from studio.runs.background_tasks import BackgroundTasks
from studio.runs.kept import KeptRuns, usual_store
from studio.runs.results_folder import results_folder
from studio.runs.retention import DAY, Sweeper, remove_older
from studio.runs.steady_clock import steady_time
from studio.runs.study import Study, usual_file
from studio.ui.hosting.event_queue import bound_queue
from studio.ui.hosting.gradio_routes import UsedRoutes, download_nothing
from studio.ui.hosting.languages import LanguageOfThePage, in_languages
from studio.ui.hosting.open_pages import Heartbeats, OpenPages
from studio.ui.hosting.prepared_pages import PreparedPages
from studio.ui.hosting.sessions import use_light_sessions
from studio.ui.hosting.shown_files import trim_shown
from studio.ui.page import build, shown_bundles
from studio.ui.shared import shortcuts
from studio.ui.shared.controller import BundleController
from studio.ui.shared.label_controller import LabelController
from studio.ui.shared.static import script_of_texts, static_text
from studio.ui.theme import theme
from studio.web.log_lines import log_as_json

__all__ = ["free_port", "launch", "launch_options"]

LARGEST_FILE, LARGEST_OWN_FILE = "20mb", "2gb"  # of uploads: by anybody, by the person here
STYLES = (
    "style.css",
    "explain.css",
    "regions.css",
    "advice.css",
    "compare.css",
    "further.css",
    "kept.css",
    "label.css",
    "take_away.css",
)
DARK = ".dark { --color-accent: var(--primary-400) !important; }"  # the theme has one for both
EVENTS = 60  # of one person that wait in the page's queue


def launch(
    *, host: str, port: int, bundle: str, engine: str, database: str | None = None,
    mcp: bool = False,
) -> None:  # fmt: skip
    """Serve the page until interrupted.

    :param port: 0 takes a free one.
    :param database: a file or address for people's labels, else the usual place.
    :param mcp: also serve the typed functions as tools of the Model Context Protocol.
    :raises MissingPart: its package is not installed.
    :raises BadInput: an unknown engine, a file of users that is none, the port is in use, or a
        database that was named here or in the environment cannot be opened.
    """
    engines.require_engine(engine)
    if settings().log_format == "json":
        log_as_json()
    access = AccessPolicy.of(settings(), host)
    os.environ.setdefault("FORWARDED_ALLOW_IPS", "")  # the gate reads whom a proxy forwards for
    _ask_itself_directly(host)
    if mcp and find_spec("mcp") is None:
        raise MissingPart('--mcp needs a package; run: pip install "counterfactual-studio[mcp]"')
    port = port or free_port(host)
    _require_port(host, port)
    budgets = _budgets(access)
    with results_folder() as results, closing(engines.opened(engine, [bundle], budgets)) as device:
        imaging.confine(access.mode != "private")  # visitors' pictures are strangers'
        tasks = BackgroundTasks(device)
        labels = LabelController(database or usual_place(), tasks, access)
        if database or "database" in settings().model_fields_set:
            labels.database()  # a wrong address is refused now, not when the first label is lost
        runs = Runs(
            device, service.explain, service.stopped, store=usual_store(),
            address_going=0 if access.mode == "private" else settings().address_runs,
        )  # fmt: skip
        controller = BundleController(bundle, runs, results, Study(usual_file()), warmed=True)
        names = shown_bundles(bundle)
        pages = _open_pages(access)
        page = in_languages(
            partial(
                build, controller, names, labels=labels, access=access, pages=pages,
                evaluations=settings().evaluations,
            ), _head,
        )  # fmt: skip
        page.queue(max_size=512, default_concurrency_limit=8)
        if access.mode != "private":
            bound_queue(page, EVENTS)
            download_nothing()
        pages.watch(partial(trim_shown, most=settings().upload_megabytes * 1_000_000))
        options = launch_options()
        if access.mode == "private":
            options["max_file_size"] = LARGEST_OWN_FILE

        def known() -> list[str]:
            return [bundle, *shown_bundles(bundle)]

        questions, managed = (
            ProgramQuestions(runs, known, access, labels.hidden),
            Management(device, tasks, known, access),
        )
        checks = {
            "engine": operation.engine_check(device), "disk": operation.disk_check(settings().home),
            "database": labels.check,
        }  # fmt: skip
        routes = [
            *api.routes(questions), *label_api.routes(labels.database, managed),
            *operation.routes(runs, access, checks),
        ]  # fmt: skip
        options["app_kwargs"] = {
            "routes": described(routes),
            "middleware": [
                Middleware(Gate, access=access), Middleware(UsedRoutes),
                Middleware(Heartbeats, pages=pages), Middleware(LanguageOfThePage),
                Middleware(PreparedPages),
            ],
        }  # fmt: skip
        use_light_sessions()
        sweeper = Sweeper(_sweeps(results, runs, labels))
        sweeper.start()
        try:
            page.launch(
                server_name=host, server_port=port, mcp_server=mcp,
                state_session_capacity=settings().sessions, **options,
            )  # fmt: skip
        finally:
            sweeper.close()
            page.close(verbose=False)


def _sweeps(results: Path, runs: Runs, labels: LabelController) -> dict[str, Callable[[], object]]:
    """What is deleted by its age, as the settings say."""
    found = settings()

    def files() -> int:
        return remove_older(results, found.results_days)

    def projects() -> list[str]:
        return delete_idle(labels.database(), found.project_days)

    def evaluations() -> int:
        return remove_older(found.evaluations, found.evaluation_days)

    def unfinished() -> int:
        days = max(found.keep_days, 1)  # a run waits for its person overnight, at least
        return interactive_runs.delete_idle(labels.database(), steady_time() - days * DAY)

    sweeps: dict[str, Callable[[], object]] = {
        "uploads and downloads": files, "evaluations": evaluations, "unfinished runs": unfinished,
    }  # fmt: skip
    if isinstance(runs.store, KeptRuns):
        sweeps["answers"] = runs.store.sweep
    if found.project_days:
        sweeps["projects"] = projects
    return sweeps


def _budgets(access: AccessPolicy) -> Budgets:
    """What each person may take, as the settings say; everything where the machine is theirs."""
    if access.mode == "private":
        return Budgets()
    found = settings()
    limits: dict[Kind, float] = {
        "seconds": found.visitor_seconds, "megapixels": found.visitor_megapixels,
        "megabytes": found.visitor_megabytes,
    }  # fmt: skip
    return Budgets(limits, 60 * found.budget_minutes)


def _open_pages(access: AccessPolicy) -> OpenPages:
    found = settings()
    most = 0 if access.mode == "private" else found.visitor_pages
    return OpenPages(most, 60.0 * found.idle_minutes)


def launch_options() -> dict[str, Any]:
    """Settings of every launch: private, offline, with our style and keys."""
    return {
        "theme": theme(),
        "head": _head(),
        "max_file_size": LARGEST_FILE,
        "footer_links": ["api", "settings"],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "pwa": False,
        "share": False,
        "show_error": True,
        "_frontend": False,  # else a page that takes 3 s on a busy machine ends the start
    }


def _head() -> str:
    """Our styles and scripts. Gradio's own ``css`` splits selectors at every comma, those within
    ``:is()`` and ``:has()`` too, so ours are nested in a rule as strong as its."""
    styles = f".gradio-container.gradio-container.gradio-container {{ {static_text(*STYLES)} }}"
    script = static_text("viewer.js", "kept.js", "early_run.js")
    texts = script_of_texts()
    return f"<style>{DARK} {styles}</style>{texts}{shortcuts.script()}<script>{script}</script>"


def _ask_itself_directly(host: str) -> None:
    """Let gradio's requests to its own address go past a proxy that the environment names."""
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, [known, "localhost", "127.0.0.1", host]))


def _require_port(host: str, port: int) -> None:
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise BadInput(
                "port {port} is in use; choose another with --port, or 0 for a free one", port=port
            ) from error
        raise BadInput(
            "cannot listen on {host}, port {port} ({strerror}); choose another address",
            host=host,
            port=port,
            strerror=error.strerror,
        ) from error


def free_port(host: str) -> int:
    """A port that nothing listens on now."""
    try:
        with socket.create_server((host, 0)) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        raise BadInput(
            "cannot listen on {host} ({error}); choose another address", host=host, error=error
        ) from error
