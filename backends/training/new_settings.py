"""How a person's pictures become a bundle's; apart from the rest so that a form needs no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["NewConfig"]


class NewConfig(BaseModel):
    """How pictures become a bundle's."""

    model_config = ConfigDict(extra="forbid")

    size: Literal[32, 48, 64, 96, 128] = Field(64, title="Size", description="Pixels a side")
    colours: Literal["auto", "grey", "colour"] = Field(
        "auto", title="Colours", description="auto: grey where all pictures are"
    )
    preparation: Literal["square", "fit", "letterbox"] = Field(
        "square", title="Preparation",
        description="square: cut out the middle; fit: squeeze; letterbox: pad with black",
    )  # fmt: skip
    mirror: bool = Field(
        False, title="Mirror", description="Whether a mirrored picture shows the same thing"
    )
    held_out: float = Field(
        0.1, gt=0, lt=1, title="Held out",
        description="Share of pictures for judging, where the source has no splits of its own",
    )  # fmt: skip
    title: str = Field("", max_length=80, title="Title", description="What the page calls it")
