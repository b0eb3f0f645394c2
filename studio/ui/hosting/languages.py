"""The page in the language of whoever opens it, and its events in theirs.

Gradio serves one page, the configuration of one Blocks. The same code builds that page once for
each language: numbers and events are alike, texts differ. What is served is the page of the
language that the browser asks for; its events run in the first one's functions, which answer in
the language that the event's request asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradio.context import Context, LocalContext
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.translation import ENGLISH, LANGUAGES, follow, language, preferred, speaking
from studio.ui.hosting.sessions import LightBlocks

__all__ = ["LanguageOfThePage", "TranslatedBlocks", "in_languages"]

PAGES = ("/", "/config")


class TranslatedBlocks(LightBlocks):
    """Blocks whose configuration is read in the language at hand."""

    _config: Mapping[str, Any]
    _translated: Mapping[str, Mapping[str, Any]] = {}

    @property
    def config(self) -> Any:
        """What a page is made of; gradio sets it, in English, and serves it."""
        return {**self._config, **self._translated.get(language(), {})}

    @config.setter
    def config(self, config: Mapping[str, Any]) -> None:
        self._config = config

    def translate(self, parts: Mapping[str, Mapping[str, Any]]) -> None:
        """Take what differs in further languages, by language."""
        self._translated = parts


def in_languages(
    build: Callable[[], TranslatedBlocks],
    head: Callable[[], str],
    languages: Sequence[str] = LANGUAGES,
) -> TranslatedBlocks:
    """The page that can be read in every language.

    :param build: builds it in the language at hand, each time alike.
    :param head: markup for its head.
    """
    follow(_of_the_event)
    first = Context.id
    page = build()
    last = Context.id
    parts = {}
    for name in languages:
        if name == ENGLISH:
            continue
        Context.id = first
        with speaking(name):
            other = build().config
            parts[name] = {
                "components": other["components"], "title": other["title"], "head": head(),
            }  # fmt: skip
        require_alike(page.config, other)
    Context.id = last
    page.translate(parts)
    return page


def require_alike(page: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """Two languages' pages have the same controls and events.

    :raises RuntimeError: they have not, so that an event would tell the wrong control.
    """
    kinds = [[(one["id"], one["type"]) for one in each["components"]] for each in (page, other)]
    if kinds[0] != kinds[1] or page["dependencies"] != other["dependencies"]:
        raise RuntimeError("the page is not built alike in every language")


def _of_the_event() -> str | None:
    """The language of the browser whose event runs; None where none does."""
    headers = getattr(LocalContext.request.get(None), "headers", None)
    return None if headers is None else preferred(headers.get("accept-language", ""))


class LanguageOfThePage:
    """Middleware that serves the page in the language that the browser asks for; everything else,
    the HTTP API too, stays English."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["path"] not in PAGES:
            await self._app(scope, receive, send)
            return
        name = preferred(Headers(scope=scope).get("accept-language", ""))
        with speaking(name):
            await self._app(scope, receive, _Spoken(name, send))


class _Spoken:
    """Sends the page, whose frame is gradio's and English, with its true language."""

    def __init__(self, name: str, send: Send) -> None:
        self._name, self._send = name, send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Language"] = self._name
            headers.add_vary_header("Accept-Language")
            self._start = message
            return
        if self._start is None or message["type"] != "http.response.body":
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        headers = MutableHeaders(scope=self._start)
        if headers.get("content-type", "").startswith("text/html") and self._body:
            told = f'lang="{self._name}"'.encode()
            self._body = self._body.replace(f'lang="{ENGLISH}"'.encode(), told, 1)
            headers["Content-Length"] = str(len(self._body))
        start, self._start = self._start, None
        await self._send(start)
        await self._send({**message, "body": self._body})
