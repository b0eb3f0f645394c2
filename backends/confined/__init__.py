"""A function on a stranger's bytes, run in a process of its own that may die without harm.

Parsers written in C (Arrow, Parquet, picture formats) crash, grow or never end on files that are
made to do so. :func:`limited` runs one in a new Python with limits, and whatever happens to that
process becomes one sentence. What comes back is JSON, and files in a folder that the caller gave.

This is no sandbox: a file that makes a parser run foreign code has that code run as the studio's
user, though without its secrets from the environment.
"""

from backends.confined.limits import Limits
from backends.confined.running import AT_ONCE, limited
from backends.confined.warm import WarmProcesses
from backends.confined.worker import allowed

__all__ = ["AT_ONCE", "Limits", "WarmProcesses", "allowed", "limited"]
