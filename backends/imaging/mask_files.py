"""Masks in JSON: COCO's run lengths and polygons, LabelMe's shapes, Label Studio's brushes,
polygons, ellipses and boxes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from backends.errors import BadInput
from backends.imaging.shapes import in_polygon

__all__ = ["json_mask"]

MOST = 50_000_000  # pixels
WHAT = (
    "give COCO's annotations or one of its segmentations, LabelMe's file, or Label Studio's JSON "
    "export"
)
SEVERAL = "the mask's JSON is of several pictures; leave one picture's"


def json_mask(content: bytes, size: tuple[int, int]) -> np.ndarray:
    """Read a mask, uint8 [H, W] of 0 and 255; of several annotations what any of them marks.

    :param size: (width, height) of the picture, for polygons that do not say it.
    :raises BadInput: it is no such file, or damaged.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadInput("the mask is no JSON; {what}", what=WHAT) from error
    try:
        masks = list(_masks(found, size))
    except BadInput:
        raise
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise BadInput("the mask's JSON is not understood; {what}", what=WHAT) from error
    if not masks:
        raise BadInput("the mask's JSON marks nothing; {what}", what=WHAT)
    if len({mask.shape for mask in masks}) > 1:
        raise BadInput("the mask's JSON is of pictures of several sizes; leave one picture's")
    return np.where(np.logical_or.reduce(masks), 255, 0).astype(np.uint8)


def _masks(found: Any, size: tuple[int, int]) -> Any:
    """Booleans [H, W], one an annotation."""
    if isinstance(found, list) and found and all(isinstance(one, dict) for one in found):
        tasks = [one for one in found if "annotations" in one or "completions" in one]
        if len(tasks) > 1 or len({str(one.get("image_id")) for one in found}) > 1:
            raise BadInput(SEVERAL)
        for one in found:
            yield from _masks(one, size)
    elif isinstance(found, list) and found:
        yield _polygons(found, size)
    elif isinstance(found, dict):
        yield from _of_dict(found, size)
    else:
        raise BadInput("the mask's JSON is not understood; {what}", what=WHAT)


def _of_dict(found: dict[str, Any], size: tuple[int, int]) -> Any:
    if "counts" in found:
        yield _runs(found)
    elif "segmentation" in found:
        yield from _masks(found["segmentation"], size)
    elif "original_width" in found:  # a result of Label Studio
        value = found.get("value", found)  # its short export has no value apart
        if {"rle", "points", "radiusX", "width"} & set(value):
            yield _labelled(found, value)
    elif "shapes" in found:  # LabelMe
        size = (int(found["imageWidth"]), int(found["imageHeight"]))
        yield from (_shape(one, size) for one in found["shapes"])
    elif found.get("was_cancelled"):  # skipped by who should have annotated
        return
    elif isinstance(found.get("images"), list) and isinstance(found.get("annotations"), list):
        if len(found["images"]) != 1:
            raise BadInput(SEVERAL)
        image = found["images"][0]
        yield from _masks(found["annotations"], (int(image["width"]), int(image["height"])))
    else:
        known = [
            found[name] for name in ("annotations", "result", "completions") if found.get(name)
        ]
        short = [v for v in found.values() if isinstance(v, list) and v and _is_result(v[0])]
        for one in known or short:
            yield from _masks(one, size)


def _is_result(found: Any) -> bool:
    return isinstance(found, dict) and "original_width" in found


def _checked(width: Any, height: Any) -> tuple[int, int]:
    width, height = int(width), int(height)
    if width < 1 or height < 1 or width * height > MOST:
        raise BadInput(
            "the mask is {width}x{height} pixels; reduce it to {most} million",
            width=width,
            height=height,
            most=MOST // 10**6,
        )
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
    """What lies in any of the polygons [N, 2] of x and y: each pixel whose middle does."""
    width, height = _checked(*size)
    mask = np.zeros((height, width), bool)
    for corners in polygons:
        if len(corners) < 3 or corners.shape[1] != 2 or not np.isfinite(corners).all():
            raise BadInput("a polygon of the mask has fewer than three corners")
        near = corners.clip(-width - height, 2 * (width + height))  # far off is far off
        mask |= in_polygon(near, (width, height))
    return mask


def _ellipse(x: float, y: float, across: float, down: float, turn: float = 0.0) -> np.ndarray:
    """Its outline as a polygon [N, 2].

    :param turn: degrees clockwise.
    """
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    outline = np.stack([np.cos(angle) * across, np.sin(angle) * down], -1)
    return _turned(outline, turn, (x, y))


def _turned(points: np.ndarray, degrees: float, origin: tuple[float, float]) -> np.ndarray:
    """Points [N, 2] around (0, 0), turned clockwise and moved to the origin."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return points @ np.array([[cos, sin], [-sin, cos]]) + np.asarray(origin)


def _shape(found: dict[str, Any], size: tuple[int, int]) -> np.ndarray:
    """One of LabelMe's shapes, in pixels."""
    points = np.asarray(found["points"], dtype=float).reshape(-1, 2)
    kind = found.get("shape_type") or "polygon"
    if kind == "polygon":
        return _drawn([points], size)
    if kind == "rectangle":
        (left, top), (right, bottom) = points
        corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
        return _drawn([np.array(corners)], size)
    if kind == "circle":
        middle, edge = points
        radius = float(np.hypot(*(edge - middle)))
        return _drawn([_ellipse(middle[0], middle[1], radius, radius)], size)
    raise BadInput("the mask has a shape {kind!r}; use polygons, rectangles and circles", kind=kind)


def _labelled(found: dict[str, Any], value: dict[str, Any]) -> np.ndarray:
    """One region of Label Studio; but for brushes its numbers are percents."""
    width, height = _checked(found["original_width"], found["original_height"])
    if "rle" in value:
        return _brush(value["rle"], width, height)
    scale = np.array([width / 100, height / 100])
    if "points" in value:
        return _drawn([np.asarray(value["points"], dtype=float) * scale], (width, height))
    turn = float(value.get("rotation") or 0)  # of a box around its first corner
    x, y = float(value["x"]) * scale[0], float(value["y"]) * scale[1]
    if "radiusX" in value:
        across, down = float(value["radiusX"]) * scale[0], float(value["radiusY"]) * scale[1]
        return _drawn([_ellipse(x, y, across, down, turn)], (width, height))
    w, h = float(value["width"]) * scale[0], float(value["height"]) * scale[1]
    corners = _turned(np.array([[0, 0], [w, 0], [w, h], [0, h]]), turn, (x, y))
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
