"""Runs, comparisons of runs, choices between them, and work in the background."""

from studio.runs.run import Run
from studio.runs.runs import Runs, TooMany

__all__ = ["Run", "Runs", "TooMany"]
