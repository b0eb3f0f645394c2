"""How an automatic region is asked for; apart from the rest so that a form needs no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AutoRegion"]

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
