"""REVISE: cross-entropy and the distance of the pixels, in a latent space.

Joshi, Koyejo, Vijitbenjaronk, Kim, Ghosh: Towards Realistic Individual Recourse and Actionable
Explanations in Black-Box Decision Making Systems, 2019, https://arxiv.org/abs/1907.09615.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from typing import ClassVar, Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor

from backends.core import Goal, Region, Step, Strength, TargetModel
from backends.errors import MissingPart
from backends.methods.common.descent import COMPARED, SearchConfig, descend
from backends.priors.core import Prior, by_row

__all__ = ["Revise"]


class ReviseConfig(SearchConfig):
    """REVISE's own settings. The reference sums the differences of some ten columns of a table; the
    sum over 1024 pixels outweighs the cross-entropy, so that fewer answers flip
    (``benchmarks.scales`` has both)."""

    steps: int = Field(
        1000, ge=1, le=5000, title="Most steps", description="The search ends after these"
    )
    distance_weight: float = Field(
        0.5, ge=0, le=1e3, title="Distance weight",
        description="λ: of the absolute difference of the pixels",
    )  # fmt: skip
    space: Literal["autoencoder", "flow", "gan"] = Field(
        "autoencoder", title="Search space",
        description="Whose latents are searched: the autoencoder's, the flow's or the GAN's, where "
        "the bundle has it",
    )  # fmt: skip
    distance: Literal["mean", "sum"] = Field(
        "mean", title="Pixel distance",
        description="Mean over the pixels, or their sum as in CARLA, REVISE's reference for tables",
    )  # fmt: skip


class Revise:
    """Cross-entropy and the pixels' absolute difference, in the latent space: an autoencoder's as
    in the paper, or another prior's."""

    name: ClassVar[str] = "revise"
    title: ClassVar[str] = "REVISE (baseline)"
    summary: ClassVar[str] = "Searches the latent space for what is near and convincing."
    strengths: ClassVar[str] = "Simple and quick: what is near and convincing."
    costs: ClassVar[str] = "Nothing keeps its answers likely, so they are often untypical."
    suits: ClassVar[tuple[Strength, ...]] = ("speed", "closeness")
    paper: ClassVar[str] = (
        "Joshi et al., Towards Realistic Individual Recourse and Actionable Explanations in "
        "Black-Box Decision Making Systems, 2019" + COMPARED
    )
    needs: ClassVar[tuple[str, ...]] = ("autoencoder",)
    optional: ClassVar[tuple[str, ...]] = ("flow", "gan")
    differentiable: ClassVar[bool] = True
    kind: ClassVar[str] = "baseline"
    knows_classes: ClassVar[bool] = False
    seeded: ClassVar[bool] = False
    Config: ClassVar[type[BaseModel]] = ReviseConfig

    def __init__(
        self,
        target_model: TargetModel,
        autoencoder: Prior,
        flow: Prior | None = None,
        gan: Prior | None = None,
    ) -> None:
        self.f = target_model
        self.priors = {"autoencoder": autoencoder, "flow": flow, "gan": gan}

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: ReviseConfig,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """Search from z = E(x).

        :raises MissingPart: the bundle does not have the prior whose space is asked for.
        """
        g = self.priors[config.space]
        if g is None:
            raise MissingPart("this bundle has no part {space!r}", space=config.space)
        with torch.no_grad():
            z = g.encode(factual)

        # Past a regressor's value there is no more to gain.
        most = log(0.5 + config.margin) if isinstance(self.f, Goal) else 0.0

        def loss(rows: Tensor, z_: Tensor, x_: Tensor, log_p: Tensor) -> Tensor:
            change = (x_ - factual[rows]).abs().flatten(1)
            distance = change.mean(1) if config.distance == "mean" else change.sum(1)
            return -log_p.clamp(max=most) + config.distance_weight * distance

        yield from descend(self.f, by_row(g), z, factual, target, region.mask, config, loss)
