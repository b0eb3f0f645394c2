"""How a person's pictures become a bundle's: which channels, which square; and a look at some."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from backends import imaging
from backends.errors import BadInput, StudioError
from backends.training.collecting import Entry, entries
from backends.training.new_settings import NewConfig

__all__ = ["Preview", "channels_of", "natural", "preparation", "preview", "preview_sheet"]

LOOKED_AT = 50  # pictures that tell whether all are grey
SHOWN = 8  # rows of a preview


@dataclass(frozen=True)
class Preview:
    """What a bundle would be made of.

    :ivar counts: pictures by label; the label is empty where none is known.
    :ivar channels: of the pictures as the models would see them.
    :ivar pairs: label, picture, and uint8 [S, S, C] as the models would see it, of some.
    """

    counts: dict[str, int]
    channels: int
    pairs: list[tuple[str, Image.Image, np.ndarray]]


def preview(source: Path, config: NewConfig) -> Preview:
    """Preview at some pictures from all over a source; those that cannot be read are left out.

    :raises StudioError: as :func:`new`.
    """
    found = entries(source)
    counts = Counter(entry.label for entry in found)
    chosen, refused = [], ""
    for entry in found[:: max(len(found) // SHOWN, 1)][:SHOWN]:
        try:
            chosen.append((entry.label, imaging.read_picture(entry.source)))
        except StudioError as error:
            refused = f"{entry.name}: {error}"
    if not chosen:
        raise BadInput(
            "no picture of {source} can be read; the first: {refused}",
            source=source,
            refused=refused,
        )
    channels = channels_of(config, found)
    prepare = preparation(config, channels)
    pairs = [(label, picture, prepare(picture)) for label, picture in chosen]
    return Preview(dict(sorted(counts.items(), key=lambda row: natural(row[0]))), channels, pairs)


def preview_sheet(source: Path, config: NewConfig) -> Image.Image:
    """Draw some pictures as they are, and beside each as the bundle's models would see it.

    :raises StudioError: as :func:`new`.
    """
    pairs, side = preview(source, config).pairs, 128
    sheet = Image.new("RGB", (2 * side + 12, len(pairs) * (side + 4)), "white")
    for row, (_, picture, seen) in enumerate(pairs):
        original = imaging.letterboxed(picture, side, 3)
        enlarged = Image.fromarray(seen.squeeze()).resize((side, side), Image.Resampling.NEAREST)
        sheet.paste(original, (0, row * (side + 4)))
        sheet.paste(enlarged.convert("RGB"), (side + 12, row * (side + 4)))
    return sheet


def preparation(config: NewConfig, channels: int) -> Callable[[Image.Image], np.ndarray]:
    """Return what makes uint8 [S, S, C] of a picture."""

    def prepare(picture: Image.Image) -> np.ndarray:
        return imaging.fitted(config.preparation, picture, config.size, channels)[0]

    return prepare


def channels_of(config: NewConfig, found: Sequence[Entry]) -> int:
    """Return 1 for grey pictures and 3 for colours, as is said, or as some of them show."""
    if config.colours != "auto":
        return 1 if config.colours == "grey" else 3
    return 1 if all(_is_grey(picture) for picture in _first(found)) else 3


def natural(name: str) -> list[tuple[int, int, str]]:
    """So that 10 comes after 9."""
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in re.split(r"(\d+)", name) if p]


def _first(found: Sequence[Entry]) -> list[Image.Image]:
    """Some pictures from all over the source."""
    chosen = []
    for entry in found[:: max(len(found) // LOOKED_AT, 1)][:LOOKED_AT]:
        try:
            chosen.append(imaging.read_picture(entry.source))
        except StudioError:
            continue
    return chosen


def _is_grey(picture: Image.Image) -> bool:
    if picture.mode == "L":
        return True
    values = np.asarray(picture.convert("RGB").resize((64, 64))).astype(int)
    return int((values.max(-1) - values.min(-1)).max()) <= 8  # JPEG's own rounding
