"""FastDiME: a diffusion guided at its clean estimate, which finds its own mask on the way.

Weng, Pegios, Feragen, Petersen, Bigdeli: Fast Diffusion-Based Counterfactuals for Shortcut Removal
and Generation, ECCV 2024, https://arxiv.org/abs/2312.14223. After Jeanneret, Simon, Jurie:
Diffusion Models for Counterfactual Explanations (DiME), ACCV 2022, https://arxiv.org/abs/2203.15636,
whose clean picture of every step is denoised anew, in tens of times the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from backends.core import Region, Step, Strength, TargetModel
from backends.imaging import composite
from backends.methods.common.guidance import capped, eased, guidance
from backends.methods.common.noise import noise
from backends.methods.common.views import VIEWS, Views
from backends.priors.pixel_diffusion import clean_estimate, levels, noised, pixel_alphas
from backends.priors.schedules import schedule_of

__all__ = ["FastDiME", "changed"]


class FastDiMEConfig(BaseModel):
    """Symbols are the papers', and so are the defaults but for lambda_c and tau: with the papers' 8
    and .3, made for 128x128 pixels, 2 of 16 training digits flip; with 30 and .5 all do, and the
    oracle agrees with 13."""

    model_config = ConfigDict(extra="forbid")

    class_weight: float = Field(
        30.0, ge=0, le=1000, title="Class weight",
        description="λ_c: of the target's negative log-probability (DiME: 8 to 15)",
    )  # fmt: skip
    distance_weight: float = Field(
        0.05, ge=0, le=100, title="Distance weight",
        description="λ_1: of the summed absolute difference of the pixels",
    )  # fmt: skip
    truncation: float = Field(
        0.5, ge=0.05, le=0.95, title="Trajectory truncation",
        description="τ: where the walk starts, as a share of all noise levels (paper: 60 of 200)",
    )  # fmt: skip
    steps: int = Field(
        60, ge=2, le=1000, title="Steps", description="Noise levels visited (paper: 60)"
    )
    warm_up: float = Field(
        0.5, ge=0, le=1, title="Warm-up",
        description="Share of the steps after which only what has changed may go on changing; 1 is "
        "never",
    )  # fmt: skip
    threshold: float = Field(
        0.15, ge=0, le=1, title="Mask threshold",
        description="How much of the greatest change a pixel must have to count as changed",
    )  # fmt: skip
    dilation: int = Field(
        2, ge=0, le=16, title="Mask dilation",
        description="Pixels by which what has changed is widened on every side",
    )  # fmt: skip
    views: int = VIEWS


def changed(x: Tensor, factual: Tensor, threshold: float, dilation: int) -> Tensor:
    """Where pictures [B, C, H, W] differ from the factuals by more than a share of the greatest
    difference, widened: mask [B, 1, H, W] in {0, 1}."""
    change = (x - factual).abs().sum(1, keepdim=True)
    greatest = change.amax((1, 2, 3), keepdim=True)
    share = change / greatest.where(greatest > 0, greatest.new_ones(()))
    return (F.max_pool2d(share, 2 * dilation + 1, 1, dilation) > threshold).to(x)


class FastDiME:
    """x_b ~ N(mu - variance * g, variance), g the gradient of the losses at the clean estimate,
    divided by sqrt(a) for what the noisy picture has of it. DiME's perceptual loss is left out. In
    the last steps what has not changed is the factual, as noisy as the rest."""

    name: ClassVar[str] = "fastdime"
    title: ClassVar[str] = "FastDiME (baseline)"
    summary: ClassVar[str] = (
        "Denoises the noised picture, guided by the model, and keeps what has not changed halfway."
    )
    strengths: ClassVar[str] = "Finds by itself where to change, without a region."
    costs: ClassVar[str] = "Its mask is that of its first half: what is not begun is not changed."
    suits: ClassVar[tuple[Strength, ...]] = ()
    paper: ClassVar[str] = (
        "Weng et al., Fast Diffusion-Based Counterfactuals for Shortcut Removal and Generation, "
        "ECCV 2024"
    )
    needs: ClassVar[tuple[str, ...]] = ("pixel_denoiser",)
    differentiable: ClassVar[bool] = True
    kind: ClassVar[str] = "baseline"
    knows_classes: ClassVar[bool] = False
    seeded: ClassVar[bool] = True
    Config: ClassVar[type[BaseModel]] = FastDiMEConfig

    def __init__(self, target_model: TargetModel, pixel_denoiser: nn.Module) -> None:
        self.f, self.net = target_model, pixel_denoiser
        self.alphas = schedule_of(pixel_denoiser, pixel_alphas)

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: FastDiMEConfig,
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
        config: FastDiMEConfig,
        draw: Callable[[], Tensor],
    ) -> Iterator[Step]:
        """From the factual, noised, down to a clean picture.

        :param draw: fresh standard normal noise [B, C, H, W], one call after the other.
        """
        x = 2 * factual - 1
        plan, views = levels(config.truncation, config.steps, self.alphas), Views(config.views)
        total, phase = len(plan), capped("diffusion", len(plan), config.steps)
        xt = noised(x, plan[0].a, draw())
        for i, level in enumerate(plan, start=1):
            with torch.no_grad():
                x0 = clean_estimate(self.net, xt, level.t, level.a).clamp(-1, 1)
            kept = m
            if i > config.warm_up * total:
                kept = m * changed(x0, x, config.threshold, config.dilation)
            toward, away, lack = self._gradients(composite(x, x0, kept), x, target, views)
            length = level.variance / level.a**0.5
            guided = eased(length * config.class_weight * toward, toward, lack)
            xt = level.mean(xt, x0) + guided - length * config.distance_weight * away
            known = x  # at the last step b is 1
            if i < total:
                xt = xt + level.variance**0.5 * draw()
                known = noised(x, level.b, draw())
            xt = composite(known, xt, kept)
            yield Step(i, total, phase, ((xt if i == total else x0) + 1) / 2)

    def _gradients(
        self, x0: Tensor, x: Tensor, target: Tensor, views: Views
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """The gradients in x0 of log f(y | x0) and of |x0 - x|_1, and what
        :func:`backends.methods.common.guidance.guidance` says it lacks."""
        with torch.enable_grad():
            x0 = x0.detach().requires_grad_()
            log_f, lack = guidance(self.f, (x0 + 1) / 2, target, views)
            (toward,) = torch.autograd.grad(log_f, x0)
        return toward, (x0 - x).detach().sign(), lack
