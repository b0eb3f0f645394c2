"""A run's steps in a row, and as a film."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from backends.core import Answer, Frame
from backends.errors import MissingPart
from studio.export.heatmaps import as_picture, enlarge

__all__ = ["chosen", "film_strip", "require_video", "video"]

TILE, GAP, LINE = 192, 8, 26  # pixels of a strip: a picture's side, between two, a line of words
PER_SECOND, MOST = 12, 240  # steps of a film
FIRST, LAST = 8, 18  # frames for which the factual and the counterfactual stand still
SIDE = 512


def chosen(frames: Sequence[Frame], count: int) -> list[Frame]:
    """At most ``count`` of the frames, at equal distances, the first and the last among them."""
    if len(frames) <= count:
        return list(frames)
    picked = np.linspace(0, len(frames) - 1, count).round().astype(int)
    return [frames[i] for i in picked]


def film_strip(
    answer: Answer, frames: Sequence[Frame], count: int = 6, title: str = ""
) -> Image.Image:
    """The factual, some of the steps and the counterfactual in a row, with words below, and
    ``title`` above."""
    tiles = [(answer.factual, "factual")]
    tiles += [
        (f.picture, f"step {f.index}: {f.target_probability:.0%}") for f in chosen(frames, count)
    ]
    tiles.append((answer.counterfactual, "counterfactual"))
    step, top = TILE + GAP, GAP + (LINE if title else 0)
    size = (GAP + len(tiles) * step, top + TILE + GAP + LINE)
    strip = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(strip), ImageFont.load_default(15)
    draw.text((GAP, GAP), title, "#222", font, anchor="lt")
    for i, (array, words) in enumerate(tiles):
        picture = enlarge(as_picture(array), TILE).convert("RGB")
        left = GAP + i * step
        corner = (left + (TILE - picture.width) // 2, top + (TILE - picture.height) // 2)
        strip.paste(picture, corner)
        draw.text((left + TILE / 2, top + TILE + GAP), words, "#222", font, anchor="mt")
    return strip


def require_video() -> None:
    """:raises MissingPart: the package that writes films is not installed."""
    if find_spec("av") is None:
        raise MissingPart(
            'an MP4 needs a package; run: pip install "counterfactual-studio[video]" '
            "(or take the GIF)"
        )


def video(path: Path, answer: Answer, frames: Sequence[Frame]) -> None:
    """Write the search as MP4 that browsers play: H.264, 4:2:0, even sides.

    :raises MissingPart: the package that does it is not installed.
    """
    require_video()
    import av

    steps = chosen(frames, MOST)
    pictures = [_even(array) for array in (answer.factual, *(f.picture for f in steps))]
    pictures.append(_even(answer.counterfactual))
    size = max(picture.size for picture in pictures)
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as file:
        stream = file.add_stream("h264", rate=PER_SECOND, options={"crf": "18"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for moment, picture in enumerate(_timed(pictures)):
            image = picture if picture.size == size else picture.resize(size)
            frame = av.VideoFrame.from_image(image)  # type: ignore[no-untyped-call]
            frame.pts, frame.time_base = moment, Fraction(1, PER_SECOND)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


def _timed(pictures: Sequence[Image.Image]) -> Iterator[Image.Image]:
    yield from [pictures[0]] * FIRST
    yield from pictures[1:-1]
    yield from [pictures[-1]] * LAST


def _even(array: np.ndarray) -> Image.Image:
    picture = enlarge(as_picture(array), SIDE).convert("RGB")
    width, height = (max(2, side - side % 2) for side in picture.size)
    return picture.crop((0, 0, width, height))
