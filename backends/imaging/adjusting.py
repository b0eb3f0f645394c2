"""What a person does to a picture before a model sees it: turn, crop, make black and white."""

from __future__ import annotations

from typing import Self

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Adjustment", "adjusted"]

TURNS = (None, Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_90)
LEAST = 8  # pixels a side


class Adjustment(BaseModel):
    """In the order in which it is done.

    :ivar turn: quarters clockwise.
    :ivar box: left, top, right and bottom of what is kept, as shares of the turned picture.
    :ivar threshold: the brightness, 0 to 255, from which on all is white, and below it black; None
        keeps the picture's own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    turn: int = Field(0, ge=0, le=3)
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    threshold: int | None = Field(None, ge=1, le=255)

    @model_validator(mode="after")
    def _box_is_one(self) -> Self:
        left, top, right, bottom = self.box
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise ValueError("the box lies outside the picture, or is empty")
        return self


def adjusted(picture: Image.Image, wanted: Adjustment) -> Image.Image:
    """A new picture of mode L or RGB; what is kept of it has 8 pixels a side or more."""
    turn = TURNS[wanted.turn]
    if turn is not None:
        picture = picture.transpose(turn)
    left, top, right, bottom = wanted.box
    width, height = picture.size
    x, y = (
        min(round(at * side), max(side - LEAST, 0))
        for at, side in ((left, width), (top, height))
    )  # fmt: skip
    box = (x, y, max(round(right * width), x + LEAST), max(round(bottom * height), y + LEAST))
    picture = picture.crop((*box[:2], min(box[2], width), min(box[3], height)))
    if wanted.threshold is not None:
        threshold = wanted.threshold
        picture = picture.convert("L").point(lambda value: 255 if value >= threshold else 0)
    return picture
