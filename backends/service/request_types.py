"""The types of a request's fields: whoever makes one may put anything into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from backends.core import Request
from backends.errors import BadInput

__all__ = ["require_types"]

TEXTS = ("bundle", "method", "target", "region", "model")
LONGEST = 4000  # characters of one; a mask's path may be long
NAME = 255  # bytes of a part of a path


def require_types(request: Request) -> None:
    """Check that the fields are what they should be.

    :raises BadInput: one is not, in a sentence.
    """
    for name in TEXTS:
        _require_text(name, getattr(request, name))
    if any(len(part.encode()) > NAME for part in request.bundle.split("/")):
        raise BadInput("the bundle's name is too long; choose one that is listed")
    picture, mask = request.picture, request.mask
    if not _pixels(picture, 3) or picture.shape[2] not in (1, 3) or 0 in picture.shape:
        raise BadInput("the picture is no array uint8 [H, W, 1 or 3]; prepare it first")
    if mask is not None and not _pixels(mask, 2):
        raise BadInput("the mask is no array uint8 [H, W]; give 255 where change is allowed")
    if not isinstance(request.settings, Mapping):
        raise BadInput("the settings are no object of names and values; give them by name")
    for key in request.settings:
        _require_text("a setting's name", key)
    if not isinstance(request.importance, (bool, np.bool_)):
        raise BadInput("importance is yes or no; give True or False")


def _require_text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise BadInput(
            "{name} is a text, not {name_2}; give one", name=name, name_2=type(value).__name__
        )
    if len(value) > LONGEST or "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise BadInput(
            "{name} is too long, or has characters that no name has; write another", name=name
        )


def _pixels(array: Any, dimensions: int) -> bool:
    return (
        isinstance(array, np.ndarray)
        and array.ndim == dimensions
        and array.dtype in (np.uint8, np.bool_)
    )
