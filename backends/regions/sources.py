"""From what a person asked for to a mask: whole, auto, box, or a mask of their own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from backends.core import Request
from backends.errors import BadInput

__all__ = ["box", "mask_of"]


def mask_of(request: Request, propose: Callable[[dict[str, Any]], np.ndarray]) -> np.ndarray:
    """The request's region as uint8 [H, W], non-zero where change is allowed.

    :param propose: settings of an automatic region -> its mask.
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
        case "auto":
            pairs = [option.partition("=") for option in options.split(",") if option]
            return propose({key.strip(): value.strip() for key, _, value in pairs})
    raise BadInput(
        f"region {request.region!r} is not known; use whole, auto, auto:area=0.3,cell=4, "
        "mask:FILE or box:X0,Y0,X1,Y1"
    )


def box(text: str, height: int, width: int) -> np.ndarray:
    """``X0,Y0,X1,Y1`` in pixels (X1, Y1 exclusive) as uint8 mask [H, W]."""
    match = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*", text)
    x0, y0, x1, y1 = (int(group) for group in match.groups()) if match else (0, 0, 0, 0)
    if not (x0 < x1 <= width and y0 < y1 <= height):
        raise BadInput(
            f"box {text!r} is not inside the {width}x{height} picture; "
            "write box:X0,Y0,X1,Y1 with X0 < X1 and Y0 < Y1"
        )
    mask = np.zeros((height, width), np.uint8)
    mask[y0:y1, x0:x1] = 255
    return mask
