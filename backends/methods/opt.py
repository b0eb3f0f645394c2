"""The two baselines of LeapFactual's experiments: a latent optimised, and a class exchanged.

Cao, Zhao, Krieger, Scharr, Assent: LeapFactual, Reliable Visual Counterfactual Explanation Using
Conditional Flow Matching, NeurIPS 2025. Equation 1 and appendix B.1.2: the optimization-based
(Opt) and the conditional-generative-model-based (CGM) method.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional as F

from backends.core import Goal, Region, Step, Strength, TargetModel
from backends.imaging import composite
from backends.methods.common.search import Search
from backends.priors.conditional_autoencoder import ConditionalAutoencoder
from backends.priors.core import Prior, by_row

__all__ = ["ConditionalVAE", "Opt"]

PAPER = (
    "Cao et al., LeapFactual: Reliable Visual Counterfactual Explanation Using Conditional "
    "Flow Matching, NeurIPS 2025, appendix B.1.2"
)


class OptConfig(BaseModel):
    """The paper's for digits; what it does not say is its authors' code's."""

    model_config = ConfigDict(extra="forbid")

    rate: float = Field(
        0.2, gt=0, le=1, title="Learning rate", description="Adam's step in the latent space"
    )
    steps: int = Field(
        1000, ge=1, le=5000, title="Steps",
        description="All are taken; a regressor's goal ends the search",
    )  # fmt: skip
    distance_weight: float = Field(
        0.0006, ge=0, le=1e3, title="Distance weight",
        description="λ: of the mean absolute difference of the pixels",
    )  # fmt: skip
    decay: float = Field(
        0.01, ge=0, le=1, title="Weight decay",
        description="By which AdamW draws the latent towards 0 (authors' code); 0 is Adam (paper)",
    )  # fmt: skip


class Opt:
    """Equation 1: squared error of the model's probabilities, and the pixels' absolute difference,
    by gradient descent on z. The last state is the answer, whatever the model says of it: where
    the probabilities do not change, the squared error has no gradient left, and the search stops
    short of the target."""

    name: ClassVar[str] = "opt"
    title: ClassVar[str] = "Optimised latent (baseline)"
    summary: ClassVar[str] = (
        "Changes an autoencoder’s latent until the model’s probabilities are the target’s."
    )
    strengths: ClassVar[str] = "The plainest latent search, as LeapFactual is compared with."
    costs: ClassVar[str] = "Its gradient vanishes where the model is sure, so it may stop short."
    suits: ClassVar[tuple[Strength, ...]] = ()
    paper: ClassVar[str] = PAPER
    needs: ClassVar[tuple[str, ...]] = ("autoencoder",)
    differentiable: ClassVar[bool] = True
    kind: ClassVar[str] = "baseline"
    knows_classes: ClassVar[bool] = False
    seeded: ClassVar[bool] = False
    Config: ClassVar[type[BaseModel]] = OptConfig

    def __init__(self, target_model: TargetModel, autoencoder: Prior) -> None:
        self.f, self.g = target_model, autoencoder

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: OptConfig,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """Descent from z = E(x)."""
        g, goal = by_row(self.g), self.f if isinstance(self.f, Goal) else None
        with torch.no_grad():
            z = self.g.encode(factual)
        wanted = F.one_hot(target, len(self.f.class_names)).to(factual)
        search = Search(z, factual, region.mask, config.rate, config.steps, config.decay)
        for i in range(1, config.steps + 1):
            rows = search.active
            with torch.enable_grad():
                x = search.decoded(g)
                p = self.f.logits(x).softmax(1)
                error = (p - wanted[rows]).square().mean(1)
                distance = (x - factual[rows]).abs().flatten(1).mean(1)
                loss = error + config.distance_weight * distance
            reached = p.detach().gather(1, target[rows][:, None]).squeeze(1)
            done = reached > (goal.confidence() if goal else 1)
            search.keep(torch.ones_like(done))
            last = i == config.steps or bool(done.all())
            yield search.step(i, "descent", last=last)
            if last:
                return
            search.descend(loss, done)


class ExchangeConfig(BaseModel):
    """How often the class is exchanged; nothing else can be set."""

    model_config = ConfigDict(extra="forbid")

    steps: int = Field(
        1, ge=1, le=20, title="Exchanges",
        description="Exchanges one after another, each from the last one's picture (paper: 1)",
    )  # fmt: skip


class ConditionalVAE:
    """Encode the picture with the model's own probabilities, decode it with the target: the class
    is the autoencoder's condition, so that the latent holds the rest."""

    name: ClassVar[str] = "conditional_vae"
    title: ClassVar[str] = "Conditional autoencoder (baseline)"
    summary: ClassVar[str] = (
        "Encodes the picture as the class that the model sees, and decodes it as the target."
    )
    strengths: ClassVar[str] = "Answers at once and needs only labels; nothing is searched."
    costs: ClassVar[str] = (
        "Nothing asks the model whether the answer convinces it, or keeps it near your picture."
    )
    suits: ClassVar[tuple[Strength, ...]] = ("speed",)
    paper: ClassVar[str] = PAPER
    needs: ClassVar[tuple[str, ...]] = ("conditional_autoencoder",)
    differentiable: ClassVar[bool] = False
    kind: ClassVar[str] = "baseline"
    knows_classes: ClassVar[bool] = True
    seeded: ClassVar[bool] = False
    Config: ClassVar[type[BaseModel]] = ExchangeConfig

    def __init__(
        self, target_model: TargetModel, conditional_autoencoder: ConditionalAutoencoder
    ) -> None:
        self.f, self.g = target_model, conditional_autoencoder

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: ExchangeConfig,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """The reconstruction, then one step an exchange. Latents of different classes cannot be
        compared, so that no step tells its own."""
        wanted = F.one_hot(target, len(self.f.class_names)).to(factual)
        total = 1 + config.steps
        z, source = self._encoded(factual)
        with torch.no_grad():
            rebuilt = self.g.decode(z, source)
        yield Step(1, total, "reconstruction", composite(factual, rebuilt, region.mask))
        for i in range(config.steps):
            with torch.no_grad():
                image = composite(factual, self.g.decode(z, wanted), region.mask)
            yield Step(i + 2, total, "exchange", image, reconstruction=rebuilt)
            if i + 1 < config.steps:
                z, _ = self._encoded(image)

    @torch.no_grad()
    def _encoded(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """E(x, f(x)) and f(x)."""
        source = self.f.probabilities(x).to(x)
        return self.g.encode(x, source), source
