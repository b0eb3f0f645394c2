"""Masks in JSON: COCO's run lengths and polygons, LabelMe's shapes, Label Studio's brushes,
polygons, ellipses and boxes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from backends.errors import BadInput
from backends.imaging.pages import Accept

__all__ = ["json_mask"]

MOST = 50_000_000  # pixels
ANNOTATIONS, CORNERS = 20_000, 1_000_000  # at most, of a file
PACKED = 7  # characters of a packed number at most: 5 bits each
# What drawing all shapes of a file may take: a pixel that is compared with a corner counts 1. It is
# half a minute.
WORK = 10_000_000_000
# What else counts: each shape, each of its pixels, each corner beside a band, a brush's byte.
SHAPE, PIXEL, CORNER, BYTE = 200_000, 10, 10, 1000
BAND = 1 << 16  # pixels of a polygon that are drawn at once
WHAT = (
    "give COCO's annotations or one of its segmentations, LabelMe's file, or Label Studio's JSON "
    "export"
)
SEVERAL = "the mask's JSON is of several pictures; leave one picture's"


def json_mask(content: bytes, size: tuple[int, int], accept: Accept | None = None) -> np.ndarray:
    """Read a mask, uint8 [H, W] of 0 and 255; of several annotations what any of them marks.

    :param size: (width, height) of the picture, for polygons that do not say it.
    :param accept: gets (width, height) of each annotation before it is drawn, and raises BadInput.
    :raises BadInput: it is no such file, damaged, or too large.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadInput("the mask is no JSON; {what}", what=WHAT) from error
    union = _Union(accept)
    try:
        _draw(found, size, union)
    except BadInput:
        raise
    except (
        AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError,
    ) as error:  # fmt: skip
        raise BadInput("the mask's JSON is not understood; {what}", what=WHAT) from error
    if union.mask is None:
        raise BadInput("the mask's JSON marks nothing; {what}", what=WHAT)
    return union.mask.astype(np.uint8, order="C") * np.uint8(255)


class _Union:
    """Union of all annotations of a file, drawn one after the other into one array.

    :ivar mask: bool [H, W]; None before the first. A column's pixels lie side by side, as the run
        lengths of COCO go.
    """

    def __init__(self, accept: Accept | None) -> None:
        self.mask: np.ndarray | None = None
        self._accept = accept
        self._annotations = self._corners = self._work = 0

    def begin(self, width: Any, height: Any) -> np.ndarray:
        """The mask, for an annotation of that size.

        :raises BadInput: the size is too large, not accepted, or not that of those before.
        """
        width, height = int(width), int(height)
        if width < 1 or height < 1 or width * height > MOST:
            raise BadInput(
                "the mask is {width}x{height} pixels; reduce it to {most} million",
                width=width,
                height=height,
                most=MOST // 10**6,
            )
        if self._accept is not None:
            self._accept((width, height))
        if self.mask is None:
            self.mask = np.zeros((width, height), bool).T
        elif self.mask.shape != (height, width):
            raise BadInput("the mask's JSON is of pictures of several sizes; leave one picture's")
        self._annotations += 1
        if self._annotations > ANNOTATIONS:
            raise BadInput(
                "the mask's JSON has more than {most} annotations; leave those that are meant",
                most=ANNOTATIONS,
            )
        return self.mask

    def spend(self, work: int, corners: int = 0) -> None:
        """Note what drawing takes, before it does.

        :raises BadInput: with what was drawn before it is too much.
        """
        self._work += work
        self._corners += corners
        if self._work > WORK or self._corners > CORNERS:
            raise BadInput(
                "the shapes of the mask take too long to draw; give fewer shapes or fewer "
                "corners, or save the mask as a PNG (white = change allowed)"
            )


def _draw(found: Any, size: tuple[int, int], union: _Union) -> None:
    """Draw all annotations, of a picture of that (width, height) where they do not say it."""
    if isinstance(found, list) and found and all(isinstance(one, dict) for one in found):
        tasks = [one for one in found if "annotations" in one or "completions" in one]
        if len(tasks) > 1 or len({str(one.get("image_id")) for one in found}) > 1:
            raise BadInput(SEVERAL)
        for one in found:
            _draw(one, size, union)
    elif isinstance(found, list) and found:
        _polygons(found, size, union)
    elif isinstance(found, dict):
        _draw_dict(found, size, union)
    else:
        raise BadInput("the mask's JSON is not understood; {what}", what=WHAT)


def _draw_dict(found: dict[str, Any], size: tuple[int, int], union: _Union) -> None:
    if "counts" in found:
        _runs(found, union)
    elif "segmentation" in found:
        _draw(found["segmentation"], size, union)
    elif "original_width" in found:  # a result of Label Studio
        value = found.get("value", found)  # its short export has no value apart
        if {"rle", "points", "radiusX", "width"} & set(value):
            _labelled(found, value, union)
    elif "shapes" in found:  # LabelMe
        size = (int(found["imageWidth"]), int(found["imageHeight"]))
        for one in found["shapes"]:
            _shape(one, size, union)
    elif found.get("was_cancelled"):  # skipped by who should have annotated
        return
    elif isinstance(found.get("images"), list) and isinstance(found.get("annotations"), list):
        if len(found["images"]) != 1:
            raise BadInput(SEVERAL)
        image = found["images"][0]
        _draw(found["annotations"], (int(image["width"]), int(image["height"])), union)
    else:
        known = [
            found[name] for name in ("annotations", "result", "completions") if found.get(name)
        ]
        short = [v for v in found.values() if isinstance(v, list) and v and _is_result(v[0])]
        for one in known or short:
            _draw(one, size, union)


def _is_result(found: Any) -> bool:
    return isinstance(found, dict) and "original_width" in found


def _runs(found: dict[str, Any], union: _Union) -> None:
    """COCO's run lengths, down the columns, of 0 first; numbers or their packed text."""
    height, width = found["size"]
    mask = union.begin(width, height)
    counts = found["counts"]
    most = mask.size + 1  # of runs, of which the first alone may be of no pixel
    if len(counts) > most * (PACKED if isinstance(counts, str) else 1):
        raise BadInput("the mask has more run lengths than pixels; export it again")
    counts = _unpacked(counts) if isinstance(counts, str) else [int(n) for n in counts]
    if any(n < 0 for n in counts) or sum(counts) != mask.size:
        raise BadInput("the run lengths of the mask do not add up to its size; export it again")
    union.spend(SHAPE + sum(counts[1::2]))
    pixels, at = mask.T.reshape(-1), 0
    for place, count in enumerate(counts):
        if place % 2:
            pixels[at : at + count] = True
        at += count


def _unpacked(text: str) -> list[int]:
    """COCO's text: 6 bits a character, 5 of them the number's, and from the third number on the
    difference from the last but one."""
    counts: list[int] = []
    place = 0
    while place < len(text):
        number, shift, more = 0, 0, True
        while more:
            if shift >= 5 * PACKED:
                raise BadInput("a run length of the mask is far too long; export it again")
            bits = ord(text[place]) - 48
            number |= (bits & 31) << shift
            more = bool(bits & 32)
            place, shift = place + 1, shift + 5
            if not more and bits & 16:
                number -= 1 << shift
        counts.append(number + counts[-2] if len(counts) > 2 else number)
    return counts


def _polygons(points: list[Any], size: tuple[int, int], union: _Union) -> None:
    """COCO's polygons: x, y, x, y ... in pixels; one, or a list of them."""
    drawn = points if isinstance(points[0], list) else [points]
    _fill((np.asarray(one, dtype=float).reshape(-1, 2) for one in drawn), size, union)


def _fill(polygons: Iterable[np.ndarray], size: tuple[int, int], union: _Union) -> None:
    """Mark what lies in any of the polygons [N, 2] of x and y: each pixel whose middle does."""
    mask = union.begin(*size)
    height, width = mask.shape
    for corners in polygons:
        if len(corners) < 3 or corners.shape[1] != 2 or not np.isfinite(corners).all():
            raise BadInput("a polygon of the mask has fewer than three corners")
        union.spend(SHAPE, corners=len(corners))
        near = corners.clip(-width - height, 2 * (width + height))  # far off is far off
        _fill_one(near, mask, union)


def _fill_one(corners: np.ndarray, mask: np.ndarray, union: _Union) -> None:
    """Mark what lies in one polygon or on its edge, some columns after the other."""
    # The rule of shapes.in_polygon, which makes lists of what is inside: too large for photographs.
    from skimage.measure import grid_points_in_poly

    height, width = mask.shape
    (left, top), (right, bottom) = corners.min(0), corners.max(0)
    x0, x1 = max(0, int(left)), min(width, int(right) + 1)
    y0, y1 = max(0, int(top)), min(height, int(bottom) + 1)
    if y0 >= y1:
        return
    columns = max(1, BAND // (y1 - y0))
    for start in range(x0, x1, columns):
        end = min(start + columns, x1)
        own = _beside(corners, start, end)
        area = (end - start) * (y1 - y0)
        union.spend(area * (len(own) + PIXEL) + CORNER * len(corners))
        inside = grid_points_in_poly((end - start, y1 - y0), own - (start, y0) - 0.5)
        mask.T[start:end, y0:y1] |= inside


def _beside(corners: np.ndarray, start: int, end: int) -> np.ndarray:
    """Keep the corners of a polygon that affect the columns from ``start`` to ``end``: parts of
    the outline that are entirely left or right of these become one straight line."""
    x = corners[:, 0]
    side = (x > end + 1).astype(int) - (x < start - 1)
    needed = (side == 0) | (side != np.roll(side, 1)) | (side != np.roll(side, -1))
    # All on one side, where nothing is marked, would leave none.
    return corners[needed] if needed.any() else corners[:3]


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


def _shape(found: dict[str, Any], size: tuple[int, int], union: _Union) -> None:
    """One of LabelMe's shapes, in pixels."""
    points = np.asarray(found["points"], dtype=float).reshape(-1, 2)
    kind = found.get("shape_type") or "polygon"
    if kind == "polygon":
        corners = points
    elif kind == "rectangle":
        (left, top), (right, bottom) = points
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    elif kind == "circle":
        middle, edge = points
        radius = float(np.hypot(*(edge - middle)))
        corners = _ellipse(middle[0], middle[1], radius, radius)
    else:
        raise BadInput(
            "the mask has a shape {kind!r}; use polygons, rectangles and circles", kind=kind
        )
    _fill([corners], size, union)


def _labelled(found: dict[str, Any], value: dict[str, Any], union: _Union) -> None:
    """One region of Label Studio; but for brushes its numbers are percents."""
    size = width, height = int(found["original_width"]), int(found["original_height"])
    if "rle" in value:
        _brush(value["rle"], size, union)
        return
    scale = np.array([width / 100, height / 100])
    if "points" in value:
        _fill([np.asarray(value["points"], dtype=float) * scale], size, union)
        return
    turn = float(value.get("rotation") or 0)  # of a box around its first corner
    x, y = float(value["x"]) * scale[0], float(value["y"]) * scale[1]
    if "radiusX" in value:
        across, down = float(value["radiusX"]) * scale[0], float(value["radiusY"]) * scale[1]
        _fill([_ellipse(x, y, across, down, turn)], size, union)
        return
    w, h = float(value["width"]) * scale[0], float(value["height"]) * scale[1]
    corners = _turned(np.array([[0, 0], [w, 0], [w, h], [0, h]]), turn, (x, y))
    _fill([corners], size, union)


def _brush(packed: list[int], size: tuple[int, int], union: _Union) -> None:
    """Label Studio's brush: a bit stream of the runs of an RGBA picture, whose alpha counts."""
    mask = union.begin(*size)
    union.spend(4 * mask.size + BYTE * len(packed))
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
    if total != 4 * mask.size:
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
    mask |= values.reshape(*mask.shape, 4)[..., 3] > 0
