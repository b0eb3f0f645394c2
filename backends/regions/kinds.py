"""The kinds of regions: what each is called, what options it has, and how it is told.

A new kind is one class here, and how it is drawn in :func:`backends.service.regions.mask_of`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

from backends.errors import BadInput
from backends.regions.grammar import Kind
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
from backends.sentences import Sentence

__all__ = [
    "Auto", "Box", "BoxPrompt", "Clicks", "FreeForm", "MaskFile", "Polygon", "Whole", "Words",
]  # fmt: skip


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
