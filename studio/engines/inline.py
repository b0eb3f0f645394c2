"""Runs a job to its end in the caller: for the command line, ZeroGPU, and tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from studio.engines.core import Event, Job, Turn, advance

__all__ = ["InlineEngine"]


class InlineEngine:
    """``submit`` returns when the job has ended; a sink may stop it from inside."""

    def submit(
        self,
        work: Callable[[], Iterator[Any]],
        owner: str,
        sink: Callable[[Event], None],
        turn: Turn = "fair",
    ) -> Job:
        """See :class:`studio.engines.core.Engine`."""
        job = Job(work, owner, sink, turn)
        while advance(job):
            pass
        return job

    def close(self) -> None:
        """Nothing outlives ``submit``."""
