"""LeapFactual: counterfactuals by leaping along a conditional flow.

Cao, Zhao, Krieger, Scharr, Assent: LeapFactual, Reliable Visual Counterfactual Explanation Using
Conditional Flow Matching, NeurIPS 2025. Algorithms 1 and 2; needs only labels of the target model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from backends.core import Region, Step, Strength, TargetModel
from backends.imaging import composite
from backends.priors.core import Prior, Settling
from backends.priors.velocity import transport

__all__ = ["LeapFactual", "leap"]


class LeapConfig(BaseModel):
    """Defaults are those of the paper's digits experiment (appendix B.1.2); the networks are not:
    the digits' field is four times as wide. The faces bundle sets the paper's for faces, with
    hard labels, though its field has learnt from probabilities."""

    model_config = ConfigDict(extra="forbid")

    blending_leaps: int = Field(
        15, ge=0, le=300, title="Blending leaps", description="N_b: leaps that mix target in"
    )
    blending_size: float = Field(
        0.1, ge=0, le=1, title="Blending step size", description="γ_b: share replaced by a leap"
    )
    injection_leaps: int = Field(
        5, ge=0, le=100, title="Injection leaps",
        description="N_i: leaps beyond the boundary, for a reliable counterfactual",
    )  # fmt: skip
    injection_lift: float = Field(
        0.0, ge=0, le=1.5, title="Injection lift", description="γ_i,lift: class removed by a leap"
    )
    injection_land: float = Field(
        0.1, ge=0, le=1.5, title="Injection land", description="γ_i,land: class injected by a leap"
    )
    condition: Literal["soft", "hard"] = Field(
        "soft", title="Current label",
        description="soft: the model's probabilities (authors' digits code); hard: its top label "
        "(their code for galaxies and faces)",
    )  # fmt: skip
    solver: Literal["rk4", "dopri5"] = Field(
        "rk4",
        title="ODE solver",
        description="Fixed Runge-Kutta steps, or dopri5 adapting its own (authors' code; slower)",
    )
    solver_steps: int = Field(
        4, ge=1, le=50, title="Solver steps", description="Steps of one lift or landing"
    )


def leap(
    field: nn.Module,
    z: Tensor,
    source: Tensor,
    target: Tensor,
    lift: float,
    land: float,
    **solver: Any,
) -> Tensor:
    """Algorithm 1: lift z [B, D] under condition ``source`` [B, K], land it under ``target``."""
    z = transport(field, z, source, lift, lift=True, **solver)
    return transport(field, z, target, land, lift=False, **solver)


class LeapFactual:
    """Algorithm 2: blending leaps to the learned boundary, where the *standard* counterfactual is,
    then injection leaps beyond it, to the *reliable* one. A run with both kinds of leaps gives
    both: the reliable one is its answer, the standard one its alternative."""

    name: ClassVar[str] = "leapfactual"
    title: ClassVar[str] = "LeapFactual"
    summary: ClassVar[str] = (
        "Leaps through an autoencoder's latent space along a learned flow; needs only labels."
    )
    strengths: ClassVar[str] = (
        "Needs no gradients: it explains programs, services and people, too. Fast, and its "
        "answers are mostly typical of their class."
    )
    costs: ClassVar[str] = (
        "Its field learnt the model's labels, so another model needs another training."
    )
    suits: ClassVar[tuple[Strength, ...]] = ("speed", "closeness", "realism")
    paper: ClassVar[str] = (
        "Cao et al., LeapFactual: Reliable Visual Counterfactual Explanation Using Conditional "
        "Flow Matching, NeurIPS 2025"
    )
    needs: ClassVar[tuple[str, ...]] = ("autoencoder", "velocity")
    differentiable: ClassVar[bool] = False
    kind: ClassVar[str] = "method"
    knows_classes: ClassVar[bool] = True
    seeded: ClassVar[bool] = False
    Config: ClassVar[type[BaseModel]] = LeapConfig

    def __init__(self, target_model: TargetModel, autoencoder: Prior, velocity: nn.Module) -> None:
        self.f = target_model
        self.g = autoencoder
        self.v = velocity

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: LeapConfig,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """One step a leap; the search itself draws nothing at random."""
        z, image, rebuilt = self._begin(factual, region)
        origin = z
        wanted = F.one_hot(target, len(self.f.class_names)).to(factual)
        blend, inject = config.blending_leaps, config.injection_leaps
        standard: dict[str, Step] = {}
        for j in range(blend + inject):
            if j < blend:
                phase, lift, land = "blending", config.blending_size, config.blending_size
            else:
                phase, lift, land = "injection", config.injection_lift, config.injection_land
            with torch.no_grad():
                # Asked for only now: a person whose label it is has seen the last step's picture.
                # Without a lift nobody needs to say what the picture is.
                current = self._label(image, config) if lift else wanted
                z = leap(
                    self.v, z, current, wanted, lift, land,
                    solver=config.solver, steps=config.solver_steps,
                )  # fmt: skip
                if isinstance(self.g, Settling):
                    z = self.g.settle(z)
                image = composite(factual, self.g.decode(z), region.mask)
            step = Step(
                j + 1, blend + inject, phase, image, latent=z, origin=origin,
                reconstruction=rebuilt, name="standard" if j < blend else "reliable",
                alternatives=standard,
            )  # fmt: skip
            if j == blend - 1 and inject:
                standard = {step.name: step}
            yield step
        if blend + inject == 0:
            yield Step(1, 1, "reconstruction", image, latent=z, origin=z, reconstruction=rebuilt)

    @torch.no_grad()
    def _begin(self, factual: Tensor, region: Region) -> tuple[Tensor, Tensor, Tensor]:
        """z, the picture under the region, and all of g(z)."""
        z = self.g.encode(factual)
        rebuilt = self.g.decode(z)
        return z, composite(factual, rebuilt, region.mask), rebuilt

    def _label(self, image: Tensor, config: LeapConfig) -> Tensor:
        """y_c = f(g(z)), as the flow's condition [B, K]."""
        p = self.f.probabilities(image)
        return p if config.condition == "soft" else F.one_hot(p.argmax(1), p.shape[1]).to(p)
