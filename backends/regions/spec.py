"""A region as people write it: read, written back and described here, for the page, the command
line, the Python API and the files alike.

A new kind of region is one class here, and how it is drawn in
:func:`backends.service.regions.mask_of`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import ClassVar, Literal, get_args

from backends.errors import BadInput
from backends.regions.options import (
    NUMBER,
    Corners,
    Pairs,
    corners,
    outside,
    pairs,
    plain_number,
    written,
)  # fmt: skip
from backends.sentences import Sentence, joined

__all__ = [
    "Auto", "Box", "BoxPrompt", "Clicks", "Edited", "FreeForm", "Given", "Inverted", "MaskFile",
    "Mixed", "Polygon", "RegionSpec", "Resized", "Whole", "Words",
]  # fmt: skip

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
        if source == Whole.kind:
            return Whole()
        if source == Auto.kind and not story:
            return Auto()
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
class Whole(Kind):
    """The whole picture."""

    kind = form = "whole"
    bare = True

    @classmethod
    def _read(cls, options: str) -> Whole:
        if options.strip():
            raise BadInput(
                "the whole picture has no option {options!r}; write whole", options=options.strip()
            )
        return cls()

    def _phrase(self) -> str:
        return Sentence("anywhere in the picture")


@dataclass(frozen=True)
class Auto(Kind):
    """Where the model looks.

    :ivar settings: of :class:`backends.regions.settings.AutoRegion`, as they were written.
    """

    settings: Pairs = ()
    kind = "auto"
    form = "auto, auto:area=0.3,cell=4"
    bare = True

    @classmethod
    def _read(cls, options: str) -> Auto:
        return cls(pairs(options.split(","), "auto:area=0.3,cell=4"))

    @property
    def _options(self) -> str:
        return written(self.settings, ",")

    def _phrase(self) -> str:
        return Sentence("where the model looks")


@dataclass(frozen=True)
class MaskFile(Kind):
    """A mask in a file: white where change is allowed.

    :ivar file: path of a picture of the size that the model sees.
    """

    file: str
    kind = "mask"
    form = "mask:FILE"

    @classmethod
    def _read(cls, options: str) -> MaskFile:
        return cls(options.strip())

    @property
    def _options(self) -> str:
        return self.file

    def _phrase(self) -> str:
        return Sentence("in the mask “{name}”", name=PurePath(self.file).name)


@dataclass(frozen=True)
class Box(Kind):
    """A rectangle.

    :ivar corners: X0, Y0, X1, Y1 in pixels, X1 and Y1 exclusive.
    """

    corners: Corners
    kind = "box"
    form = "box:X0,Y0,X1,Y1"

    @classmethod
    def _read(cls, options: str) -> Box:
        return cls(corners(options))

    @property
    def _options(self) -> str:
        return ",".join(map(str, self.corners))

    def inside(self, height: int, width: int) -> Corners:
        """The corners.

        :raises BadInput: they reach out of a picture of that size.
        """
        if self.corners[2] > width or self.corners[3] > height:
            raise outside(self._options, height, width)
        return self.corners

    def _phrase(self) -> str:
        x0, y0, x1, y1 = self.corners
        return Sentence("in the box from {x0},{y0} to {x1},{y1}", x0=x0, y0=y0, x1=x1, y1=y1)


@dataclass(frozen=True)
class Polygon(Kind):
    """The pixels whose middles lie in a polygon.

    :ivar corners: (x, y) in pixels, at least three; the last joins the first.
    """

    corners: tuple[tuple[float, float], ...]
    kind = "polygon"
    form = "polygon:X,Y;X,Y;X,Y"

    @classmethod
    def _read(cls, options: str) -> Polygon:
        corners = []
        for piece in filter(None, map(str.strip, options.split(";"))):
            corner = re.fullmatch(rf"{NUMBER},{NUMBER}", piece, re.ASCII)
            if corner is None:
                raise BadInput(
                    "corner {piece!r} is not understood; write {form}", piece=piece, form=cls.form
                )
            corners.append((float(corner[1]), float(corner[2])))
        if len(corners) < 3:
            raise BadInput("a polygon has at least three corners; write {form}", form=cls.form)
        return cls(tuple(corners))

    @property
    def _options(self) -> str:
        return ";".join(f"{plain_number(x)},{plain_number(y)}" for x, y in self.corners)

    def inside(self, height: int, width: int) -> tuple[tuple[float, float], ...]:
        """The corners.

        :raises BadInput: one is outside a picture of that size.
        """
        if any(x > width or y > height for x, y in self.corners):
            raise BadInput(
                "a corner of {options!r} is outside the {width}x{height} picture",
                options=self._options,
                width=width,
                height=height,
            )
        return self.corners

    def _phrase(self) -> str:
        return Sentence("in the polygon of {count} corners", count=len(self.corners))


@dataclass(frozen=True)
class FreeForm(Kind):
    """Under a random stroke, another one on every picture.

    :ivar least: percent of the picture that it covers, at least, from 1 on.
    :ivar most: at most, to 99.
    """

    least: int
    most: int
    seed: int = 0
    kind = "freeform"
    form = "freeform:10-20"

    @classmethod
    def _read(cls, options: str) -> FreeForm:
        found = re.fullmatch(
            r"\s*(\d{1,2})\s*-\s*(\d{1,2})\s*(?:;\s*seed\s*=\s*(\d{1,9})\s*)?", options, re.ASCII
        )
        if found is None or not 1 <= int(found[1]) < int(found[2]):
            raise BadInput(
                "free-form mask {options!r} is not understood; write the least and the "
                "greatest share in percent, freeform:10-20, or freeform:10-20;seed=3",
                options=options.strip(),
            )
        return cls(int(found[1]), int(found[2]), int(found[3] or 0))

    @property
    def _options(self) -> str:
        seed = f";seed={self.seed}" if self.seed else ""
        return f"{self.least}-{self.most}{seed}"

    def _phrase(self) -> str:
        return f"under a random stroke over {self.least} to {self.most} % of the picture"


@dataclass(frozen=True)
class Words(Kind):
    """What words mean.

    :ivar prompt: one phrase or several, commas between.
    :ivar settings: of :class:`backends.regions.settings.WordRegion`, as they were written.
    """

    prompt: str
    settings: Pairs = ()
    kind = "text"
    form = "text:WORDS"

    @classmethod
    def _read(cls, options: str) -> Words:
        prompt, *settings = options.split(";")
        if not re.search(r"\w", prompt):
            raise BadInput("no word to look for was given; write one, such as: text:cat")
        return cls(prompt.strip(), pairs(settings, "text:WORDS;threshold=0.25"))

    @property
    def _options(self) -> str:
        return ";".join(filter(None, (self.prompt, written(self.settings, ";"))))

    def _phrase(self) -> str:
        return Sentence("in “{prompt}”", prompt=self.prompt)


@dataclass(frozen=True)
class Clicks(Kind):
    """What was clicked (+), without what was clicked away (-).

    :ivar points: (x, y) in pixels.
    :ivar labels: one a point: 1 belongs to the region, 0 does not.
    :ivar choice: which of the masks that a single click may mean; 1 is the smallest.
    """

    points: tuple[tuple[float, float], ...]
    labels: tuple[int, ...]
    choice: int | None = None
    kind = "points"
    form = "points:+X,Y;-X,Y"

    @classmethod
    def _read(cls, options: str) -> Clicks:
        points, labels, choice = [], [], None
        for piece in filter(None, map(str.strip, options.split(";"))):
            if chosen := re.fullmatch(r"choice\s*=\s*([1-9])", piece, re.ASCII):
                choice = int(chosen[1])
            elif click := re.fullmatch(rf"([+-]?){NUMBER},{NUMBER}", piece, re.ASCII):
                points.append((float(click[2]), float(click[3])))
                labels.append(0 if click[1] == "-" else 1)
            else:
                raise BadInput(
                    "click {piece!r} is not understood; write {form}", piece=piece, form=cls.form
                )
        if 1 not in labels:
            raise BadInput("no click says what shall change; write points:+X,Y")
        return cls(tuple(points), tuple(labels), choice)

    @property
    def _options(self) -> str:
        clicks = [
            f"{'+' if label else '-'}{plain_number(x)},{plain_number(y)}"
            for (x, y), label in zip(self.points, self.labels, strict=True)
        ]
        return ";".join(clicks if self.choice is None else [*clicks, f"choice={self.choice}"])

    def inside(self, height: int, width: int) -> tuple[tuple[float, float], ...]:
        """The points.

        :raises BadInput: one is outside a picture of that size.
        """
        if any(x >= width or y >= height for x, y in self.points):
            raise BadInput(
                "a click of {options!r} is outside the {width}x{height} picture",
                options=self._options,
                width=width,
                height=height,
            )
        return self.points

    def _phrase(self) -> str:
        return Sentence("in what was clicked")


@dataclass(frozen=True)
class BoxPrompt(Box):
    """The thing in a rectangle, as Segment Anything sees it."""

    kind = "sam"
    form = "sam:X0,Y0,X1,Y1 (the thing in that box)"

    def _phrase(self) -> str:
        return Sentence("in the thing {where}", where=super()._phrase())


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
