"""Restrict gradio's own routes to those that the page and its clients use.

Gradio also serves files of other hosts under the studio's origin (``file=https://…``), converts
videos, and downloads files that an input names.
"""

from __future__ import annotations

from typing import NoReturn

import gradio as gr
from gradio import processing_utils
from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.translation import _

__all__ = ["UsedRoutes", "download_nothing"]

ROOT = "/gradio_api/"
USED = (
    "api", "app_id", "call", "cancel", "component_server", "heartbeat", "info", "login_check",
    "mcp", "openapi.json", "queue", "reset", "run", "startup-events", "theme.css", "token",
    "upload", "upload_progress", "user",
)  # fmt: skip
FILES = "file="
# Scripts in a served file must not run with the studio's origin.
CONTAINED = "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'"


class UsedRoutes:
    """ASGI middleware that answers 404 for gradio's routes that the page does not use."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        _before, gradios, rest = scope.get("path", "").partition(ROOT)
        if not gradios or scope["type"] != "http":
            await self._app(scope, receive, send)
        elif not _is_used(rest):
            await JSONResponse({"error": "the studio has no such page"}, 404)(scope, receive, send)
        elif rest.startswith(FILES):
            await self._app(scope, receive, _contained(send))
        else:
            await self._app(scope, receive, send)


def _is_used(rest: str) -> bool:
    if rest.startswith(FILES):
        return "://" not in rest and not rest.removeprefix(FILES).startswith("//")
    return rest.split("/", 1)[0] in USED


def _contained(send: Send) -> Send:
    async def send_contained(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Content-Security-Policy"] = CONTAINED
        await send(message)

    return send_contained


def download_nothing() -> None:
    """Disable gradio's downloads: an input could name the address of a file of any size."""

    def refuse(url: str, cache_dir: str) -> NoReturn:
        raise gr.Error(_("The studio fetches nothing for you; send the file itself."))

    async def refuse_later(url: str, cache_dir: str) -> NoReturn:
        refuse(url, cache_dir)

    processing_utils.async_ssrf_protected_download = refuse_later
    processing_utils.ssrf_protected_download = processing_utils.save_url_to_cache = refuse
