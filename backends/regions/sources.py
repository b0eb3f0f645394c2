"""From what a person asked for to a mask: whole, auto, box, words, clicks, or a mask of their own.

``text:cat, dog;threshold=0.25`` is what the words mean, ``points:+X,Y;-X,Y`` what was clicked (+)
without what was clicked away (-), where ``;choice=3`` takes the largest of the three masks of a
single click, and ``sam:X0,Y0,X1,Y1`` the thing in a box.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from backends.core import Request
from backends.errors import BadInput

__all__ = ["box", "corners", "mask_of", "points", "text"]

NUMBER = r"\s*(\d+(?:\.\d+)?)\s*"


def mask_of(
    request: Request,
    propose: Callable[[dict[str, Any]], np.ndarray],
    draw: Callable[[str, str], np.ndarray],
) -> np.ndarray:
    """The request's region as uint8 [H, W], non-zero where change is allowed.

    :param propose: settings of an automatic region -> its mask.
    :param draw: a source that needs networks (text, points, sam) and its options -> its mask.
    :raises BadInput: the region is not understood, or does not fit the picture.
    """
    height, width = request.picture.shape[:2]
    if request.mask is not None:
        if request.mask.shape != (height, width):
            raise BadInput(
                f"the mask is {request.mask.shape[1]}x{request.mask.shape[0]} pixels, the picture "
                f"{width}x{height}; use a mask of the picture's size"
            )
        return request.mask
    source, _, options = request.region.partition(":")
    match source:
        case "whole":
            return np.full((height, width), 255, np.uint8)
        case "box":
            return box(options, height, width)
        case "text" | "points" | "sam":
            return draw(source, options)
        case "auto":
            pairs = [option.partition("=") for option in options.split(",") if option]
            return propose({key.strip(): value.strip() for key, _, value in pairs})
    raise BadInput(
        f"region {request.region!r} is not known; use whole, auto, auto:area=0.3,cell=4, "
        "mask:FILE, box:X0,Y0,X1,Y1, text:WORDS, points:+X,Y or sam:X0,Y0,X1,Y1"
    )


def box(text: str, height: int, width: int) -> np.ndarray:
    """``X0,Y0,X1,Y1`` in pixels (X1, Y1 exclusive) as uint8 mask [H, W]."""
    x0, y0, x1, y1 = corners(text, height, width)
    mask = np.zeros((height, width), np.uint8)
    mask[y0:y1, x0:x1] = 255
    return mask


def corners(text: str, height: int, width: int) -> tuple[int, int, int, int]:
    """``X0,Y0,X1,Y1`` in pixels.

    :raises BadInput: it is not of that form, empty, or not inside the picture.
    """
    match = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*", text)
    x0, y0, x1, y1 = (int(group) for group in match.groups()) if match else (0, 0, 0, 0)
    if not (x0 < x1 <= width and y0 < y1 <= height):
        raise BadInput(
            f"box {text!r} is not inside the {width}x{height} picture; "
            "write X0,Y0,X1,Y1 with X0 < X1 and Y0 < Y1"
        )
    return x0, y0, x1, y1


def text(options: str) -> tuple[str, dict[str, str]]:
    """``cat, dog;threshold=0.25`` -> the prompt, and settings by name."""
    prompt, *pairs = options.split(";")
    settings = {}
    for pair in filter(str.strip, pairs):
        key, equals, value = pair.partition("=")
        if not equals:
            raise BadInput(f"{pair.strip()!r} is no setting; write text:WORDS;threshold=0.25")
        settings[key.strip()] = value.strip()
    return prompt, settings


def points(
    options: str, height: int, width: int
) -> tuple[list[tuple[float, float]], list[int], int | None]:
    """``+X,Y;-X,Y;choice=3`` -> the clicks (x, y) in pixels, their labels (1 and 0), the choice.

    :raises BadInput: it is not of that form, or a click is outside the picture.
    """
    clicks: list[tuple[float, float]] = []
    labels, choice = [], None
    for piece in filter(str.strip, options.split(";")):
        if match := re.fullmatch(r"\s*choice\s*=\s*([1-9])\s*", piece):
            choice = int(match[1])
        elif match := re.fullmatch(rf"\s*([+-]?){NUMBER},{NUMBER}", piece):
            clicks.append((float(match[2]), float(match[3])))
            labels.append(0 if match[1] == "-" else 1)
        else:
            raise BadInput(f"click {piece.strip()!r} is not understood; write points:+X,Y;-X,Y")
    if 1 not in labels:
        raise BadInput("no click says what shall change; write points:+X,Y")
    if any(x >= width or y >= height for x, y in clicks):
        raise BadInput(f"a click of {options!r} is outside the {width}x{height} picture")
    return clicks, labels, choice
