"""CLARITY: a latent search that follows an ensemble of latent classifiers.

Theobald et al.: CLARITY, 2022, https://arxiv.org/abs/2211.15370.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from backends.core import Region, Step, Strength, TargetModel
from backends.methods.common.descent import COMPARED, SearchConfig, descend
from backends.priors.core import Prior, by_row

__all__ = ["Clarity"]


class ClarityConfig(SearchConfig):
    """CLARITY's own settings."""

    steps: int = Field(
        1000, ge=1, le=5000, title="Most steps", description="The search ends after these"
    )


class Clarity:
    """The gradient comes from an ensemble of classifiers of latents, whose boundaries are smoother
    than the target model's; the target model decides when an answer is valid."""

    name: ClassVar[str] = "clarity"
    title: ClassVar[str] = "CLARITY (baseline)"
    summary: ClassVar[str] = "Follows an ensemble of latent classifiers until the model agrees."
    strengths: ClassVar[str] = "Needs no gradients of the model."
    costs: ClassVar[str] = "Follows classifiers of its own, which may disagree with the model."
    suits: ClassVar[tuple[Strength, ...]] = ()
    paper: ClassVar[str] = (
        "Theobald et al., CLARITY: an improved gradient method for producing quality visual "
        "counterfactual explanations, 2022" + COMPARED
    )
    needs: ClassVar[tuple[str, ...]] = ("autoencoder", "latent_ensemble")
    differentiable: ClassVar[bool] = False
    kind: ClassVar[str] = "baseline"
    knows_classes: ClassVar[bool] = True
    seeded: ClassVar[bool] = False
    Config: ClassVar[type[BaseModel]] = ClarityConfig

    def __init__(
        self, target_model: TargetModel, autoencoder: Prior, latent_ensemble: nn.Module
    ) -> None:
        self.f, self.g, self.ensemble = target_model, autoencoder, latent_ensemble

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: ClarityConfig,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """Search from z = E(x)."""
        with torch.no_grad():
            z = self.g.encode(factual)

        def loss(rows: Tensor, z_: Tensor, x_: Tensor, log_p: Tensor) -> Tensor:
            return -self.ensemble(z_).gather(1, target[rows][:, None]).squeeze(1)

        yield from descend(self.f, by_row(self.g), z, factual, target, region.mask, config, loss)
