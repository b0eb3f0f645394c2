"""The gate that every request passes: who comes from where, and as whom."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from studio.access.rights import USER, AccessPolicy

__all__ = ["Gate"]

OPEN = ("/healthz", "/gradio_api/startup-events")  # asked by what watches the studio, and by itself
GUESSES = 2  # passwords that are checked at once: each takes 16 MB
TRIES, WINDOW = 20, 60.0  # wrong passwords from an address, in seconds
REALM = {"WWW-Authenticate": 'Basic realm="Counterfactual Studio", charset="UTF-8"'}


class Gate:
    """An ASGI application before another one. It answers no page of another origin, asks who
    somebody is where people log in, and says so to what is behind it."""

    def __init__(self, app: ASGIApp, access: AccessPolicy) -> None:
        self._app, self._access = app, access
        self._guessing = asyncio.Semaphore(GUESSES)
        self._wrong: dict[str, list[float]] = {}  # when, by address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = _foreign(headers)
        name = ""
        if refusal is None and self._access.login and scope["path"] not in OPEN:
            address = str((scope.get("client") or ("",))[0])
            if len(self._lately(address)) >= TRIES:
                refusal = _tried()
            elif not (name := await self._who(address, headers)):
                refusal = _unknown()
        if refusal is None:
            told = dict(scope, headers=_told(scope["headers"], name))
            await self._app(told, receive, send)
        elif scope["type"] == "http":
            await refusal(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _who(self, address: str, headers: Headers) -> str:
        """The name of the person; empty for nobody who is known."""
        access = self._access
        if access.header and address in access.proxies:
            return headers.get(access.header, "").strip()
        name, password = _basic(headers.get("authorization", ""))
        if not name:
            return ""
        async with self._guessing:
            if await asyncio.to_thread(access.users.check, name, password):
                return name
        self._wrong.setdefault(address, []).append(time.monotonic())
        return ""

    def _lately(self, address: str) -> list[float]:
        """When an address was wrong within the window; older times are forgotten, of all."""
        begin = time.monotonic() - WINDOW
        self._wrong = {
            one: kept for one, times in self._wrong.items()
            if (kept := [at for at in times if at > begin])
        }  # fmt: skip
        return self._wrong.get(address, [])


def _foreign(headers: Headers) -> Response | None:
    """A refusal of what a page of another origin sends; None for others."""
    origin = headers.get("origin", "")
    if not origin:
        return None
    own = {headers.get("host", ""), headers.get("x-forwarded-host", "")} - {""}
    if urlsplit(origin).netloc in own:
        return None
    text = "the page of another site asks this; open the studio itself"
    return JSONResponse({"error": text}, 403)


def _unknown() -> Response:
    text = "log in with your name and password"
    return JSONResponse({"error": text}, 401, headers=REALM)


def _tried() -> Response:
    text = "too many wrong passwords came from your address; wait a minute"
    return JSONResponse({"error": text}, 429, headers={"Retry-After": str(int(WINDOW))})


def _basic(header: str) -> tuple[str, str]:
    """Name and password of RFC 7617; empty where there are none."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, password = base64.b64decode(token, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return "", ""
    return name, password


def _told(headers: Iterable[tuple[bytes, bytes]], name: str) -> list[tuple[bytes, bytes]]:
    """The headers with the name of the person, and with none that was sent as such."""
    own = [(key, value) for key, value in headers if key.lower() != USER.encode()]
    return [*own, (USER.encode(), name.encode())] if name else own
