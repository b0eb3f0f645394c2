"""Counterfactuals guided by prototypes.

Van Looveren, Klaise: Interpretable Counterfactual Explanations Guided by Prototypes, ECML PKDD
2021, https://arxiv.org/abs/1907.02584. Loss D of section 3.4, with an encoder, minimised in pixels
by FISTA; the target class is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from backends.core import Goal, Region, Step, Strength, TargetModel
from backends.errors import MissingPart
from backends.imaging import composite
from backends.priors.core import ByRow, Prior
from backends.priors.density import ConditionalDensity

__all__ = ["Prototypes", "shrunk"]


class PrototypesConfig(BaseModel):
    """Symbols are the paper's. γ = θ = 100, β = 0.1 and c = 1 are those of the MNIST example of
    alibi, the authors' library; θ is of latent distances, and belongs to a latent space."""

    model_config = ConfigDict(extra="forbid")

    prediction_weight: float = Field(
        1.0, ge=0, le=1e4, title="Prediction weight",
        description="c: of the lead that another class has over the target",
    )  # fmt: skip
    lead: float = Field(
        0.0, ge=0, lt=1, title="Lead",
        description="κ: a lead of the target beyond which nothing is gained",
    )  # fmt: skip
    sparsity: float = Field(
        0.1, ge=0, le=1, title="Sparsity",
        description="β: of the L1 norm; a step takes back changes of a pixel smaller than this",
    )  # fmt: skip
    autoencoder_weight: float = Field(
        100.0, ge=0, le=1e4, title="Autoencoder weight",
        description="γ: of the squared error with which the autoencoder rebuilds the picture",
    )  # fmt: skip
    prototype_weight: float = Field(
        100.0, ge=0, le=1e4, title="Prototype weight",
        description="θ: of the squared distance of the latent to the target class's prototype",
    )  # fmt: skip
    neighbours: int = Field(
        5, ge=1, le=100, title="Neighbours",
        description="K: latents of the target class, those nearest to the picture's, whose mean "
        "is the prototype",
    )  # fmt: skip
    rate: float = Field(
        0.01, gt=0, le=1, title="Learning rate", description="α: length of the first step"
    )
    steps: int = Field(
        500, ge=1, le=5000, title="Steps", description="All are taken, each shorter than the last"
    )
    draws: int = Field(
        500, ge=1, le=5000, title="Draws",
        description="Latents of the target class that the density draws, in the place of the "
        "training pictures (paper)",
    )  # fmt: skip


def shrunk(x: Tensor, factual: Tensor, beta: float) -> Tensor:
    """S_beta: take back changes of a pixel up to beta, shorten the others by it, stay in [0, 1]."""
    change = x - factual
    return (factual + change.sign() * (change.abs() - beta).clamp_min(0)).clamp(0, 1)


class Prototypes:
    """c L_pred + beta L1 + L2 + gamma L_AE + theta L_proto. The bundle keeps no training pictures:
    the prototype is the mean of the K latents nearest to E(x) among draws from the density of the
    target class, and of those only such as the model gives the target, where it does so at all. Of
    the states that the model gives the target, the one of the least L1 and L2 is the answer."""

    name: ClassVar[str] = "prototypes"
    title: ClassVar[str] = "Prototypes (baseline)"
    summary: ClassVar[str] = (
        "Changes few pixels, towards a typical picture of the target in the autoencoder’s eyes."
    )
    strengths: ClassVar[str] = "Leaves most pixels exactly as they were."
    costs: ClassVar[str] = "It moves pixels, not shapes, so that answers may look patched."
    suits: ClassVar[tuple[Strength, ...]] = ("closeness",)
    paper: ClassVar[str] = (
        "Van Looveren and Klaise, Interpretable Counterfactual Explanations Guided by Prototypes, "
        "ECML PKDD 2021"
    )
    needs: ClassVar[tuple[str, ...]] = ("autoencoder", "density")
    differentiable: ClassVar[bool] = True
    kind: ClassVar[str] = "baseline"
    knows_classes: ClassVar[bool] = True
    seeded: ClassVar[bool] = False
    Config: ClassVar[type[BaseModel]] = PrototypesConfig

    def __init__(
        self, target_model: TargetModel, autoencoder: Prior, density: ConditionalDensity
    ) -> None:
        self.f, self.g, self.density = target_model, autoencoder, density

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: PrototypesConfig,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """FISTA from x itself, one step an iteration.

        :raises MissingPart: the bundle's prior is a generator, which has no encoder to follow.
        """
        if isinstance(self.g, ByRow):
            raise MissingPart(
                "prototypes need an autoencoder whose encoder has gradients, and this bundle's "
                "prior is a generator; choose another method"
            )
        with torch.no_grad():
            z = self.g.encode(factual)
            rebuilt = self.g.decode(z)
            drawn = {int(y): self._drawn(y[None], config) for y in target.unique()}
            prototype = torch.stack(
                [_prototype(z[i], drawn[int(y)], config.neighbours) for i, y in enumerate(target)]
            )
        x = y = image = factual
        least = factual.new_full((len(z),), torch.inf)
        nearest = torch.full_like(least, -torch.inf)
        enough = self.f.confidence() if isinstance(self.f, Goal) else 0.5
        for k in range(config.steps):
            slope = self._slope(y, factual, target, prototype, config)
            rate = config.rate * (1 - k / config.steps) ** 0.5
            new = composite(
                factual, shrunk(y - rate * slope, factual, config.sparsity), region.mask
            )
            y = composite(factual, new + k / (k + 3) * (new - x), region.mask)
            x = new
            with torch.no_grad():
                lead = self._lead(x, target)
                change = (x - factual).flatten(1)
                size = config.sparsity * change.abs().sum(1) + change.square().sum(1)
                valid = lead > 2 * enough - 1
                better = (valid & (size < least)) | (~valid & least.isinf() & (lead > nearest))
                least = size.where(valid & (size < least), least)
                nearest = lead.maximum(nearest)
                image = x.where(better.view(-1, 1, 1, 1), image)
            last = k + 1 == config.steps
            yield Step(
                k + 1, config.steps, "shrinkage", image if last else x, reconstruction=rebuilt
            )

    def _lead(self, x: Tensor, target: Tensor) -> Tensor:
        """The target's probability less the greatest other one, [B]."""
        p = self.f.logits(x).softmax(1)
        own = p.gather(1, target[:, None]).squeeze(1)
        return own - p.scatter(1, target[:, None], -1).amax(1)

    def _slope(
        self,
        y: Tensor,
        factual: Tensor,
        target: Tensor,
        prototype: Tensor,
        config: PrototypesConfig,
    ) -> Tensor:
        """The gradient of all terms but L1 in the pixels, [B, C, H, W]."""
        with torch.enable_grad():
            y = y.detach().requires_grad_()
            prediction = (-self._lead(y, target)).clamp_min(-config.lead)
            z = self.g.encode(y)
            loss = (
                config.prediction_weight * prediction
                + (y - factual).square().flatten(1).sum(1)
                + config.autoencoder_weight * (y - self.g.decode(z)).square().flatten(1).sum(1)
                + config.prototype_weight * (z - prototype).square().flatten(1).sum(1)
            )
            (slope,) = torch.autograd.grad(loss.sum(), y)
        return slope

    def _drawn(self, target: Tensor, config: PrototypesConfig) -> Tensor:
        """Latents [N, D] of a class, int64 [1], that the model gives it."""
        drawn = self.density.sample(target, config.draws, torch.Generator().manual_seed(0))
        taken = self.f.probabilities(self.g.decode(drawn)).argmax(1) == target
        return drawn[taken] if bool(taken.any()) else drawn


def _prototype(z: Tensor, drawn: Tensor, neighbours: int) -> Tensor:
    """The mean of those of the latents [N, D] that are nearest to z [D]."""
    distance = (drawn - z).norm(dim=1)
    near = distance.topk(min(neighbours, len(drawn)), largest=False)
    return drawn[near.indices].mean(0)
