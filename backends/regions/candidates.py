"""What a phrase or a click may have meant, and regions made of that. No torch here: candidates
leave the backends."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from backends.errors import BadInput
from backends.imaging import as_bytes
from backends.sentences import Sentence

__all__ = ["Candidate", "Found", "Missed", "phrases_in", "subtract", "union"]

LONGEST = 400  # characters; Grounding DINO reads 256 tokens


@dataclass(frozen=True)
class Candidate:
    """One thing in the picture.

    :ivar score: in about [0, 1]: a detector's for its box, SAM's predicted IoU for a click.
    :ivar mask: uint8 [H, W] of 0 and 255.
    :ivar box: x0, y0, x1, y1 in pixels, where it was found by one.
    :ivar alternatives: what else a single click may have meant, smallest first, itself among it.
    """

    label: str
    score: float
    mask: np.ndarray
    box: tuple[float, float, float, float] | None = None
    alternatives: tuple[Candidate, ...] = ()


@dataclass(frozen=True)
class Missed:
    """A phrase with nothing above its threshold; ``best`` is the score of the likeliest thing
    below, None when there is none, or no score that a lower threshold would let through."""

    phrase: str
    threshold: float
    best: float | None = None

    @property
    def lower(self) -> float | None:
        """A threshold of two digits that lets the likeliest thing through."""
        return None if self.best is None else math.floor(self.best * 100) / 100

    @property
    def sentence(self) -> str:
        """For the page, which offers the lower threshold as a button."""
        if self.lower is None:
            return Sentence(
                "Nothing found for {phrase!r}: try another word, or click on it.",
                phrase=self.phrase,
            )
        return Sentence(
            "Nothing found for {phrase!r} at {threshold:.2f}, best {lower:.2f}: use it?",
            phrase=self.phrase,
            threshold=self.threshold,
            lower=self.lower,
        )


@dataclass(frozen=True)
class Found:
    """Candidates, best first within each phrase, and the phrases that found none."""

    candidates: list[Candidate] = field(default_factory=list)
    missed: list[Missed] = field(default_factory=list)


def phrases_in(prompt: str) -> list[str]:
    """``The cat, a Dog`` -> ``["the cat", "a dog"]``; commas, semicolons, full stops and new
    lines divide.

    :raises BadInput: there is no word, or there are far too many.
    """
    pieces = (" ".join(piece.split()).lower() for piece in re.split(r"[,;.\n]", prompt))
    phrases = list(dict.fromkeys(piece for piece in pieces if re.search(r"\w", piece)))
    if not phrases:
        raise BadInput("no word to look for was given; write one, such as: text:cat")
    if sum(map(len, phrases)) > LONGEST:
        raise BadInput(
            "the words are longer than {longest} characters; look for fewer at a time",
            longest=LONGEST,
        )
    return phrases


def union(masks: Iterable[np.ndarray]) -> np.ndarray:
    """Where any of the masks is, uint8 [H, W] of 0 and 255."""
    return as_bytes(np.any([mask > 0 for mask in masks], axis=0))


def subtract(mask: np.ndarray, others: Iterable[np.ndarray]) -> np.ndarray:
    """Where the mask is and none of the others, uint8 [H, W] of 0 and 255."""
    rest = mask > 0
    for other in others:
        rest = rest & (other == 0)
    return as_bytes(rest)
