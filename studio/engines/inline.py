"""Runs a job to its end in the caller: for the command line and tests."""

from __future__ import annotations

from studio.engines.core import Engine, Job, advance

__all__ = ["InlineEngine"]


class InlineEngine(Engine):
    """``submit`` returns when the job has ended; a sink may stop it from inside."""

    def accept(self, job: Job) -> None:
        """Carry the job out at once, to its end."""
        while advance(job):
            pass

    def close(self) -> None:
        """Nothing outlives ``submit``."""
