"""People's files, decoded off the engine's thread and off the threads that all handlers share: a
picture may be made to take long. One of each address at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from weakref import WeakValueDictionary

from studio.engines.owners import address_of

__all__ = ["decode"]

T = TypeVar("T")
AT_ONCE = 4
_threads = ThreadPoolExecutor(AT_ONCE, "decode-files")
_turns: WeakValueDictionary[tuple[asyncio.AbstractEventLoop, str], asyncio.Lock] = (
    WeakValueDictionary()
)


async def decode(owner: str, work: Callable[[], T]) -> T:
    """Do the work when it is the owner's address's turn.

    :raises Exception: as the work raises it.
    """
    loop = asyncio.get_running_loop()
    turn = _turns.setdefault((loop, address_of(owner) or owner), asyncio.Lock())
    async with turn:
        return await loop.run_in_executor(_threads, work)
