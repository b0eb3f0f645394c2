"""LDCE: latent diffusion counterfactual explanations, with consensus guidance.

Schrodi, Farid, Argus, Brox: Latent Diffusion Counterfactual Explanations, 2023,
https://arxiv.org/abs/2310.06668. Equation numbers are the paper's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from backends.core import Preset, Region, Step, Strength, TargetModel
from backends.imaging import composite
from backends.methods.common.guidance import capped
from backends.methods.common.views import VIEWS, Views
from backends.priors.latent_diffusion import latent_schedule
from backends.priors.schedules import schedule_of

if TYPE_CHECKING:
    from diffusers import DDIMScheduler

    from backends.priors.text_encoder import TextEncoder

__all__ = ["LDCE", "LDCEText", "consensus"]


class LDCEConfig(BaseModel):
    """Symbols are the paper's, defaults those of its class-conditional model (table 5), but for
    fewer steps from more noise (.55 of the 1000 times, where the paper has .382), and η as in the
    authors' code."""

    model_config = ConfigDict(extra="forbid")

    steps: int = Field(
        40, ge=1, le=499, title="Steps",
        description="T: denoising steps from the noised factual to the answer (paper: 191); at "
        "most as many as the diffusion has times below the noise",
    )  # fmt: skip
    strength: float = Field(
        0.55, ge=0, le=0.998, title="Noise",
        description="t_T/1000: how much of the factual is forgotten at the start (paper: .382)",
    )  # fmt: skip
    class_weight: float = Field(
        2.3, ge=0, le=20, title="Class weight", description="λ_c: pull towards the target"
    )
    distance_weight: float = Field(
        0.3, ge=0, le=20, title="Distance weight", description="λ_d: pull towards the factual"
    )
    angle: float = Field(
        45.0, ge=0, le=180, title="Consensus angle",
        description="γ: degrees by which the model may disagree with the diffusion; 180 is any",
    )  # fmt: skip
    scale: float = Field(
        3.0, ge=0, le=20, title="Guidance scale",
        description="η: multiplies both pulls (authors' code 3, paper 2)",
    )  # fmt: skip
    guidance: Literal["consensus", "free"] = Field(
        "consensus", title="Guided by",
        description="The target model in consensus with the diffusion, or the diffusion alone",
    )  # fmt: skip
    views: int = VIEWS


class LDCETextConfig(LDCEConfig):
    """Defaults of the text-conditional model on ImageNet (table 5)."""

    prompt: str = Field(
        "", max_length=400, title="Prompt",
        description="What the answer shows, in words; {} stands for the target's name. Empty: "
        "the usual prompt of the class",
    )  # fmt: skip

    strength: float = Field(
        0.382, ge=0, le=0.998, title="Noise",
        description="t_T/1000: how much of the factual is forgotten at the start",
    )  # fmt: skip
    class_weight: float = Field(
        3.95, ge=0, le=20, title="Class weight", description="λ_c: pull towards the target"
    )
    distance_weight: float = Field(
        1.2, ge=0, le=20, title="Distance weight", description="λ_d: pull towards the factual"
    )
    angle: float = Field(
        50.0, ge=0, le=180, title="Consensus angle",
        description="γ: degrees by which the model may disagree with the diffusion; 180 is any",
    )  # fmt: skip


def _preset(
    title: str, steps: int, strength: float, class_weight: float, distance_weight: float,
    angle: float, prompt: str = "",
) -> Preset:  # fmt: skip
    """A row of table 5, with the authors' eta of 3."""
    settings = {
        "steps": steps, "strength": strength, "class_weight": class_weight,
        "distance_weight": distance_weight, "angle": float(angle), "scale": 3.0,
    }  # fmt: skip
    return Preset(title, settings | ({"prompt": prompt} if prompt else {}))


class _Asked(NamedTuple):
    """What stays the same over a walk. ``cells`` [B, 1, h, w] are the latent pixels that may
    change, ``c`` and ``uc`` the denoiser's condition with and without the target."""

    factual: Tensor
    target: Tensor
    mask: Tensor
    cells: Tensor
    c: Tensor
    uc: Tensor
    config: LDCEConfig
    views: Views


class LDCE:
    """Noise the factual's latent, denoise it under the target model's guidance.

    Where paper and authors' code differ or the paper is silent, we follow the code: x0hat comes
    from the unconditional estimate; both pulls are brought to the length of eps_c - eps_u, so
    that the weights have a unit; the distance is to the factual, not to its reconstruction; and
    the walk begins one level below the noise that was added. Ours is the region: latent pixels
    that see nothing of it keep the factual, at the noise of each step. Ours is also the start from
    the mean of the autoencoder's posterior; theirs draws from it where the model has text.
    """

    name: ClassVar[str] = "ldce"
    title: ClassVar[str] = "LDCE"
    summary: ClassVar[str] = (
        "Noises the picture's latent and denoises it, steered by the model where the diffusion "
        "model agrees."
    )
    strengths: ClassVar[str] = "Draws details of photographs, and another answer with every seed."
    costs: ClassVar[str] = (
        "May redraw more than the question asks for; slower than a search for small pictures."
    )
    suits: ClassVar[tuple[Strength, ...]] = ("realism",)
    paper: ClassVar[str] = (
        "Schrodi, Farid et al., Latent Diffusion Counterfactual Explanations, "
        "arXiv:2310.06668, 2023"
    )
    needs: ClassVar[tuple[str, ...]] = ("latent_autoencoder", "denoiser")
    differentiable: ClassVar[bool] = True
    kind: ClassVar[str] = "method"
    knows_classes: ClassVar[bool] = True
    seeded: ClassVar[bool] = True
    Config: ClassVar[type[BaseModel]] = LDCEConfig
    presets: ClassVar[Mapping[str, Preset]] = {
        "imagenet": _preset("ImageNet (table 5)", 191, 0.382, 2.3, 0.3, 45),
        "pairs": _preset("ImageNet, pairs of classes (authors' code)", 171, 0.342, 2.0, 0.25, 40),
    }

    def __init__(
        self,
        target_model: TargetModel,
        latent_autoencoder: Any,
        denoiser: nn.Module,
        schedule: DDIMScheduler | None = None,
    ) -> None:
        self.f = target_model
        self.autoencoder = latent_autoencoder
        self.epsilon: Any = denoiser
        self.schedule = schedule or schedule_of(denoiser, latent_schedule)

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: LDCEConfig,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """One step a denoising step; ``image`` is D(x0hat), at last D(z_0).

        Every picture has noise of its own, so a factual repeated in a batch has as many answers.
        """
        with torch.no_grad():
            z = self.autoencoder.encode(factual)
            rebuilt = self.autoencoder.decode(z)
        noise = torch.randn(z.shape, generator=generator).to(z)
        for step in self.walk(factual, target, region.mask, config, z, noise):
            yield replace(step, reconstruction=rebuilt)

    def walk(
        self, x: Tensor, y: Tensor, mask: Tensor, config: LDCEConfig, z_f: Tensor, noise: Tensor
    ) -> Iterator[Step]:
        """Both steps of section 3.1, from the factual's latent z_F and its noise [B, L, h, w]."""
        # A latent pixel may change where any of its picture's pixels may.
        cells = F.adaptive_max_pool2d(mask, z_f.shape[-2:])
        c, uc = self.conditions(y, config)
        asked = _Asked(x, y, mask, cells, c, uc, config, Views(config.views))
        times, alphas = self.levels(config)
        z = _noised(z_f, noise, alphas[-1])  # abduction
        total = max(len(times), 1)
        phase = capped("denoising", len(times), config.steps)
        for i, t in enumerate(reversed(times), start=1):
            a, a_prev = alphas[-1 - i], alphas[-2 - i]
            eps, image = self._guided(z, t, a, asked)
            z = _denoised(z, eps, a, a_prev)
            z = z.where(cells > 0, _noised(z_f, noise, a_prev))
            if i < total:
                yield Step(i, total, phase, image)
        with torch.no_grad():
            image = self.autoencoder.decode(z)
        yield Step(total, total, phase, image, latent=z, origin=z_f)

    def conditions(self, y: Tensor, config: LDCEConfig) -> tuple[Tensor, Tensor]:
        """What the denoiser is told of the targets [B], and what stands for no class."""
        return self.epsilon.condition(y), self.epsilon.unconditional(len(y))

    def levels(self, config: LDCEConfig) -> tuple[list[int], list[float]]:
        """Times t_1 .. t_T to denoise at, ascending, and alpha at t_0 (of the answer), at each of
        them, and at t_{T+1}, which noises the factual. No more steps than whole times."""
        span = round(len(self.schedule.alphas_cumprod) * config.strength)
        steps = min(config.steps, span)
        times = [1 + i * span // max(steps, 1) for i in range(steps + 1)]
        alphas = [float(self.schedule.alphas_cumprod[t]) for t in times]
        return times[:-1], [float(self.schedule.final_alpha_cumprod), *alphas]

    def _guided(self, z: Tensor, t: int, a: float, asked: _Asked) -> tuple[Tensor, Tensor]:
        """epsilon with guidance (6), its gradient filtered (10, 11); and D(x0hat) under R."""
        x, y, config = asked.factual, asked.target, asked.config
        times = torch.full((len(z),), t, device=z.device)
        with torch.no_grad():
            eps_c = self.epsilon(z, times, asked.c)
        with torch.set_grad_enabled(config.guidance == "consensus"):
            z = z.detach().requires_grad_(config.guidance == "consensus")
            eps_u = self.epsilon(z, times, asked.uc)
            x0 = (z - math.sqrt(1 - a) * eps_u) / math.sqrt(a)  # (4)
            image = composite(x, self.autoencoder.decode(x0), asked.mask)
            if config.guidance == "free":
                return eps_u + config.scale * (eps_c - eps_u), image  # (8)
            # Their lengths are made equal below, so the two terms of (9) go back one by one.
            log_f = asked.views.log_probabilities(self.f, image).gather(1, y[:, None]).sum()
            d = (image.clamp(0, 1) - x).abs().sum()
            (g_c,) = torch.autograd.grad(log_f, z, retain_graph=True)
            (g_d,) = torch.autograd.grad(d, z)
        eps_u, image = eps_u.detach(), image.detach()
        delta = asked.cells * (eps_c - eps_u)
        q_c, q_d = (-math.sqrt(1 - a) * asked.cells * g for g in (g_c, g_d))
        q_c = q_c * consensus(q_c, delta, config.angle)
        pull = config.class_weight * _as_long_as(delta, q_c)
        pull = pull - config.distance_weight * _as_long_as(delta, q_d)
        return eps_u + config.scale * pull, image


class LDCEText(LDCE):
    """LDCE with a text-conditional diffusion model, such as Stable Diffusion at 256 pixels."""

    name: ClassVar[str] = "ldce_txt"
    title: ClassVar[str] = "LDCE, text"
    summary: ClassVar[str] = (
        "LDCE on a text-to-picture model, which is told in words what the answer should show."
    )
    strengths: ClassVar[str] = (
        "Can be told in words what the answer should show, so it knows far more than the "
        "bundle's classes."
    )
    costs: ClassVar[str] = (
        "Needs a large text-to-picture model, and minutes without a graphics card."
    )
    suits: ClassVar[tuple[Strength, ...]] = ("realism",)
    needs: ClassVar[tuple[str, ...]] = ("text_autoencoder", "text_denoiser", "text_encoder")
    kind: ClassVar[str] = "variant"
    knows_classes: ClassVar[bool] = False
    Config: ClassVar[type[BaseModel]] = LDCETextConfig
    presets: ClassVar[Mapping[str, Preset]] = {
        "imagenet": _preset("ImageNet (table 5)", 191, 0.382, 3.95, 1.2, 50, "a photo of a {}."),
        "celeba_hq": _preset(
            "CelebA-HQ (table 5)", 160, 0.32, 3.95, 3.5, 90, "a photo of a {} person"
        ),
        "flowers": _preset(
            "Flowers (table 5)", 250, 0.5, 3.4, 1.2, 45, "a photo of a {}, a type of flower."
        ),
        "pets": _preset(
            "Pets (table 5)", 191, 0.382, 4.2, 2.4, 45, "a photo of a {}, a type of pet."
        ),
    }

    def __init__(
        self,
        target_model: TargetModel,
        text_autoencoder: Any,
        text_denoiser: nn.Module,
        text_encoder: TextEncoder,
        schedule: DDIMScheduler | None = None,
    ) -> None:
        schedule = schedule or schedule_of(
            text_denoiser, latent_schedule, beta_start=0.00085, beta_end=0.012
        )
        super().__init__(target_model, text_autoencoder, text_denoiser, schedule)
        self.words = text_encoder

    def conditions(self, y: Tensor, config: LDCEConfig) -> tuple[Tensor, Tensor]:
        """The prompts of the targets, and the empty one, as the text encoder reads them."""
        assert isinstance(config, LDCETextConfig)
        names = [self.f.class_names[k] for k in y.tolist()]
        prompts = [self.words.prompt(config.prompt, name) for name in names]
        read = self.words.embed([*prompts, ""])
        return read[:-1], read[-1:].expand(len(y), -1, -1)


def consensus(q: Tensor, delta: Tensor, gamma: float) -> Tensor:
    """Which latent pixels of q [B, L, h, w] point within gamma degrees of delta: bool
    [B, 1, h, w] (10). Without an angle, as of a zero vector, a pixel is kept (authors' code)."""
    lengths = q.norm(dim=1, keepdim=True) * delta.norm(dim=1, keepdim=True)
    angle = ((q * delta).sum(1, keepdim=True) / lengths).acos()
    return ~(angle > math.radians(gamma))


def _as_long_as(reference: Tensor, q: Tensor) -> Tensor:
    """q at the length of the reference, sample by sample; zero stays zero."""
    length, goal = (v.flatten(1).norm(dim=1).view(-1, 1, 1, 1) for v in (q, reference))
    return q / length.clamp_min(1e-22) * goal


def _noised(z0: Tensor, noise: Tensor, a: float) -> Tensor:
    return math.sqrt(a) * z0 + math.sqrt(1 - a) * noise  # (2)


def _denoised(z: Tensor, eps: Tensor, a: float, a_prev: float) -> Tensor:
    x0 = (z - math.sqrt(1 - a) * eps) / math.sqrt(a)
    return math.sqrt(a_prev) * x0 + math.sqrt(1 - a_prev) * eps  # (5), without noise
