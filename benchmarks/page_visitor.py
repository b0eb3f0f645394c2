"""A visitor of the page without a browser: the same events as the page sends, over HTTP."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx

__all__ = ["PageEvents", "PageVisitor", "Refused"]


class Refused(Exception):
    """The studio said no, in a sentence."""


class PageEvents:
    """What the page's configuration says of its events and of the values that they send.

    :param config: as ``/config`` gives it.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._components = {one["id"]: one["props"] for one in config["components"]}
        self._events = {one["api_name"]: one for one in config["dependencies"]}

    def number(self, name: str) -> int:
        """The number of an event."""
        return int(self._events[name]["id"])

    def values(self, name: str, **chosen: Any) -> list[Any]:
        """The values that an event sends: as the page opens, but for the ``chosen`` ones, by the
        element's id with _ for -."""
        found = []
        for component in self._events[name]["inputs"]:
            props = self._components[component]
            key = str(props.get("elem_id") or "").replace("-", "_")
            found.append(chosen.get(key, props.get("value")))
        return found

    def place(self, name: str, element: str) -> int:
        """Where among an event's outputs an element is."""
        outputs = self._events[name]["outputs"]
        return [self._components[one].get("elem_id") for one in outputs].index(element)


class PageVisitor:
    """One open page, at an address of its own.

    :param beats: whether it keeps a heartbeat, as browsers do.
    """

    def __init__(self, studio: str, address: str, beats: bool = True) -> None:
        headers = {"X-Forwarded-For": address}
        limits = httpx.Limits(max_keepalive_connections=2)
        self._client = httpx.AsyncClient(
            base_url=studio, headers=headers, timeout=300, limits=limits
        )
        self.session = secrets.token_hex(6)
        self._beats = beats
        self._beating: asyncio.Task[None] | None = None

    async def __aenter__(self) -> PageVisitor:
        """Open the page's heartbeat."""
        if self._beats:
            self._beating = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close the page."""
        await self.vanish()

    async def vanish(self) -> None:
        """Cut all connections."""
        if self._beating:
            self._beating.cancel()
            with suppress(asyncio.CancelledError):
                await self._beating
            self._beating = None
        await self._client.aclose()

    async def _beat(self) -> None:
        with suppress(httpx.HTTPError):
            path = f"/gradio_api/heartbeat/{self.session}"
            async with self._client.stream("GET", path, timeout=None) as reply:
                async for _ in reply.aiter_bytes():
                    pass

    async def config(self) -> PageEvents:
        """Fetch the page, and its configuration."""
        (await self._client.get("/")).raise_for_status()
        return PageEvents((await self._client.get("/config")).raise_for_status().json())

    async def send(self, event: int, values: list[Any]) -> AsyncIterator[list[Any]]:
        """Send an event; yield what each of its messages changes on the page, by output. The page
        gets differences after the first: lists of [operation, path, value].

        :raises Refused: the studio says why not.
        """
        message = {"fn_index": event, "data": values, "session_hash": self.session,
                   "trigger_id": None}  # fmt: skip
        joined = await self._client.post("/gradio_api/queue/join", json=message)
        if joined.status_code != 200:
            raise Refused(f"{joined.status_code}: {joined.text[:200]}")
        query = {"session_hash": self.session}
        async with self._client.stream("GET", "/gradio_api/queue/data", params=query) as reply:
            async for line in reply.aiter_lines():
                if not line.startswith("data: "):
                    continue
                told = json.loads(line.removeprefix("data: "))
                if told["msg"] not in ("process_generating", "process_completed"):
                    if told["msg"] == "unexpected_error":
                        raise Refused(str(told))
                    continue
                if not told["success"]:
                    raise Refused(str(told["output"].get("error")))
                yield told["output"]["data"]
                if told["msg"] == "process_completed":
                    return
