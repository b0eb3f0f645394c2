"""Sentences that keep what they were made of, so that a page can say them in another language.

Whoever computes writes English and knows of no other language. A :class:`Sentence` is that English
text, and everything that takes a text takes it; beside it stand the template and the values that it
was made of, by which :mod:`studio.translation` finds and fills the template of another language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["Sentence", "joined"]


class Sentence(str):
    """An English text from a template such as ``"{count} pictures"`` and its values.

    A template without values is taken as it is, braces and all. A value that is a sentence itself,
    or an error whose message is one, is translated with it. ``str()`` of a sentence, and of an
    error that was made with it, is the sentence; an f-string or ``+`` makes a plain text of it.

    :ivar template: what catalogues have it under.
    :ivar values: by name.
    """

    __slots__ = ("capital", "template", "values")
    template: str
    values: dict[str, Any]
    capital: bool

    def __new__(cls, template: str, /, **values: Any) -> Sentence:
        """Fill a template, as :meth:`str.format` does."""
        if isinstance(template, Sentence) and not values:
            return template
        kept = {name: _kept(value) for name, value in values.items()}
        made = super().__new__(cls, template.format(**kept) if kept else template)
        made.template, made.values, made.capital = str.__str__(template), kept, False
        return made

    @property
    def capitalized(self) -> Sentence:
        """The same with a capital as its first letter, in every language."""
        made = str.__new__(Sentence, _capitalized(self))
        made.template, made.values, made.capital = self.template, self.values, True
        return made

    def __str__(self) -> str:
        return self

    def translated(self, translate: Callable[[str], str]) -> str:
        """The text in another language.

        :param translate: gives the template in that language.
        """
        text = translate(self.template) if self.template else ""
        if self.values:
            text = text.format(**{
                name: value.translated(translate) if isinstance(value, Sentence) else value
                for name, value in self.values.items()
            })  # fmt: skip
        return _capitalized(text) if self.capital else text


def joined(separator: str, parts: Iterable[str]) -> Sentence:
    """Several texts as one, each of which stays translatable, the separator too."""
    found = {f"part{number}": part for number, part in enumerate(parts)}
    between = {"separator": Sentence(separator)} if len(found) > 1 else {}
    return Sentence("{separator}".join(f"{{{name}}}" for name in found), **found, **between)


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]


def _kept(value: Any) -> Any:
    """What is kept of a value: of an error its message, since an error holds on to all that was
    at work when it was raised."""
    return str(value) if isinstance(value, Exception) else value
