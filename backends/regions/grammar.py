"""How regions are read, written back and described: alone, joined, and changed.

The kinds of :mod:`backends.regions.kinds` enter themselves here; import
:mod:`backends.regions.spec`, which has both.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from backends.errors import BadInput
from backends.sentences import Sentence, joined

__all__ = ["Edited", "Given", "Inverted", "Kind", "Mixed", "RegionSpec", "Resized"]

LONGEST = 1000  # characters of a story; of a longer one the beginning is kept, as a name
MOST = 2000  # characters of any region, as each part of it is read within the one before
SHORT = 60  # characters of it that a description repeats
How = Literal["and", "but not", "but only"]
JOINS: dict[How, Sentence] = {
    "and": Sentence("and"),
    "but not": Sentence("but not"),
    "but only": Sentence("but only"),
}


class RegionSpec(ABC):
    """A region; ``str`` writes it as :meth:`parse` reads it."""

    kinds: ClassVar[dict[str, type[Kind]]] = {}

    @abstractmethod
    def _phrase(self) -> str: ...

    def describe(self) -> str:
        """Return a phrase that continues "change is allowed"."""
        return self._phrase()

    def parts(self) -> Iterator[RegionSpec]:
        """Every region that this one is made of; itself where it is made of no other."""
        yield self

    @staticmethod
    def parse(text: str, given: bool = False) -> RegionSpec:
        """Read a region from a text.

        Regions are joined from left to right by ``and`` (where either is), ``but not`` and
        ``but only`` (where both are); what follows in brackets changes all before it:
        ``text:hair and box:0,0,9,9 (grown by 2) but not points:+4,5``.

        :param given: there is a mask already, and the text says how it was made: nothing is
            refused, and what is not understood is a name.
        :raises BadInput: there is no such region, or its options are not understood.
        """
        if given:
            return _named(text)
        text = text.strip()
        if text == Given.PAINTED:
            return Given()
        if len(text) > MOST:
            raise BadInput(
                "a region is written in at most {most} characters; use a mask", most=MOST
            )
        if changed := _Changed.read(text):
            return changed
        if mixed := Mixed.read(text):
            return mixed
        kind, _, options = text.partition(":")
        found = RegionSpec.kinds.get(kind.strip())
        if found is None:
            raise BadInput(
                "region {text!r} is not known; use {regionspec}",
                text=text,
                regionspec=RegionSpec.forms(),
            )
        if not (options.strip() or found.bare):
            raise BadInput(
                "region {text!r} says too little; write {form}", text=text, form=found.form
            )
        return found._read(options)

    @staticmethod
    def split(text: str) -> list[RegionSpec]:
        """A list such as ``whole,auto:area=0.2,cell=4``, each region once: only a comma before
        the beginning of a region divides.

        :raises BadInput: one of them is not understood.
        """
        words = "|".join(RegionSpec.kinds)
        bare = "|".join(name for name, kind in RegionSpec.kinds.items() if kind.bare)
        begins = rf",(?=\s*(?:(?:{words})\s*:|(?:{bare})\s*(?:,|$)))"
        return list(dict.fromkeys(RegionSpec.parse(one) for one in re.split(begins, text)))

    @staticmethod
    def forms() -> str:
        """How each kind is written, with commas between."""
        *most, last = (kind.form for kind in RegionSpec.kinds.values())
        return f"{', '.join(most)} or {last}"

    @staticmethod
    def chosen(source: str, story: str) -> RegionSpec:
        """Make the region that the page's controls select.

        :param source: ``whole``, ``auto``, or another way to draw on the canvas.
        :param story: how the canvas says that its mask was made; may be empty.
        """
        if source == "whole" or (source == "auto" and not story):
            return RegionSpec.parse(source)
        if len(story) > LONGEST:  # a part of it could be read as a region that is another
            return Given(f"beginning with {story[:LONGEST]}…")
        return _named(story)


def _named(text: str) -> RegionSpec:
    """Read a story as a region; as a name where it is none, or would be written otherwise."""
    try:
        spec = RegionSpec.parse(text)
    except BadInput:
        return Given(text or Given.PAINTED)
    return spec if str(spec) == text else Given(text)


class Kind(RegionSpec):
    """A region that is written with a word of its own, and options after a colon.

    :cvar kind: the word.
    :cvar form: how the region is written, for help and errors.
    :cvar bare: whether the word alone is a region too.
    """

    kind: ClassVar[str]
    form: ClassVar[str]
    bare: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        RegionSpec.kinds[cls.kind] = cls

    @classmethod
    @abstractmethod
    def _read(cls, options: str) -> RegionSpec:
        """The region with the options that follow the colon.

        :raises BadInput: they are not understood.
        """

    @property
    def _options(self) -> str:
        """What follows the colon; empty for a bare word."""
        return ""

    def __str__(self) -> str:
        return f"{self.kind}:{self._options}" if self._options else self.kind


@dataclass(frozen=True)
class Given(RegionSpec):
    """A mask that a person made, with the name they gave it."""

    PAINTED: ClassVar[str] = "painted"
    name: str = PAINTED

    def __str__(self) -> str:
        return self.name

    def _phrase(self) -> str:
        if self.name == self.PAINTED:
            return Sentence("in the painted region")
        short = self.name if len(self.name) <= SHORT else f"{self.name[:SHORT]}…"
        return Sentence("in the region “{name}”", name=short)


@dataclass(frozen=True)
class Mixed(RegionSpec):
    """Two regions together: where either is (``and``), the first without the second (``but
    not``), where both are (``but only``)."""

    base: RegionSpec
    how: How
    other: RegionSpec

    @classmethod
    def read(cls, text: str) -> Mixed | None:
        """The regions that the last of those words joins; None without one. Only before the
        beginning of a region is it such a word: others belong to a prompt or a file's name.

        :raises BadInput: one of the two regions is not understood.
        """
        words = "|".join(RegionSpec.kinds)
        bare = "|".join([Given.PAINTED, *(n for n, kind in RegionSpec.kinds.items() if kind.bare)])
        begins = rf"(?:(?:{words})\s*:|(?:{bare})(?: and| but| \(|$))"
        how = "|".join(get_args(How))
        found = re.fullmatch(rf"(.+) ({how}) (?={begins})(.+)", text, re.DOTALL)
        if found is None:
            return None
        joins: How = next(word for word in get_args(How) if word == found[2])
        return cls(RegionSpec.parse(found[1]), joins, RegionSpec.parse(found[3]))

    def parts(self) -> Iterator[RegionSpec]:
        """Every region that the two are made of."""
        yield from self.base.parts()
        yield from self.other.parts()

    def __str__(self) -> str:
        return f"{self.base} {self.how} {self.other}"

    def _phrase(self) -> str:
        return joined(" ", (self.base.describe(), JOINS[self.how], self.other.describe()))


@dataclass(frozen=True)
class _Changed(RegionSpec):
    """A region that was made from another one."""

    base: RegionSpec

    @staticmethod
    def read(text: str) -> RegionSpec | None:
        """The region whose last words, in brackets, say how it was changed; None without."""
        found = re.fullmatch(
            r"(.+) \((?:(grown|shrunk) by ([1-9]\d{0,3})|(inverted)|edited)\)", text, re.DOTALL
        )
        if found is None:
            return None
        base = RegionSpec.parse(found[1])
        if found[2]:
            return Resized(base, int(found[3]) * (1 if found[2] == "grown" else -1))
        return Inverted(base) if found[4] else Edited(base)

    def parts(self) -> Iterator[RegionSpec]:
        """Every region that the other one is made of."""
        yield from self.base.parts()

    @property
    @abstractmethod
    def _change(self) -> str: ...

    @property
    @abstractmethod
    def _told(self) -> str:
        """The change as a description says it."""

    def __str__(self) -> str:
        return f"{self.base} ({self._change})"

    def _phrase(self) -> str:
        return joined(", ", (self.base.describe(), self._told))


@dataclass(frozen=True)
class Resized(_Changed):
    """A region with a wider or narrower rim.

    :ivar pixels: how far :func:`backends.imaging.grown` grows it, below 0 shrinks it.
    """

    pixels: int

    @property
    def _change(self) -> str:
        return f"{'grown' if self.pixels > 0 else 'shrunk'} by {abs(self.pixels)}"

    @property
    def _told(self) -> str:
        pixels = abs(self.pixels)
        if pixels == 1:
            grown, shrunk = Sentence("then grown by 1 pixel"), Sentence("then shrunk by 1 pixel")
            return grown if self.pixels > 0 else shrunk
        if self.pixels > 0:
            return Sentence("then grown by {pixels} pixels", pixels=pixels)
        return Sentence("then shrunk by {pixels} pixels", pixels=pixels)


class Inverted(_Changed):
    """All that is not in a region."""

    @property
    def _change(self) -> str:
        return "inverted"

    @property
    def _told(self) -> str:
        return Sentence("then inverted")


class Edited(_Changed):
    """A region that a person changed with the brush."""

    @property
    def _change(self) -> str:
        return "edited"

    @property
    def _told(self) -> str:
        return Sentence("then edited by hand")
