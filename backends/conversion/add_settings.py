"""How a published checkpoint is read; apart from the rest so that a command line needs no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AddConfig"]


class AddConfig(BaseModel):
    """What weights do not tell; the defaults are those of the published models."""

    model_config = ConfigDict(extra="forbid")

    weights: Literal["net", "ema"] = Field(
        "net", title="Weights",
        description="Of a file with both: the network (RCSB), or its moving average (I2SB)",
    )  # fmt: skip
    head_channels: int = Field(
        64, ge=1, title="Head channels", description="Channels of an attention head of ADM's U-Net"
    )
    heads: int | None = Field(
        None, ge=1, title="Heads",
        description="Attention heads of a latent U-Net; else 1 with classes, 8 with text",
    )  # fmt: skip
    interval: int = Field(
        1000, ge=4, title="Interval", description="Times of a bridge; RCSB's of CelebA has 500"
    )
    beta_max: float = Field(
        1.0, gt=0, title="beta_max", description="Greatest noise of a bridge, times its interval"
    )
    tokenizer: str = Field(
        "openai/clip-vit-large-patch14", title="Tokenizer",
        description="Of a file of Stable Diffusion: a folder with vocab.json, or the hub's cache",
    )  # fmt: skip
    prompt: str = Field(
        "a photo of a {}.", title="Prompt", description="Usual text of a class; {} is its name"
    )
