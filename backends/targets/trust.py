"""Whether code of the person's may run: a Python file can do anything, so it runs only where the
person themselves asks for it, on the command line and in the library, never for a page's
visitor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["is_trusted", "trusted"]

# Of this call, not of the process: a page may be served beside it.
_trusted: ContextVar[bool] = ContextVar("trusted", default=False)


@contextmanager
def trusted() -> Iterator[None]:
    """Let code of the person's run within."""
    before = _trusted.set(True)
    try:
        yield
    finally:
        _trusted.reset(before)


def is_trusted() -> bool:
    """Whether it may run here."""
    return _trusted.get()
