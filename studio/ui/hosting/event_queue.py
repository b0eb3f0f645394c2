"""The page's queue of events, of which no one person fills all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from fastapi import HTTPException, Request

from studio.access.rights import name_of
from studio.translation import _, preferred, speaking

__all__ = ["bound_queue"]

WAIT = 5  # seconds after which some of them have been carried out


def bound_queue(blocks: gr.Blocks, most: int) -> None:
    """Let at most so many events of a login or an address wait in a page's queue.

    :param blocks: whose queue was set up.
    """
    queue: Any = blocks._queue
    push = queue.push

    async def push_within(body: Any, request: Request, username: str | None) -> Any:
        who = _who(request)
        if sum(_who(one) == who for one in _waiting(queue)) >= most:
            with speaking(preferred(request.headers.get("accept-language", ""))):
                told = _(
                    "{most} of your questions to the page wait already; wait a few seconds",
                    most=most,
                )
            raise HTTPException(429, told, headers={"Retry-After": str(WAIT)})
        return await push(body, request, username)

    queue.push = push_within


def _waiting(queue: Any) -> Iterator[Request]:
    for events in queue.event_queue_per_concurrency_id.values():
        for event in list(events.queue):
            yield event.request


def _who(request: Request) -> str:
    return name_of(request) or (request.client.host if request.client else "")
