"""RCSB: region-constrained counterfactuals along a Schroedinger bridge.

Sobieski, Grzywaczewski et al.: Rethinking Visual Counterfactual Explanations Through Region
Constraint, ICLR 2025. Algorithm 3 on an I2SB in OT-ODE form (Algorithm 2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import exp
from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from backends.core import Preset, Region, Step, Strength, TargetModel
from backends.imaging import composite
from backends.imaging.straight_through import clamp_through
from backends.methods.common.guidance import Smoothing, capped, eased, guidance
from backends.methods.common.views import VIEWS, Views
from backends.priors.bridge import BridgeSchedule, clean_estimate
from backends.priors.schedules import schedule_of

__all__ = ["RCSB", "share"]


class RCSBConfig(BaseModel):
    """Symbols are the paper's; ``interval`` and ``beta_max`` stand in the bridge's own
    arguments, under ``schedule``."""

    model_config = ConfigDict(extra="forbid")

    scale: float = Field(
        1.0, ge=0, le=20, title="Guidance scale", description="s: length of a guidance step"
    )
    truncation: float = Field(
        0.8, gt=0, le=1, title="Trajectory truncation",
        description="τ: how much of the region is forgotten at the start; 1 is all",
    )  # fmt: skip
    steps: int = Field(
        100, ge=2, le=500, title="Steps",
        description="N: network evaluations; at most as many as the bridge has times below τ",
    )  # fmt: skip
    smoothing: Literal["picture", "pixel", "none"] = Field(
        "picture", title="Gradient smoothing",
        description="ADAM's second moment: one a picture, or one a pixel (paper); none is no ADAM",
    )  # fmt: skip
    normalisation: bool = Field(
        True, title="Adaptive normalisation",
        description="Divide every gradient by the first one's norm, which makes s a length",
    )  # fmt: skip
    judged: Literal["clean", "noisy"] = Field(
        "clean", title="What is judged",
        description="Where the model's gradient is taken: at the clean estimate (Tweedie's "
        "formula), or at the noisy picture itself (the paper's naive guidance)",
    )  # fmt: skip
    schedule: Literal["constant", "interval", "exponential", "gaussian"] = Field(
        "constant", title="Guidance schedule",
        description="How s changes on the way: not at all, only in the middle half, falling, or "
        "with a peak in the middle (appendix F.4, which draws them without numbers)",
    )  # fmt: skip
    view: Literal["clamp", "stretch"] = Field(
        "clamp", title="What the model sees",
        description="The clean estimate clamped to [0, 1], or stretched to it (authors' code)",
    )  # fmt: skip
    composite_estimate: bool = Field(
        True, title="Show the model the composite",
        description="Put the factual around the region before the model looks; off in the paper",
    )  # fmt: skip
    views: int = VIEWS


def _preset(title: str, scale: float, region: str) -> Preset:
    settings = AS_PUBLISHED | {"scale": scale, "truncation": 0.6, "steps": 100}
    return Preset(title, settings, region)


AS_PUBLISHED = {"smoothing": "pixel", "view": "stretch", "composite_estimate": False}
# Figure 3: every improvement alone on top of the last (appendix F.1 has the values).
LADDER: dict[str, tuple[str, dict[str, Any]]] = {
    "naive": ("Ladder 1: naive guidance (figure 3)", {"judged": "noisy"}),
    "tweedie": ("Ladder 2: + Tweedie's formula", {}),
    "adam": ("Ladder 3: + ADAM stabilisation", {"smoothing": "pixel", "scale": 0.01}),
    "normalised": (
        "Ladder 4: + adaptive normalisation", {"smoothing": "pixel", "normalisation": True},
    ),
    "truncated": (
        "Ladder 5: + trajectory truncation",
        {"smoothing": "pixel", "normalisation": True, "truncation": 0.6},
    ),
}  # fmt: skip
FIRST_RUNG = {
    "smoothing": "none", "normalisation": False, "scale": 1.0, "truncation": 1.0, "steps": 100,
}  # fmt: skip
PRESETS = {
    "A": _preset("A: a tenth of the picture (table 1)", 3.0, "auto:area=0.1,cell=4"),
    "B": _preset("B: a fifth of the picture (table 1)", 1.5, "auto:area=0.2,cell=4"),
    "C": _preset("C: three tenths of the picture (table 1)", 1.5, "auto:area=0.3,cell=4"),
    "balanced": _preset("Balanced, by the authors' code", 1.5, "auto:area=0.3,cell=16"),
    "words": Preset(
        "With a region in words",
        AS_PUBLISHED | {"scale": 1.5, "truncation": 0.4, "steps": 100}, "text:WORDS",
    ),
    **{
        name: Preset(title, AS_PUBLISHED | FIRST_RUNG | own, "auto:area=0.3,cell=16")
        for name, (title, own) in LADDER.items()
    },
}  # fmt: skip


class RCSB:
    """Algorithm 3. Deterministic but for the noise that first fills the region.

    Where the paper and the authors' code differ and we offer no choice, we follow the code: x_N
    is the bridge's own mean at tau (equation 15's is linear in t), the clean estimate enters the
    step as it was before the guidance, and the factual is put back around the region after every
    step. ``smoothing``, ``view`` and ``composite_estimate`` offer the choice. The presets from
    ``naive`` to ``truncated`` are figure 3's ladder.
    """

    name: ClassVar[str] = "rcsb"
    title: ClassVar[str] = "RCSB"
    summary: ClassVar[str] = (
        "Repaints the region with a diffusion bridge, guided by the target model's gradient."
    )
    strengths: ClassVar[str] = (
        "Made for regions: it repaints just what you marked, in keeping with what stays, and "
        "differently with every seed."
    )
    costs: ClassVar[str] = "Repaints all of the region, so a large one loses what was there."
    suits: ClassVar[tuple[Strength, ...]] = ("regions", "realism")
    paper: ClassVar[str] = (
        "Sobieski et al., Rethinking Visual Counterfactual Explanations Through Region "
        "Constraint, ICLR 2025"
    )
    needs: ClassVar[tuple[str, ...]] = ("bridge",)
    differentiable: ClassVar[bool] = True
    kind: ClassVar[str] = "method"
    knows_classes: ClassVar[bool] = False
    seeded: ClassVar[bool] = True
    Config: ClassVar[type[BaseModel]] = RCSBConfig
    presets: ClassVar[Mapping[str, Preset]] = PRESETS

    def __init__(
        self, target_model: TargetModel, bridge: nn.Module, schedule: BridgeSchedule | None = None
    ) -> None:
        self.f = target_model
        self.net = bridge
        self.schedule = schedule or schedule_of(bridge, BridgeSchedule)

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: RCSBConfig,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """One step a network evaluation; ``image`` is the Tweedie estimate, at last x_0."""
        z = torch.randn(factual.shape, generator=generator).to(factual)
        yield from self.walk(factual, target, region.mask, config, z)

    def walk(
        self, factual: Tensor, target: Tensor, m: Tensor, config: RCSBConfig, z: Tensor
    ) -> Iterator[Step]:
        """Algorithm 3 from the noise ``z`` [B, C, H, W] on."""
        sigma, (mu0, mu1) = self.schedule.sigma, self.schedule.mu
        times = self.schedule.times(config.truncation, config.steps)
        total = len(times) - 1
        phase = capped("bridge", total, config.steps)
        smooth, views = _smoothing(config), Views(config.views)
        x = 2 * factual - 1
        k = times[-1]
        known = xn = float(mu0[k]) * x + float(mu1[k]) * ((1 - m) * x + m * z)  # x_N ~ q(.|x_0,x_1)
        for i, (n, p) in enumerate(zip(times[:0:-1], times[-2::-1], strict=True), start=1):
            x0, g, lack = self._guidance(xn, n, factual, target, m, config, views)
            scale = config.scale * share(config.schedule, (i - 1) / max(1, total - 1))
            xn = xn + eased(scale * smooth(g), g, lack)
            r = float(sigma[p] ** 2 / sigma[n] ** 2)
            xn = (1 - m) * known + m * ((1 - r) * x0 + r * xn)
            shown = xn if i == total else x0
            yield Step(i, total, phase, (shown + 1) / 2)

    def _guidance(
        self, xn: Tensor, n: int, factual: Tensor, target: Tensor, m: Tensor, config: RCSBConfig,
        views: Views,
    ) -> tuple[Tensor, Tensor, Tensor | None]:  # fmt: skip
        """x0hat(x_n), grad_{x_n} log f(y | x0hat), through the bridge and the target model, and
        what :func:`backends.methods.common.guidance.guidance` says that it lacks."""
        with torch.enable_grad():
            xn = xn.detach().requires_grad_()
            x0 = clean_estimate(self.net, self.schedule, xn, n)
            seen = x0 if config.judged == "clean" else xn
            u = _stretch(seen) if config.view == "stretch" else clamp_through((seen + 1) / 2)
            if config.composite_estimate:
                u = composite(factual, u, m)
            log_f, lack = guidance(self.f, u, target, views)
            (g,) = torch.autograd.grad(log_f, xn)
        return x0.detach(), g, lack


def share(schedule: str, progress: float) -> float:
    """What share of s a schedule leaves, in 0..1.

    :param progress: along the walk, from 0 at its start to 1 at its end.
    """
    if schedule == "interval":
        return float(0.25 <= progress <= 0.75)
    if schedule == "exponential":
        return exp(-4 * progress)
    if schedule == "gaussian":
        return exp(-0.5 * ((progress - 0.5) / 0.15) ** 2)
    return 1.0


def _smoothing(config: RCSBConfig) -> Smoothing:
    return Smoothing(
        config.smoothing == "picture", adam=config.smoothing != "none",
        normalised=config.normalisation,
    )  # fmt: skip


def _stretch(x: Tensor) -> Tensor:
    """Each picture stretched so that its least value is 0 and its greatest 1."""
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    return (x - low) / (high - low).clamp_min(1e-12)
