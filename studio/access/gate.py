"""Middleware for all requests: the client's address, its limits, and who has logged in."""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.access.rights import USER, AccessPolicy

__all__ = ["Gate"]

OPEN = ("/healthz", "/gradio_api/startup-events")  # asked by what watches the studio, and by itself
GUESSES = 2  # passwords that are checked at once: each takes 16 MB
BURST = 10  # seconds' worth of requests that an address may send at once
COOKIE, HOURS, SESSIONS = "studio-session", 12, 10_000
TRIES, WINDOW = 20, 60.0  # wrong passwords from an address, in seconds
REALM = 'Basic realm="Counterfactual Studio", charset="UTF-8"'


class Gate:
    """ASGI middleware. It finds the client's address, limits requests per address, refuses pages
    of other origins, checks logins, and passes the user's name on in a header."""

    def __init__(self, app: ASGIApp, access: AccessPolicy) -> None:
        self._app, self._access = app, access
        self._guessing = asyncio.Semaphore(GUESSES)
        self._wrong: dict[str, list[float]] = {}  # when, by address
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # left, and when
        self._sessions: OrderedDict[str, tuple[str, float]] = OrderedDict()  # name, and until when

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        peer = str((scope.get("client") or ("",))[0])
        address = self._address(peer, headers)
        refusal = _foreign(headers)
        name = ""
        if refusal is None and not self._may_ask(address):
            text = "too many requests come from your address; wait a few seconds"
            refusal = _refusal(text, 429, Retry_After="5")
        elif refusal is None and self._access.login and scope["path"] not in OPEN:
            name = self._known(headers)
            if not name and len(self._lately(address)) >= TRIES:
                text = "too many wrong passwords come from your address; wait a minute"
                refusal = _refusal(text, 429, Retry_After=f"{WINDOW:.0f}")
            elif not name and (name := await self._who(peer, address, headers)):
                send = self._remembering(scope, name, send)
            elif not name:
                text = "log in with your name and password"
                refusal = _refusal(text, 401, WWW_Authenticate=REALM)
        if refusal is None:
            told = dict(scope, headers=_told(scope["headers"], name), client=(address, 0))
            await self._app(told, receive, send)
        elif scope["type"] == "http":
            await refusal(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _known(self, headers: Headers) -> str:
        """The user of the session cookie; empty for none. The page's scripts need it, because they
        send a bearer token in the header of name and password."""
        token = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        name, until = self._sessions.get(token, ("", 0.0))
        return name if time.monotonic() < until else ""

    def _remembering(self, scope: Scope, name: str, send: Send) -> Send:
        """Send the reply with a session's cookie."""
        token = secrets.token_urlsafe(32)
        self._sessions[token] = name, time.monotonic() + HOURS * 3600
        while len(self._sessions) > SESSIONS:
            self._sessions.popitem(last=False)
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        cookie = f"{COOKIE}={token}; Path=/; Max-Age={HOURS * 3600}; HttpOnly; SameSite=Lax{secure}"

        async def send_with_it(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", []), (b"set-cookie", cookie.encode())
                ]  # fmt: skip
            await send(message)

        return send_with_it

    def _address(self, peer: str, headers: Headers) -> str:
        """The client's address: behind trusted proxies the last one of X-Forwarded-For that is no
        proxy itself."""
        if not self._access.is_proxy(peer):
            return peer
        named = [one.strip() for one in headers.get("x-forwarded-for", "").split(",")]
        return next(
            (one for one in reversed(named) if one and not self._access.is_proxy(one)), peer
        )

    def _may_ask(self, address: str) -> bool:
        """Whether an address may send a request now (token bucket)."""
        rate = self._access.rate
        if not rate:
            return True
        now = time.monotonic()
        left, before = self._buckets.pop(address, (float(rate * BURST), now))
        left = min(left + (now - before) * rate, float(rate * BURST))
        self._buckets[address] = max(left - 1, 0.0), now
        while len(self._buckets) > SESSIONS:
            self._buckets.popitem(last=False)
        return left >= 1

    async def _who(self, peer: str, address: str, headers: Headers) -> str:
        """The name of the person; empty for nobody who is known."""
        access = self._access
        if access.header and access.is_proxy(peer):
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
    return _refusal(
        "this request comes from the page of another site; open the studio's own page", 403
    )


def _refusal(sentence: str, status: int, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse({"error": sentence}, status, headers=named)


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
    return [*own, (USER.encode(), quote(name).encode())] if name else own
