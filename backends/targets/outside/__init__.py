"""Models that no bundle brings, behind an intake of their own: a library's, a file's, a person's
code."""

from backends.targets.outside.load import load
from backends.targets.outside.network import BlackBox, Outside

__all__ = ["BlackBox", "Outside", "load"]
