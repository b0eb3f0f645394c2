"""Several requests of one person, carried out one after another."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from backends.core import Request
from studio.runs import Run, Runs, TooMany

__all__ = ["Series"]


@dataclass
class Series:
    """Requests, and their runs as far as they were started; None for the others."""

    owner: str
    requests: list[Request]
    runs: list[Run | None] = field(default_factory=list)
    id: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    stopped: bool = False
    ended: bool = False

    def __post_init__(self) -> None:
        self.runs = [None] * len(self.requests)

    @property
    def answered(self) -> list[Run]:
        """The runs that have an answer."""
        return [run for run in self.runs if run and run.answer]

    def stop(self) -> None:
        """Stop the run under way and start no other; what has ended stays."""
        self.stopped = True
        for run in self.runs:
            if run:
                run.stop()

    async def follow(
        self, runs: Runs, gap: float = 0.2, patience: float = 0.5
    ) -> AsyncGenerator[int, None]:
        """Carry the requests out: the number of the run that has news, at most one every ``gap``
        seconds apart from ends. Leaving early stops it.

        :param patience: seconds between attempts to start a run, while the owner has others.
        """
        shown = 0.0
        try:
            for i, request in enumerate(self.requests):
                while not self.stopped and self.runs[i] is None:
                    try:
                        self.runs[i] = runs.start(request, self.owner)
                    except TooMany:  # the person's other runs come first
                        yield i
                        await asyncio.sleep(patience)
                run = self.runs[i]
                if run is None:
                    break
                if self.stopped:  # somebody stopped just while it started
                    run.stop()
                async for frame in run.watch(first=0.15):
                    if frame is None or time.monotonic() - shown >= gap:
                        shown = time.monotonic()
                        yield i
                yield i
            self.ended = True
        finally:
            if not self.ended:
                self.stop()
                self.ended = True
