"""The page's own document and its description, kept as they were sent before.

Gradio makes them for each visit by copying and searching every control's settings, which takes
longer than a short run; they are the same for all who call the studio by the same name and read
the same language.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.translation import language

__all__ = ["PreparedPages"]

PATHS = ("/", "/config", "/gradio_api/info")
NAMES = ("host", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix", "x-direct-url")
KEPT = 16  # documents; a studio is called by few names


class PreparedPages:
    """ASGI middleware, inside of what checks a request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._kept: OrderedDict[tuple[Any, ...], list[Message]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is kept, or let the request through and keep what comes."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] not in PATHS:
            await self._app(scope, receive, send)
            return
        headers, query = Headers(scope=scope), scope["query_string"]
        if b"deep_link" in query or b"page" in query:
            await self._app(scope, receive, send)
            return
        named = tuple(headers.get(name, "") for name in NAMES)
        key = (scope["path"], scope["scheme"], scope.get("root_path", ""), language(), *named)
        if key in self._kept:
            for message in self._kept[key]:
                await send(dict(message))
            return
        sent: list[Message] = []

        async def keep_and_send(message: Message) -> None:
            sent.append(dict(message))
            await send(message)

        await self._app(scope, receive, keep_and_send)
        if sent and sent[0].get("status") == 200 and not _has_cookie(sent[0]):
            self._kept[key] = sent
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)


def _has_cookie(start: Message) -> bool:
    return any(name.lower() == b"set-cookie" for name, _ in start.get("headers", []))
