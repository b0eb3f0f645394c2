"""Middleware for all requests: the client's address, its limits, and who has logged in."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Literal
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backends.errors import StudioError, TooMuch, Unreachable
from backends.settings import on_a_space
from studio.access.openid import LoggedIn, OpenID
from studio.access.rights import HUB, USER, AccessPolicy
from studio.access.tries import Tries

__all__ = ["Gate"]

OPEN = ("/healthz", "/gradio_api/startup-events")  # asked by what watches the studio, and by itself
GUESSES = 2  # passwords that are checked at once: each takes 16 MB
BURST = 10  # seconds' worth of requests that an address may send at once
# A refusal is delayed: a program that floods the studio waits for each answer before its next
# request, and prompt refusals would take most of the studio's processor time.
LATE, WAIT = 1.0, 200  # seconds of delay, and most refusals that are delayed at once
COOKIE, HOURS, SESSIONS = "studio-session", 12, 10_000
BEGUN = "studio-login"  # the cookie of a login under way
CODES = "/labels/"  # where access codes are asked for
LOGIN = ("/login", "/auth", "/logout")
NOBODY = LoggedIn("")
REALM = 'Basic realm="Counterfactual Studio", charset="UTF-8"'


class Gate:
    """ASGI middleware. It finds the client's address, limits requests per address, refuses pages
    of other origins, checks logins, and passes the user's name on in a header."""

    def __init__(self, app: ASGIApp, access: AccessPolicy) -> None:
        self._app, self._access = app, access
        self._guessing = asyncio.Semaphore(GUESSES)
        self._passwords, self._codes = Tries(), Tries()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # left, and when
        self._late = 0  # refusals that are delayed now
        # Who, and until when, by the cookie's token.
        self._sessions: OrderedDict[str, tuple[LoggedIn, float]] = OrderedDict()
        self._tokens: dict[str, str] = {}  # of who logged in with a password, by name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        peer = str((scope.get("client") or ("",))[0])
        address = self._address(peer, headers)
        refusal = _foreign(headers)
        person = self._known(peer, headers)
        if not self._may_ask(address):
            refusal = await self._too_fast()
        elif refusal is None and self._access.openid and scope["path"] in LOGIN:
            refusal = await self._logs_in(self._access.openid, Request(scope), headers)
        elif refusal is None and not person.name and self._asks(scope):
            person, refusal = await self._checked(address, headers)
            if person.name:
                send = self._remembering(scope, person, send)
            elif refusal is None:
                refusal = self._asks_to_log_in(scope, headers)
        if refusal is None and scope["path"].startswith(CODES):
            refusal = _too_many(self._codes, address, "access codes")
            send = self._counting(address, send)
        if refusal is None:
            hub = self._access.openid is not None and self._access.openid.of_the_hub
            told = _told(scope["headers"], person, hub)
            await self._app(dict(scope, headers=told, client=(address, 0)), receive, send)
        elif scope["type"] == "http":
            await refusal(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _asks(self, scope: Scope) -> bool:
        """Whether a request is answered only for people who have logged in."""
        return self._access.login and scope["path"] not in OPEN

    async def _too_fast(self) -> Response:
        """Refuse a request above the limit: after :data:`LATE` seconds, or at once while
        :data:`WAIT` other refusals are delayed."""
        if self._late < WAIT:
            self._late += 1
            try:
                await asyncio.sleep(LATE)
            finally:
                self._late -= 1
        text = "too many requests come from your address; wait a few seconds"
        return _refusal(text, 429, Retry_After="5")

    def _asks_to_log_in(self, scope: Scope, headers: Headers) -> Response:
        """To the provider, where there is one and a browser asks for a page; else a refusal."""
        if self._access.openid is None:
            return _refusal("log in with your name and password", 401, WWW_Authenticate=REALM)
        page = scope["type"] == "http" and scope["method"] == "GET"
        if page and "text/html" in headers.get("accept", ""):
            query = scope["query_string"].decode("latin-1")
            back = scope["path"] + (f"?{query}" if query else "")
            return RedirectResponse(f"/login?next={quote(back, safe='')}", 303)
        named = {"WWW_Authenticate": REALM} if self._access.users.names else {}
        return _refusal("log in at /login first", 401, **named)

    async def _logs_in(self, openid: OpenID, request: Request, headers: Headers) -> Response:
        """What ``/login``, ``/auth`` and ``/logout`` answer."""
        address = f"{request.url.scheme}://{headers.get('host', '')}"
        https = openid.called(address).startswith("https:")
        try:
            if request.url.path == "/login":
                where, state = await openid.begin(address, _own(request.query_params.get("next")))
                reply: Response = RedirectResponse(where, 303)
                _set(reply, BEGUN, state, 600, https)
                return reply
            if request.url.path == "/logout":
                self._sessions.pop(request.cookies.get(COOKIE, ""), None)
                reply = RedirectResponse("/", 303)
                _set(reply, COOKIE, "", 0, https)
                return reply
            kept = request.cookies.get(BEGUN, "")
            person, back = await openid.finish(dict(request.query_params), kept)
        except StudioError as error:
            return _refusal(str(error), 503 if isinstance(error, Unreachable) else 403)
        reply = RedirectResponse(back, 303)
        _set(reply, BEGUN, "", 0, https)
        _set(reply, COOKIE, self._session(person), HOURS * 3600, https)
        return reply

    def _known(self, peer: str, headers: Headers) -> LoggedIn:
        """The user whom a trusted proxy names, else that of the session cookie; the name is empty
        for none.

        The page's scripts need the cookie, because they send a bearer token in the header of name
        and password. Another name in that header overrides the cookie.
        """
        if self._access.header and self._access.is_proxy(peer):
            return LoggedIn(headers.get(self._access.header, "").strip())
        token = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        person, until = self._sessions.get(token, (NOBODY, 0.0))
        named, _ = _basic(headers.get("authorization", ""))
        return person if time.monotonic() < until and named in ("", person.name) else NOBODY

    def _counting(self, address: str, send: Send) -> Send:
        """Count the access codes that are nobody's."""

        async def send_and_count(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 401:
                self._codes.wrong(address)
            await send(message)

        return send_and_count

    def _session(self, person: LoggedIn) -> str:
        """The token of a new session."""
        token = secrets.token_urlsafe(32)
        self._sessions[token] = person, time.monotonic() + HOURS * 3600
        while len(self._sessions) > SESSIONS:
            self._sessions.popitem(last=False)
        return token

    def _remembering(self, scope: Scope, person: LoggedIn, send: Send) -> Send:
        """Send the reply with the cookie of the person's session. Logins with a password share one
        session for each person, so that programs without cookies do not fill the table."""
        token = self._tokens.get(person.name, "")
        if token in self._sessions:
            self._sessions.move_to_end(token)
            self._sessions[token] = person, time.monotonic() + HOURS * 3600
        else:
            self._tokens[person.name] = token = self._session(person)
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
        # Some proxies add a line of their own, behind what the client has sent.
        lines = ",".join(headers.getlist("x-forwarded-for"))
        named = [one.strip() for one in lines.split(",")]
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

    async def _checked(self, address: str, headers: Headers) -> tuple[LoggedIn, Response | None]:
        """Check name and password; return the person, and a refusal if the address had too many
        wrong passwords.

        The limit is checked when it is the password's turn, because many can be sent at once.
        """
        name, password = _basic(headers.get("authorization", ""))
        if not name:
            return NOBODY, _too_many(self._passwords, address, "passwords")
        async with self._guessing:
            refusal = _too_many(self._passwords, address, "passwords")
            if refusal is not None:
                return NOBODY, refusal
            # Counted before the check, because two passwords are checked at the same time.
            noted = self._passwords.wrong(address)
            if await asyncio.to_thread(self._access.users.check, name, password):
                self._passwords.forget(address, noted)
                return LoggedIn(name), None
        return NOBODY, None


def _foreign(headers: Headers) -> Response | None:
    """A refusal of what a page of another origin sends; None for others."""
    origin = headers.get("origin", "")
    if not origin:
        return None
    own = {headers.get("host", ""), headers.get("x-forwarded-host", "")} - {""}
    with contextlib.suppress(ValueError):  # no address at all
        if urlsplit(origin).netloc in own:
            return None
    return _refusal(
        "this request comes from the page of another site; open the studio's own page", 403
    )


def _too_many(tries: Tries, address: str, what: str) -> Response | None:
    """A refusal of an address that was wrong too often; None for others."""
    try:
        tries.require(address, what)
    except TooMuch as error:
        return _refusal(str(error), 429, Retry_After=f"{error.wait:.0f}")
    return None


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


def _told(
    headers: Iterable[tuple[bytes, bytes]], person: LoggedIn, hub: bool
) -> list[tuple[bytes, bytes]]:
    """The headers with the name of the person, with their token where it is the ``hub``'s, and with
    none that was sent as such."""
    ours = (USER.encode(), HUB.encode())
    own = [(key, value) for key, value in headers if key.lower() not in ours]
    if person.name:
        own.append((USER.encode(), quote(person.name).encode()))
    if hub and person.token:
        own.append((HUB.encode(), person.token.encode()))
    return own


def _own(path: str | None) -> str:
    """A path of this studio to come back to; nobody is sent to another site."""
    plain = path or "/"
    return plain if plain.startswith("/") and not plain.startswith(("//", "/\\")) else "/"


def _set(reply: Response, name: str, value: str, seconds: int, https: bool) -> None:
    """Set a cookie; a Space's page is a frame of the hub's."""
    site: Literal["lax", "none"] = "none" if on_a_space() else "lax"
    reply.set_cookie(name, value, seconds, httponly=True, secure=https, samesite=site)
