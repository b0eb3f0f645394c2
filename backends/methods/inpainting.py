"""RePaint, DDRM and MCG, steered as RCSB steers its bridge: the ablation of the RCSB paper.

Sobieski, Grzywaczewski et al.: Rethinking Visual Counterfactual Explanations Through Region
Constraint, ICLR 2025, Table 2(C) and Appendix F.3. Equation numbers without a name are its own.

- RePaint: Lugmayr et al., RePaint: Inpainting using Denoising Diffusion Probabilistic Models,
  CVPR 2022, https://arxiv.org/abs/2201.09865
- DDRM: Kawar et al., Denoising Diffusion Restoration Models, NeurIPS 2022,
  https://arxiv.org/abs/2201.11793
- MCG: Chung et al., Improving Diffusion Models for Inverse Problems using Manifold Constraints,
  NeurIPS 2022, https://arxiv.org/abs/2206.00941
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from backends.core import Region, Step, Strength, TargetModel
from backends.imaging import composite
from backends.imaging.straight_through import clamp_through
from backends.methods.common.guidance import Smoothing, capped, eased, guidance
from backends.methods.common.noise import noise
from backends.methods.common.views import VIEWS, Views
from backends.priors.pixel_diffusion import Level, clean_estimate, levels, noised, pixel_alphas
from backends.priors.schedules import schedule_of

__all__ = ["Inpainting", "ancestral", "restored"]


class InpaintingConfig(BaseModel):
    """What only one sampler reads says so. The default sampler has the best FID of Table 2(C);
    η and η_b are DDRM's own, T and U are lower than their papers' to answer in seconds."""

    model_config = ConfigDict(extra="forbid")

    sampler: Literal["repaint", "ddrm", "mcg"] = Field(
        "ddrm", title="Sampler", description="How the diffusion is made to fit what is known"
    )
    scale: float = Field(
        10.0, ge=0, le=50, title="Guidance scale",
        description="s: length of a guidance step; RePaint and MCG shrink it by σ_t²",
    )  # fmt: skip
    truncation: float = Field(
        0.8, ge=0.05, le=0.95, title="Trajectory truncation",
        description="τ: where the walk starts; beyond .95 the clean estimate is mere noise",
    )  # fmt: skip
    steps: int = Field(
        50, ge=2, le=1000, title="Steps",
        description="T: noise levels visited; at most as many as the diffusion has below τ",
    )  # fmt: skip
    smoothing: Literal["picture", "pixel"] = Field(
        "picture", title="Gradient smoothing",
        description="ADAM's second moment: one a picture, or one a pixel (paper)",
    )  # fmt: skip
    resamplings: int = Field(
        3, ge=1, le=20, title="Resamplings",
        description="U: how often RePaint takes each step (paper: 10)",
    )  # fmt: skip
    eta: float = Field(
        0.85, ge=0, le=1, title="Noise in the region", description="η: share of fresh noise in DDRM"
    )
    eta_known: float = Field(
        1.0, ge=0, le=1, title="Trust in known pixels",
        description="η_b: weight of the factual around the region in DDRM",
    )  # fmt: skip
    manifold: float = Field(
        0.5, ge=0, le=10, title="Manifold correction",
        description="α: length of MCG's step towards agreement with what is known",
    )  # fmt: skip
    views: int = VIEWS


def ancestral(x: Tensor, x0: Tensor, guidance: Tensor, level: Level, z: Tensor) -> Tensor:
    """x_b ~ p(x_b | x_a), its mean moved by sigma_t^2 * guidance (equations 23 and 28)."""
    return level.mean(x, x0) + level.variance * guidance + level.variance**0.5 * z


def restored(
    x: Tensor,
    x0: Tensor,
    known: Tensor,
    m: Tensor,
    level: Level,
    z: Tensor,
    eta: float,
    eta_b: float,
) -> Tensor:
    """DDRM, equations 7 and 8, for a mask and an observation without noise.

    A mask is its own singular value decomposition, so that the update is one a pixel: singular
    value 0 inside the region, 1 outside. The paper's x_t = x_0 + sigma_t eps is ours by sqrt(b).
    """
    sigma_a, sigma_b = ((1 - level.a) / level.a) ** 0.5, ((1 - level.b) / level.b) ** 0.5
    noise = (x / level.a**0.5 - x0) / sigma_a
    unknown = x0 + (1 - eta**2) ** 0.5 * sigma_b * noise + eta * sigma_b * z
    seen = (1 - eta_b) * x0 + eta_b * known + sigma_b * z
    return level.b**0.5 * seen.where(m == 0, unknown)


class Inpainting:
    """The gradient of log f(y | clean estimate), smoothed and scaled as in RCSB's Algorithm 3,
    enters where Appendix F.3 puts it: the mean of RePaint's and MCG's step, DDRM's estimate.

    Where we go our own way: equation 28 adds the gradient to the predicted noise, we to the mean
    that it names (added to the noise it would lead away from the target); DDRM's last estimate
    is the answer and stays without; MCG's correction is divided by the distance it lowers, which
    makes ``manifold`` a length; as in our RCSB the model sees the composite.
    """

    name: ClassVar[str] = "inpainting"
    title: ClassVar[str] = "RePaint, DDRM, MCG"
    summary: ClassVar[str] = (
        "Repaints the region by diffusion, guided by the target model's gradient."
    )
    strengths: ClassVar[str] = "Repaints a region by plain diffusion, differently with every seed."
    costs: ClassVar[str] = "The model's gradient steers it less well than the bridge of RCSB."
    suits: ClassVar[tuple[Strength, ...]] = ("regions",)
    paper: ClassVar[str] = (
        "Sobieski et al., Rethinking Visual Counterfactual Explanations Through Region "
        "Constraint, ICLR 2025, Appendix F.3"
    )
    needs: ClassVar[tuple[str, ...]] = ("pixel_denoiser",)
    differentiable: ClassVar[bool] = True
    kind: ClassVar[str] = "variant"
    knows_classes: ClassVar[bool] = False
    seeded: ClassVar[bool] = True
    Config: ClassVar[type[BaseModel]] = InpaintingConfig

    def __init__(self, target_model: TargetModel, pixel_denoiser: nn.Module) -> None:
        self.f = target_model
        self.net = pixel_denoiser
        self.alphas = schedule_of(pixel_denoiser, pixel_alphas)

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: InpaintingConfig,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """One step a network evaluation; ``image`` is the Tweedie estimate, at last x_0."""
        draw = noise(factual, generator)
        yield from self.walk(factual, target, region.mask, config, draw)

    def walk(
        self,
        factual: Tensor,
        target: Tensor,
        m: Tensor,
        config: InpaintingConfig,
        draw: Callable[[], Tensor],
    ) -> Iterator[Step]:
        """From the factual, noised to level tau, down to a clean picture.

        :param draw: fresh standard normal noise [B, C, H, W], one call after the other.
        """
        x = 2 * factual - 1
        plan = levels(config.truncation, config.steps, self.alphas)
        repeats = config.resamplings if config.sampler == "repaint" else 1
        total = (len(plan) - 1) * repeats + 1
        phase = capped(config.sampler, len(plan), config.steps)
        smooth, views = Smoothing(shared=config.smoothing == "picture"), Views(config.views)
        xt = noised(x, plan[0].a, draw())
        i = 0
        for level in plan:
            last = level is plan[-1]
            for u in range(1 if last else repeats):
                if u > 0:  # RePaint's jump back: x_a ~ q(x_a | x_b)
                    xt = (1 - level.beta) ** 0.5 * xt + level.beta**0.5 * draw()
                i += 1
                x0, g, lack, correction = self._gradients(xt, x, level, target, m, config, views)
                g = eased(config.scale * smooth(g), g, lack)
                if config.sampler == "ddrm":
                    guided = x0 if last else x0 + g
                    xt = restored(xt, guided, x, m, level, draw(), config.eta, config.eta_known)
                else:
                    unknown = ancestral(xt, x0, g, level, draw()) - correction
                    xt = composite(noised(x, level.b, draw()), unknown, m)
                yield Step(i, total, phase, ((xt if last else x0) + 1) / 2)

    def _gradients(
        self,
        xt: Tensor,
        x: Tensor,
        level: Level,
        target: Tensor,
        m: Tensor,
        config: InpaintingConfig,
        views: Views,
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor | float]:
        """x0hat(x_t) clamped to [-1, 1], grad_{x_t} log f(y | x0hat), what that lacks, and
        for MCG alpha * grad_{x_t} |P (x - x0hat)|, P the pixels outside the region."""
        mcg = config.sampler == "mcg"
        with torch.enable_grad():
            xt = xt.detach().requires_grad_()
            x0 = clamp_through(clean_estimate(self.net, xt, level.t, level.a), -1, 1)
            u = composite((x + 1) / 2, (x0 + 1) / 2, m)
            log_f, lack = guidance(self.f, u, target, views)
            (g,) = torch.autograd.grad(log_f, xt, retain_graph=mcg)
            correction: Tensor | float = 0.0
            if mcg:
                distance = ((1 - m) * (x - x0)).flatten(1).norm(dim=1).sum()
                correction = config.manifold * torch.autograd.grad(distance, xt)[0]
        return x0.detach(), g, lack, correction
