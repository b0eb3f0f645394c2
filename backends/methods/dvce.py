"""DVCE: diffusion visual counterfactual explanations.

Augustin, Boreiko, Croce, Hein: Diffusion Visual Counterfactual Explanations, NeurIPS 2022,
https://arxiv.org/abs/2210.11841. Their adaptive guidance of an unconditional pixel diffusion by the
gradients of the classifier and of the distance, without the cone projection, which asks for a
second, robust classifier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from backends.core import Region, Step, Strength, TargetModel
from backends.imaging import composite
from backends.imaging.straight_through import clamp_through
from backends.methods.common.guidance import capped, eased, guidance
from backends.methods.common.noise import noise
from backends.methods.common.views import VIEWS, Views
from backends.priors.pixel_diffusion import Level, clean_estimate, levels, noised, pixel_alphas
from backends.priors.schedules import schedule_of

__all__ = ["DVCE", "at_length"]


class DVCEConfig(BaseModel):
    """Symbols are the paper's, and so are the defaults but for C_c: with 0.1, made for 256x256
    pixels, none of 16 training digits flips; with 1, 15 do, and the oracle agrees with all 15."""

    model_config = ConfigDict(extra="forbid")

    class_weight: float = Field(
        1.0, ge=0, le=10, title="Class weight",
        description="C_c: length of the classifier's gradient, as a share of the mean's norm "
        "(paper: 0.1)",
    )  # fmt: skip
    distance_weight: float = Field(
        0.15, ge=0, le=10, title="Distance weight",
        description="C_d: length of the gradient of the L1 distance, likewise",
    )  # fmt: skip
    truncation: float = Field(
        0.5, ge=0.05, le=0.95, title="Trajectory truncation",
        description="Where the walk starts, as a share of all noise levels (paper: half)",
    )  # fmt: skip
    steps: int = Field(
        100, ge=2, le=1000, title="Steps", description="Noise levels visited (paper: 100)"
    )
    views: int = VIEWS


def at_length(g: Tensor, like: Tensor) -> Tensor:
    """g [B, C, H, W] as long as ``like`` is, picture by picture; 0 stays 0."""
    norm = g.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    wanted = like.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    return g / norm.where(norm > 0, norm.new_ones(())) * wanted


class DVCE:
    """x_b ~ N(mu + variance * g, variance), g the two gradients at the clean estimate, each as long
    as the mean mu times its weight. Around the region the model sees the factual."""

    name: ClassVar[str] = "dvce"
    title: ClassVar[str] = "DVCE (baseline)"
    summary: ClassVar[str] = (
        "Denoises the noised picture, guided by the model and by the distance to your picture."
    )
    strengths: ClassVar[str] = "Guides a plain diffusion, and stays near your picture by itself."
    costs: ClassVar[str] = "A model that is not robust is fooled by it more than convinced."
    suits: ClassVar[tuple[Strength, ...]] = ()
    paper: ClassVar[str] = (
        "Augustin et al., Diffusion Visual Counterfactual Explanations, NeurIPS 2022"
    )
    needs: ClassVar[tuple[str, ...]] = ("pixel_denoiser",)
    differentiable: ClassVar[bool] = True
    kind: ClassVar[str] = "baseline"
    knows_classes: ClassVar[bool] = False
    seeded: ClassVar[bool] = True
    Config: ClassVar[type[BaseModel]] = DVCEConfig

    def __init__(self, target_model: TargetModel, pixel_denoiser: nn.Module) -> None:
        self.f, self.net = target_model, pixel_denoiser
        self.alphas = schedule_of(pixel_denoiser, pixel_alphas)

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: DVCEConfig,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """One step a network evaluation; ``image`` is the clean estimate, at last x_0."""
        draw = noise(factual, generator)
        yield from self.walk(factual, target, region.mask, config, draw)

    def walk(
        self,
        factual: Tensor,
        target: Tensor,
        m: Tensor,
        config: DVCEConfig,
        draw: Callable[[], Tensor],
    ) -> Iterator[Step]:
        """From the factual, noised, down to a clean picture.

        :param draw: fresh standard normal noise [B, C, H, W], one call after the other.
        """
        x = 2 * factual - 1
        plan, views = levels(config.truncation, config.steps, self.alphas), Views(config.views)
        phase = capped("diffusion", len(plan), config.steps)
        xt = noised(x, plan[0].a, draw())
        for i, level in enumerate(plan, start=1):
            x0, toward, away, lack = self._gradients(xt, x, level, target, m, views)
            mean = level.mean(xt, x0)
            guided = level.variance * config.class_weight * at_length(toward, mean)
            kept = level.variance * config.distance_weight * at_length(away, mean)
            xt = mean + eased(guided, toward, lack) - kept
            if i < len(plan):
                xt = xt + level.variance**0.5 * draw()
            yield Step(i, len(plan), phase, ((x0 if i < len(plan) else xt) + 1) / 2)

    def _gradients(
        self, xt: Tensor, x: Tensor, level: Level, target: Tensor, m: Tensor, views: Views
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """x0hat(x_t) clamped to [-1, 1], the gradients in x_t of log f(y | x0hat) and of
        |x - x0hat|_1, and what :func:`backends.methods.common.guidance.guidance` says it lacks."""
        with torch.enable_grad():
            xt = xt.detach().requires_grad_()
            x0 = clamp_through(clean_estimate(self.net, xt, level.t, level.a), -1, 1)
            u = composite((x + 1) / 2, (x0 + 1) / 2, m)
            log_f, lack = guidance(self.f, u, target, views)
            (toward,) = torch.autograd.grad(log_f, xt, retain_graph=True)
            (away,) = torch.autograd.grad((m * (x0 - x)).abs().sum(), xt)
        return x0.detach(), toward, away, lack
