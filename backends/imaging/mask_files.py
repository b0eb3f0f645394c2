"""Masks in JSON: COCO's run lengths and polygons, Label Studio's brushes, polygons and boxes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from backends.errors import BadInput

__all__ = ["json_mask"]

MOST = 50_000_000  # pixels
WHAT = "give COCO's annotations or one of its segmentations, or Label Studio's JSON export"


def json_mask(content: bytes, size: tuple[int, int]) -> np.ndarray:
    """Read a mask, uint8 [H, W] of 0 and 255; of several annotations what any of them marks.

    :param size: (width, height) of the picture, for polygons that do not say it.
    :raises BadInput: it is no such file, or damaged.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the mask is no JSON; {WHAT}") from error
    try:
        masks = list(_masks(found, size))
    except BadInput:
        raise
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise BadInput(f"the mask's JSON is not understood; {WHAT}") from error
    if not masks:
        raise BadInput(f"the mask's JSON marks nothing; {WHAT}")
    if len({mask.shape for mask in masks}) > 1:
        raise BadInput("the mask's JSON is of pictures of several sizes; leave one picture's")
    return np.where(np.logical_or.reduce(masks), 255, 0).astype(np.uint8)


def _masks(found: Any, size: tuple[int, int]) -> Any:
    """Booleans [H, W], one an annotation."""
    if isinstance(found, list) and found and all(isinstance(one, dict) for one in found):
        for one in found:
            yield from _masks(one, size)
    elif isinstance(found, list) and found:
        yield _polygons(found, size)
    elif isinstance(found, dict):
        yield from _of_dict(found, size)
    else:
        raise BadInput(f"the mask's JSON is not understood; {WHAT}")


def _of_dict(found: dict[str, Any], size: tuple[int, int]) -> Any:
    if "counts" in found:
        yield _runs(found)
    elif "segmentation" in found:
        yield from _masks(found["segmentation"], size)
    elif "value" in found and "original_width" in found:  # a result of Label Studio
        yield _labelled(found)
    elif isinstance(found.get("images"), list) and isinstance(found.get("annotations"), list):
        if len(found["images"]) != 1:
            raise BadInput("the mask's JSON is of several pictures; leave one picture's")
        image = found["images"][0]
        yield from _masks(found["annotations"], (int(image["width"]), int(image["height"])))
    else:
        for name in ("annotations", "result", "completions"):
            if found.get(name):
                yield from _masks(found[name], size)


def _checked(width: Any, height: Any) -> tuple[int, int]:
    width, height = int(width), int(height)
    if width < 1 or height < 1 or width * height > MOST:
        raise BadInput(f"the mask is {width}x{height} pixels; reduce it to {MOST // 10**6} million")
    return width, height


def _runs(found: dict[str, Any]) -> np.ndarray:
    """COCO's run lengths, down the columns, of 0 first; numbers or their packed text."""
    height, width = found["size"]
    width, height = _checked(width, height)
    counts = found["counts"]
    counts = _unpacked(counts) if isinstance(counts, str) else [int(n) for n in counts]
    if any(n < 0 for n in counts) or sum(counts) != width * height:
        raise BadInput("the run lengths of the mask do not add up to its size; export it again")
    values = np.repeat(np.arange(len(counts)) % 2, counts)
    return values.reshape(width, height).T > 0


def _unpacked(text: str) -> list[int]:
    """COCO's text: 6 bits a character, 5 of them the number's, and from the third number on the
    difference from the last but one."""
    counts: list[int] = []
    place = 0
    while place < len(text):
        number, shift, more = 0, 0, True
        while more:
            bits = ord(text[place]) - 48
            number |= (bits & 31) << shift
            more = bool(bits & 32)
            place, shift = place + 1, shift + 5
            if not more and bits & 16:
                number -= 1 << shift
        counts.append(number + counts[-2] if len(counts) > 2 else number)
    return counts


def _polygons(points: list[Any], size: tuple[int, int]) -> np.ndarray:
    """COCO's polygons: x, y, x, y ... in pixels; one, or a list of them."""
    drawn = points if isinstance(points[0], list) else [points]
    return _drawn([np.asarray(one, dtype=float).reshape(-1, 2) for one in drawn], size)


def _drawn(polygons: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    mask = Image.new("L", _checked(*size))
    pen = ImageDraw.Draw(mask)
    for polygon in polygons:
        if len(polygon) < 3:
            raise BadInput("a polygon of the mask has fewer than three corners")
        # A pixel's middle, not its corner, is where Pillow's numbers lie.
        pen.polygon([(float(x) - 0.5, float(y) - 0.5) for x, y in polygon], fill=255)
    return np.asarray(mask) > 0


def _labelled(found: dict[str, Any]) -> np.ndarray:
    """One region of Label Studio; but for brushes its numbers are percents."""
    width, height = _checked(found["original_width"], found["original_height"])
    value = found["value"]
    if "rle" in value:
        return _brush(value["rle"], width, height)
    scale = np.array([width / 100, height / 100])
    if "points" in value:
        return _drawn([np.asarray(value["points"], dtype=float) * scale], (width, height))
    x, y, w, h = (float(value[name]) for name in ("x", "y", "width", "height"))
    corners = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]]) * scale
    return _drawn([corners], (width, height))


def _brush(packed: list[int], width: int, height: int) -> np.ndarray:
    """Label Studio's brush: a bit stream of the runs of an RGBA picture, whose alpha counts."""
    bits = np.unpackbits(np.asarray(packed, dtype=np.uint8))
    place = 0

    def number(count: int) -> int:
        nonlocal place
        if place + count > len(bits):
            raise BadInput("the brush of the mask has lost its end; export it again")
        value = int("".join(map(str, bits[place : place + count])), 2)
        place += count
        return value

    total, word = number(32), number(5) + 1
    lengths = [number(4) + 1 for _ in range(4)]
    if total != 4 * width * height:
        raise BadInput("the brush of the mask is of another size than it says; export it again")
    values = np.zeros(total, np.uint8)
    at = 0
    while at < total:
        same = number(1)
        run = 1 + number(lengths[number(2)])
        end = min(at + run, total)
        if same:
            values[at:end] = number(word)
        else:
            for i in range(at, end):
                values[i] = number(word)
        at = end
    return values.reshape(height, width, 4)[..., 3] > 0
