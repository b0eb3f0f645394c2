"""Runs a job to its end in the caller: for the command line, ZeroGPU, and tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from studio.engines.core import Event, Job, advance

__all__ = ["InlineEngine"]


class InlineEngine:
    """``submit`` returns when the job has ended; a sink may stop it from inside."""

    def submit(
        self,
        work: Callable[[], Iterator[Any]],
        owner: str,
        sink: Callable[[Event], None],
        *,
        quick: bool = False,
    ) -> Job:
        """See :class:`studio.engines.core.Engine`."""
        job = Job(work, owner, quick, sink)
        while advance(job):
            pass
        return job

    def close(self) -> None:
        """Nothing outlives ``submit``."""
