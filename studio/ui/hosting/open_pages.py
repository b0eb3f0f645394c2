"""Which pages are open, of whom, and which of them give a sign of life.

A browser keeps a heartbeat while a page is open, and gradio closes the page when that ends. Callers
that keep none would stay for ever: their pages are closed when nothing came of them for a time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from backends.errors import TooMuch
from backends.sentences import Sentence
from studio.engines.budgets import wait_text
from studio.engines.owners import group_at

__all__ = ["Heartbeats", "OpenPages"]

log = logging.getLogger(__name__)
HEARTBEAT = "/gradio_api/heartbeat/"
LOOKS = 20.0  # seconds between two looks for pages without a sign of life


@dataclass
class _OpenPage:
    session: str
    seen: float


class OpenPages:
    """The pages of all visitors; safe to use from several threads.

    :param most: of one login or address; 0 is no limit.
    :param idle: seconds without a sign of life after which a page is closed.
    :param clock: seconds that never go back.
    """

    def __init__(
        self, most: int = 0, idle: float = 600.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._idle, self._clock = most, idle, clock
        self._pages: OrderedDict[str, _OpenPage] = OrderedDict()  # by owner
        self._beating: Counter[str] = Counter()  # heartbeats by session
        self._lock = threading.RLock()
        self._closing: Callable[[str, str], None] = lambda owner, session: None
        self._busy: Callable[[str], bool] = lambda owner: False

    def on_close(self, close: Callable[[str, str], None], busy: Callable[[str], bool]) -> None:
        """Let ``close`` end an owner's page and its session; pages of whom something is ``busy``
        are not closed."""
        self._closing, self._busy = close, busy

    def seen(self, owner: str, session: str) -> None:
        """Note that an event came of a page.

        :raises TooMuch: it is a new one, and its person has as many open as they may.
        """
        with self._lock:
            page = self._pages.get(owner)
            if page is None:
                self._require_room(owner)
                page = self._pages[owner] = _OpenPage(session, 0.0)
            page.seen = self._clock()
            self._pages.move_to_end(owner)

    def left(self, owner: str) -> None:
        """Note that a page was closed."""
        with self._lock:
            self._pages.pop(owner, None)

    def beats(self, session: str, begins: bool) -> None:
        """Note that a session's heartbeat begins or ends."""
        with self._lock:
            self._beating[session] += 1 if begins else -1
            if self._beating[session] <= 0:
                del self._beating[session]
            for page in self._pages.values():
                if page.session == session:
                    page.seen = self._clock()

    def close_idle(self) -> list[str]:
        """Close the pages that gave no sign of life; returns whose they were."""
        oldest = self._clock() - self._idle
        with self._lock:
            idle = [
                (owner, page.session) for owner, page in self._pages.items()
                if page.seen < oldest and page.session not in self._beating
            ]  # fmt: skip
        closed = []
        for owner, session in idle:
            if self._busy(owner):
                continue
            self.left(owner)
            closed.append(owner)
            try:
                self._closing(owner, session)
            except Exception:
                log.exception("an idle page could not be closed")
        return closed

    def watch(self, further: Callable[[], None] = lambda: None) -> None:
        """Close idle pages from now on, now and then, until the program ends.

        :param further: what is done at each look, too.
        """

        def look() -> None:
            while True:
                time.sleep(min(LOOKS, self._idle))
                self.close_idle()
                try:
                    further()
                except Exception:
                    log.exception("what else is done now and then failed")

        threading.Thread(target=look, name="idle-pages", daemon=True).start()

    def _require_room(self, owner: str) -> None:
        group = group_at(owner)
        if not self._most or group == owner:
            return
        mine = [page for other, page in self._pages.items() if group_at(other) == group]
        if len(mine) >= self._most:
            wait = self._first_idle(mine)
            raise TooMuch(
                Sentence(
                    "you have {count} pages open, the most that one may have; close some, or wait "
                    "{wait}",
                    count=len(mine), wait=wait_text(wait),
                ),
                wait,
            )  # fmt: skip

    def _first_idle(self, pages: Iterable[_OpenPage]) -> float:
        silent = [page.seen for page in pages if page.session not in self._beating]
        return max(min(silent, default=self._clock()) + self._idle - self._clock(), 1.0)


class Heartbeats:
    """ASGI middleware that tells which sessions keep a heartbeat."""

    def __init__(self, app: ASGIApp, pages: OpenPages) -> None:
        self._app, self._pages = app, pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, and note how long a heartbeat lasts."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith(HEARTBEAT):
            await self._app(scope, receive, send)
            return
        session = path.removeprefix(HEARTBEAT)
        self._pages.beats(session, True)
        try:
            await self._app(scope, receive, send)
        finally:
            self._pages.beats(session, False)
