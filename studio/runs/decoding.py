"""People's files, decoded off the engine's thread and off the threads that all handlers share: a
picture may be made to take long. One of each address at a time, and each out of its budget."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from weakref import WeakValueDictionary

from studio.engines.budgets import Budgets
from studio.engines.owners import address_of

__all__ = ["decode"]

T = TypeVar("T")
AT_ONCE = 4
# Megapixels that an unreadable file counts as: to find out that it is may take as long as
# to decode the largest picture.
UNREADABLE = 100.0
_threads = ThreadPoolExecutor(AT_ONCE, "decode-files")
_turns: WeakValueDictionary[tuple[asyncio.AbstractEventLoop, str], asyncio.Lock] = (
    WeakValueDictionary()
)


async def decode(
    owner: str, budgets: Budgets, work: Callable[[], T], size: Callable[[T], tuple[int, int]]
) -> T:
    """Do the work when it is the owner's address's turn.

    :param size: width and height of what was read, in pixels; of a mask those of the person's own
        picture, which it may have.
    :raises TooMuch: the address has no megapixels left.
    :raises Exception: as the work raises it.
    """
    loop = asyncio.get_running_loop()
    turn = _turns.setdefault((loop, address_of(owner) or owner), asyncio.Lock())
    async with turn:
        budgets.require(owner, "megapixels")
        taken = UNREADABLE
        try:
            found = await loop.run_in_executor(_threads, work)
            width, height = size(found)
            taken = width * height / 1e6
        finally:
            budgets.spend(owner, "megapixels", taken)
    return found
