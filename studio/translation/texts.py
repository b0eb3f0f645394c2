"""Texts in the language at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from backends.sentences import Sentence
from studio.translation import catalogues
from studio.translation.catalogues import ENGLISH

__all__ = ["N_", "_", "follow", "language", "ngettext", "pgettext", "speaking"]

_set: ContextVar[str | None] = ContextVar("language", default=None)
_visitors: list[Callable[[], str | None]] = []

# A text that is written in one place and said in another, where ``_`` translates it.
N_ = Sentence


def language() -> str:
    """The language at hand."""
    chosen = _set.get()
    if chosen is not None:
        return chosen
    return next((found for visitor in _visitors if (found := visitor())), ENGLISH)


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Say everything in a language meanwhile."""
    before = _set.set(name)
    try:
        yield
    finally:
        _set.reset(before)


def follow(visitor: Callable[[], str | None]) -> None:
    """Let the language be that of a visitor, where there is one.

    :param visitor: says which language the one has whose event runs; None where none does.
    """
    if visitor not in _visitors:
        _visitors.append(visitor)


def _(text: str, /, **values: Any) -> str:
    """A text in the language at hand: ``_("{count} pictures", count=3)``.

    :param text: English; a :class:`Sentence` brings its own values.
    """
    return str.__str__(
        Sentence(text, **values).translated(catalogues.translations(language()).gettext)
    )


def pgettext(context: str, text: str, /) -> str:
    """A text that means different things in different places.

    :param context: which place this is; other languages may have other words there.
    """
    return catalogues.translations(language()).pgettext(context, text)


def ngettext(one: str, many: str, number: int, /, **values: Any) -> str:
    """One of two texts by a number, which is also the value ``count``."""
    found = catalogues.translations(language()).ngettext(one, many, number)
    return str.__str__(Sentence(found, **({"count": number} | values)))
