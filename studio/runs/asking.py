"""A quick job on the engine, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TypeVar

from backends.errors import StudioError
from studio.engines.core import Done, Engine, Event, Failed, Stepped, Stopped

__all__ = ["ask"]

T = TypeVar("T")


async def ask(engine: Engine, owner: str, work: Callable[[], T]) -> T:
    """Let the engine, which owns the device, do something before all longer jobs.

    :raises StudioError: what the work raised.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(event: Event) -> None:
        if answer.done():
            return
        if isinstance(event, Stepped):
            answer.set_result(event.item)
        elif isinstance(event, Failed):
            answer.set_exception(event.error)
        elif isinstance(event, (Stopped, Done)):
            answer.set_exception(StudioError("the studio is closing; open it again"))

    def steps() -> Iterator[T]:
        yield work()

    def sink(event: Event) -> None:
        loop.call_soon_threadsafe(settle, event)

    engine.submit(steps, owner, sink, "quick")
    return await answer
