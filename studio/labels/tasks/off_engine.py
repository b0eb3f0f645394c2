"""Reads and writes of the label store during work on the engine, whose thread must not wait for a
disk or a server."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import TypeVar

__all__ = ["off_engine"]

T = TypeVar("T")
M = TypeVar("M")
LOOK = 0.02  # seconds of a step that waits: other people's steps come between
_threads = ThreadPoolExecutor(2, "label-store")


def off_engine(work: Callable[[], T], meanwhile: M | None = None) -> Generator[M | None, None, T]:
    """Do something in another thread, and return what it returned.

    :param meanwhile: is yielded again and again until it is done.
    :raises Exception: as the work raises it.
    """
    going = _threads.submit(work)
    while not wait_for([going], LOOK).done:
        yield meanwhile
    return going.result()
