"""What a report says, before it is HTML or PDF: sections of blocks, plain text and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import Image

__all__ = [
    "Block",
    "Captioned",
    "ClassBars",
    "Document",
    "PictureRow",
    "ProbabilityCurve",
    "Prose",
    "Scale",
    "Section",
    "Snippet",
    "ValueTable",
    "Verdict",
]


Scale = tuple[Literal["absolute", "signed"], str, str]


@dataclass(frozen=True)
class Captioned:
    """A picture with words.

    :ivar scale: of a heatmap: its colours (``absolute`` or ``signed``), and what the two ends mean.
    """

    picture: Image.Image
    title: str
    text: str = ""
    scale: Scale | None = None


@dataclass(frozen=True)
class PictureRow:
    """Pictures side by side, ``columns`` of them across the page."""

    items: Sequence[Captioned]
    columns: int = 4


@dataclass(frozen=True)
class Verdict:
    """How it ended: the first sentence is the headline.

    :ivar kind: ``good`` or ``caution``, which colours it.
    """

    kind: Literal["good", "caution"]
    sentences: Sequence[str]


@dataclass(frozen=True)
class Prose:
    """Paragraphs."""

    lines: Sequence[str]


@dataclass(frozen=True)
class ProbabilityCurve:
    """The target's probability over the search.

    :ivar points: (step, probability) each, steps from 0 to ``total``.
    """

    points: Sequence[tuple[float, float]]
    total: int
    target: str


@dataclass(frozen=True)
class ClassBars:
    """Probabilities of classes, 0 to 1, under titles such as "before" and "after"."""

    groups: Sequence[tuple[str, Sequence[tuple[str, float]]]]
    target: str


@dataclass(frozen=True)
class ValueTable:
    """Rows of text; the first cell of each is its heading.

    :ivar widths: shares of the page's width, one a column.
    :ivar numeric: columns that hold numbers.
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[float]
    numeric: frozenset[int] = frozenset()
    note: str = ""


@dataclass(frozen=True)
class Snippet:
    """Code to copy."""

    title: str
    code: str


Block = Verdict | Prose | PictureRow | ProbabilityCurve | ClassBars | ValueTable | Snippet


@dataclass(frozen=True)
class Section:
    """Blocks under a heading; an empty heading is none."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Document:
    """A report.

    :ivar subtitle: the question, in a sentence.
    :ivar blocky: whether its pictures are so small that their pixels are shown as blocks.
    :ivar source: what made it, for the foot of a page.
    """

    title: str
    subtitle: str
    sections: Sequence[Section]
    source: str
    blocky: bool = False
