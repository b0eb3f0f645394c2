"""How a region is asked for; apart from the rest so that a form needs no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AutoRegion", "WordRegion"]

Name = Literal[
    "integrated_gradients", "input_x_gradient", "saliency", "deep_lift", "gradient_shap",
    "guided_backprop", "grad_cam", "guided_grad_cam", "lrp", "occlusion", "lime",
]  # fmt: skip


class AutoRegion(BaseModel):
    """How the model's attributions become a region."""

    model_config = ConfigDict(extra="forbid")

    attribution: Name = Field(
        "integrated_gradients", title="Attribution", description="How importance is measured"
    )
    area: float = Field(
        0.3, gt=0, le=1, title="Area", description="a: the region's greatest share of the picture"
    )
    cell: int = Field(4, ge=1, le=64, title="Cell size", description="c: side of a cell in pixels")


class WordRegion(BaseModel):
    """How a phrase becomes candidates; the thresholds are those of Grounding DINO's authors."""

    model_config = ConfigDict(extra="forbid")

    threshold: float = Field(
        0.30, gt=0, lt=1, title="Threshold", description="Least score of a box to be shown"
    )
    text_threshold: float = Field(
        0.25, gt=0, lt=1, title="Text threshold", description="Least score of a word in a label"
    )
    overlap: float = Field(
        0.8, gt=0, le=1, title="Overlap", description="Boxes with a greater IoU are one thing"
    )
    most: int = Field(10, ge=1, le=50, title="Most", description="Candidates for each phrase")
