"""Routes for those who operate a studio: its health, and metrics for Prometheus."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.routing import BaseRoute

from backends.errors import NotAllowed, StudioError
from backends.version import studio_version
from studio.access import AccessPolicy
from studio.access.rights import LOOPBACK
from studio.engines.core import Engine
from studio.runs import Runs
from studio.runs.metrics import GOING, INFO
from studio.web.sentences import route

__all__ = ["disk_check", "engine_check", "routes"]

Check = Callable[[], None]
PATIENCE = 5.0  # seconds for all checks
LEAST = 200_000_000  # bytes that should be free


def routes(runs: Runs, access: AccessPolicy, checks: Mapping[str, Check]) -> list[BaseRoute]:
    """Routes ``/healthz`` and ``/metrics``.

    :param checks: each raises a :class:`StudioError` that says what is wrong.
    """
    router = APIRouter(tags=["operation"], route_class=route(0))
    INFO.info({"version": studio_version()})

    @router.get("/healthz")
    async def healthz() -> Response:
        """Say whether engine, database and disk are well; 503 where one is not."""
        found = await asyncio.gather(*(_state(check) for check in checks.values()))
        states = dict(zip(checks, found, strict=True))
        well = all(state == "ok" for state in states.values())
        return JSONResponse({"ok": well, **states}, 200 if well else 503)

    @router.get("/metrics")
    def metrics(request: Request) -> Response:
        """Return the metrics, to this machine and to administrators."""
        near = request.client is not None and request.client.host in LOOPBACK
        proxied = "x-forwarded-for" in request.headers
        if not access.administers(request) and (not near or proxied):
            raise NotAllowed(
                "only this machine and the studio's administrators may read the metrics"
            )
        for state, number in runs.counts().items():
            GOING.labels(state).set(number)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return list(router.routes)


async def _state(check: Check) -> Any:
    try:
        await asyncio.wait_for(asyncio.to_thread(check), PATIENCE)
    except StudioError as error:
        return str(error)
    except TimeoutError:
        return f"no answer for {PATIENCE:g} seconds"
    return "ok"


def engine_check(engine: Engine) -> Check:
    """Whether the engine takes steps."""

    def check() -> None:
        if problem := engine.problem():
            raise StudioError(problem)

    return check


def disk_check(folder: Path) -> Check:
    """Whether something can still be kept."""

    def check() -> None:
        there = next(place for place in (folder, *folder.parents) if place.exists())
        free = shutil.disk_usage(there).free
        if free < LEAST:
            raise StudioError("only {free} MB are free for labels and runs", free=free // 1000000)

    return check
