"""PLACE: a latent search under the density of a normalizing flow.

Lenkiewicz, Musialek, Furman, Zieba: Plausible Visual Counterfactual Explanations in Latent Space
with Normalizing Flows, 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import log
from typing import ClassVar, Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from backends.core import Region, Step, Strength, TargetModel
from backends.errors import MissingPart
from backends.methods.common.descent import SearchConfig, descend
from backends.priors.core import Correctable, Prior, by_row

__all__ = ["Place"]


class PlaceConfig(SearchConfig):
    """Equation 1's weights."""

    decision: Literal["log_margin", "margin"] = Field(
        "log_margin", title="Decision loss",
        description="Margin of the log-probability, or of the probability (paper), which has no "
        "gradient left where the model is sure of another class",
    )  # fmt: skip
    decision_weight: float = Field(
        10.0, ge=0, le=1e4, title="Decision weight", description="λ_dec: of the margin loss"
    )
    distance_weight: float = Field(
        1.0, ge=0, le=1e3, title="Distance weight", description="λ_dist: of the latent distance"
    )
    plausibility_weight: float = Field(
        0.5, ge=0, le=1e3, title="Plausibility weight",
        description="λ_plaus: of the negative log-density under the target class",
    )  # fmt: skip
    perceptual_weight: float = Field(
        0.0, ge=0, le=1e3, title="Perceptual weight",
        description="λ_perc: of LPIPS, by the bundle's network or torchvision's SqueezeNet",
    )  # fmt: skip


class Place:
    """Equation 1. The paper's own weights on MNIST are 10, 1, 10 with a learning rate of 0.01, for
    a latent of about 128 dimensions; with nothing to hold the density back they end at a class's
    most typical digit. Ours weigh the density less and take longer steps (0.1); so that such a
    search still gets to the target, the decision loss is the margin's logarithm
    (``decision="margin"``: the paper's). The perceptual term is the bundle's part ``lpips``, where
    it has one, else LPIPS of SqueezeNet."""

    name: ClassVar[str] = "place"
    title: ClassVar[str] = "PLACE"
    summary: ClassVar[str] = (
        "Searches an autoencoder's latent space for what is near, convincing and likely."
    )
    strengths: ClassVar[str] = (
        "Weighs conviction, closeness and likelihood openly; its answers are likely pictures of "
        "their class."
    )
    costs: ClassVar[str] = (
        "Follows gradients for many steps; a strong likelihood makes answers smoother than real "
        "pictures."
    )
    suits: ClassVar[tuple[Strength, ...]] = ("realism",)
    paper: ClassVar[str] = (
        "Lenkiewicz et al., Plausible Visual Counterfactual Explanations in Latent Space with "
        "Normalizing Flows, 2026"
    )
    needs: ClassVar[tuple[str, ...]] = ("autoencoder", "density")
    optional: ClassVar[tuple[str, ...]] = ("lpips",)
    differentiable: ClassVar[bool] = True
    kind: ClassVar[str] = "method"
    knows_classes: ClassVar[bool] = True
    seeded: ClassVar[bool] = False
    Config: ClassVar[type[BaseModel]] = PlaceConfig

    def __init__(
        self,
        target_model: TargetModel,
        autoencoder: Prior,
        density: nn.Module,
        lpips: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> None:
        self.f, self.g, self.p_F, self.lpips = target_model, autoencoder, density, lpips

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: PlaceConfig,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """Search from z = E(x).

        :raises MissingPart: the perceptual loss is asked for and its network is not there.
        """
        with torch.no_grad():
            z = self.g.encode(factual)
        perceptual = (self.lpips or squeeze_lpips()) if config.perceptual_weight else None

        def loss(rows: Tensor, z_: Tensor, x_: Tensor, log_p: Tensor) -> Tensor:
            needed = 0.5 + config.margin
            if config.decision == "margin":
                decision = (needed - log_p.exp()).clamp_min(0)  # eq. 2
            else:
                decision = (log(needed) - log_p).clamp_min(0)
            # The norm has no gradient where the search begins.
            distance = ((z[rows] - z_).square().sum(1) + 1e-12).sqrt()  # eq. 3
            plausibility = -self.p_F(z_, target[rows])  # eq. 4
            total = (
                config.decision_weight * decision
                + config.distance_weight * distance
                + config.plausibility_weight * plausibility
            )
            if perceptual:
                total = total + config.perceptual_weight * perceptual(factual[rows], x_)  # eq. 5
            return total

        yield from descend(
            self.f, by_row(self.g), z, factual, target, region.mask, config, loss,
            self.g.correct if isinstance(self.g, Correctable) else None,
        )  # fmt: skip


def squeeze_lpips() -> Callable[[Tensor, Tensor], Tensor]:
    """LPIPS of SqueezeNet, whose weights come from torchvision.

    :raises MissingPart: they are not on this machine.
    """
    from backends.metrics.lpips import lpips, problem

    missing = problem()
    if missing:
        raise MissingPart("this bundle has no part 'lpips', and {missing}", missing=missing)
    return lpips
