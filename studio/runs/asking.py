"""Jobs on the engine, awaited: a quick one, and one of many steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from functools import partial
from typing import TypeVar

from backends.errors import StudioError
from studio.engines.core import Done, Engine, Event, Failed, Stepped, Stopped

__all__ = ["ask", "follow"]

T = TypeVar("T")


async def ask(engine: Engine, owner: str, work: Callable[[], T]) -> T:
    """Let the engine, which owns the device, do something before all longer jobs.

    :raises TooMuch: the owner has had their share.
    :raises StudioError: what the work raised.
    """
    engine.budgets.require(owner, "seconds")
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def steps() -> Iterator[T]:
        yield work()

    sink = partial(_tell, loop, answer)
    engine.submit(steps, owner, sink, "quick")
    try:
        return await answer
    finally:
        # An error's traceback refers to this frame. With these names the two are a reference
        # cycle, which keeps what the work refers to, such as a large picture, until the garbage
        # collector runs.
        del answer, sink


def _tell(loop: asyncio.AbstractEventLoop, answer: asyncio.Future[T], event: Event) -> None:
    """Settle an answer, from the engine's thread."""
    loop.call_soon_threadsafe(_settle, answer, event)


def _settle(answer: asyncio.Future[T], event: Event) -> None:
    """Let an answer be what the engine says."""
    if answer.done():
        return
    if isinstance(event, Stepped):
        answer.set_result(event.item)
    elif isinstance(event, Failed):
        answer.set_exception(event.error)
    elif isinstance(event, (Stopped, Done)):
        answer.set_exception(StudioError("the studio is closing; open it again"))


async def follow(
    engine: Engine, owner: str, work: Callable[[], Iterator[T]]
) -> AsyncGenerator[T, None]:
    """What a job yields, as it comes. Leaving early stops the job within a step.

    :param work: makes the generator, on the engine's thread; portable, as in
        :meth:`studio.engines.core.Engine.submit`.
    :raises TooMuch: the owner has had their share.
    :raises StudioError: what the work raised.
    """
    engine.budgets.require(owner, "seconds")
    loop, events = asyncio.get_running_loop(), asyncio.Queue[Event]()

    def sink(event: Event) -> None:
        loop.call_soon_threadsafe(events.put_nowait, event)

    job = engine.submit(work, owner, sink, portable=True)
    try:
        while not isinstance(event := await events.get(), (Stopped, Done)):
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, Stepped):
                yield event.item
    finally:
        job.stop()
