"""Natural adversarial examples: what a random search finds near a picture's latent.

Zhao, Dua, Singh: Generating Natural Adversarial Examples, ICLR 2018,
https://arxiv.org/abs/1710.11342. Algorithm 1 (iterative stochastic search) and Algorithm 2 (hybrid
shrinking search), with a target class; they need no more of the model than its labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from backends.core import Region, Step, Strength, TargetModel
from backends.imaging import composite
from backends.priors.core import Prior, by_row

__all__ = ["NaturalSearch"]

AT_ONCE = 256  # candidates that are decoded together


class NaturalConfig(BaseModel):
    """Symbols are the paper's. The authors draw 5000 samples at distances that differ by 0.01;
    ours are fewer, to answer in seconds without an accelerator."""

    model_config = ConfigDict(extra="forbid")

    search: Literal["hybrid", "iterative"] = Field(
        "hybrid", title="Search",
        description="Halve the distance from far away, then go nearer by small ones (Algorithm 2); "
        "or go farther by small ones until something is found (Algorithm 1)",
    )  # fmt: skip
    samples: int = Field(
        500,
        ge=1,
        le=5000,
        title="Samples",
        description="N: latents that a step draws (paper: 5000)",
    )
    radius: float = Field(
        10.0, gt=0, le=100, title="Radius",
        description="r: the distance from the picture's latent within which is searched",
    )  # fmt: skip
    increment: float = Field(
        0.1, gt=0, le=10, title="Increment",
        description="Δr: by how much a step goes nearer or farther (authors' code: 0.01)",
    )  # fmt: skip
    patience: int = Field(
        5, ge=1, le=100, title="Patience",
        description="B: steps that find nothing nearer, after which the hybrid search ends",
    )  # fmt: skip
    steps: int = Field(
        200, ge=1, le=2000, title="Most steps", description="The search ends after these"
    )


class NaturalSearch:
    """Draws latents in a shell around z = E(x), and keeps the nearest whose picture the model gives
    the target. Each picture of a batch has a shell of its own; one for which nothing is found ends
    at the candidate that the model was surest of."""

    name: ClassVar[str] = "natural"
    title: ClassVar[str] = "Random latent search (baseline)"
    summary: ClassVar[str] = (
        "Draws latents around the picture’s and keeps the nearest that the model gives the target."
    )
    strengths: ClassVar[str] = "Needs only labels, and no training beyond the autoencoder."
    costs: ClassVar[str] = (
        "Tries thousands of pictures; in many dimensions the nearest of them is not near."
    )
    suits: ClassVar[tuple[Strength, ...]] = ()
    paper: ClassVar[str] = "Zhao et al., Generating Natural Adversarial Examples, ICLR 2018"
    needs: ClassVar[tuple[str, ...]] = ("autoencoder",)
    differentiable: ClassVar[bool] = False
    kind: ClassVar[str] = "baseline"
    knows_classes: ClassVar[bool] = False
    seeded: ClassVar[bool] = True
    Config: ClassVar[type[BaseModel]] = NaturalConfig

    def __init__(self, target_model: TargetModel, autoencoder: Prior) -> None:
        self.f, self.g = target_model, autoencoder

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: NaturalConfig,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """One step a draw of N candidates for every picture that is still searched."""
        with torch.no_grad():
            z = self.g.encode(factual)
            rebuilt = by_row(self.g)(z, torch.arange(len(z), device=z.device))
        shells = [_Shell(config) for _ in range(len(z))]
        image, best = composite(factual, rebuilt, region.mask), z.clone()
        for i in range(1, config.steps + 1):
            for row in [row for row, shell in enumerate(shells) if not shell.done]:
                shell = shells[row]
                distance = shell.distances(generator)
                near = _around(z[row], distance.to(z), generator)
                x, p = self._seen(near, row, factual, region.mask)
                hits = p.argmax(1) == target[row]
                chosen = shell.take(distance, hits.cpu(), p[:, target[row]].cpu())
                if chosen is not None:
                    image[row], best[row] = x[chosen], near[chosen]
            done = i == config.steps or all(shell.done for shell in shells)
            yield Step(
                i, config.steps, "random search", image.clone(), latent=best.clone(), origin=z,
                reconstruction=rebuilt,
            )  # fmt: skip
            if done:
                return

    @torch.no_grad()
    def _seen(self, z: Tensor, row: int, factual: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """The pictures of candidates z [N, ...] of one picture, and what f says of them."""
        g, pictures, said = by_row(self.g), [], []
        for part in z.split(AT_ONCE):
            rows = torch.full((len(part),), row, device=z.device)
            x = composite(factual[rows], g(part, rows), m[rows])
            pictures.append(x)
            said.append(self.f.probabilities(x))
        return torch.cat(pictures), torch.cat(said)


def _around(z: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """Latents [N, ...] in random directions from z [...], at these Euclidean distances [N]."""
    e = torch.randn(len(distance), z.numel(), generator=generator).to(z)
    e *= (distance / e.norm(dim=1))[:, None]
    return z + e.view(-1, *z.shape)


class _Shell:
    """The distances (l, r] between which one picture's search draws, and how near the nearest
    counterfactual is by now.

    :ivar nearest: its distance; infinite until there is one.
    """

    def __init__(self, config: NaturalConfig) -> None:
        self.config = config
        self.iterative = config.search == "iterative"
        self.low, self.high = 0.0, config.increment if self.iterative else config.radius
        self.nearest, self.surest = float("inf"), -1.0
        self.halving, self.done, self.failed = not self.iterative, False, 0

    def distances(self, generator: torch.Generator) -> Tensor:
        """Draw N distances, evenly between l and r."""
        share = torch.rand(self.config.samples, generator=generator)
        return self.low + (self.high - self.low) * share

    def take(self, distance: Tensor, hits: Tensor, p: Tensor) -> int | None:
        """Learn what the model said of the candidates, and set the next shell; return the candidate
        that is better than all before, if one is.

        :param distance: of the candidates, [N].
        :param hits: whether the model gives them the target, bool [N].
        :param p: the target's probability, [N].
        """
        chosen = None
        if bool(hits.any()):
            at = int(distance.where(hits, torch.inf).argmin())
            if float(distance[at]) < self.nearest:
                chosen, self.nearest = at, float(distance[at])
        elif self.nearest == float("inf") and float(p.max()) > self.surest:
            chosen = int(p.argmax())
            self.surest = float(p[chosen])
        self._move(bool(hits.any()), nearer=chosen is not None and bool(hits.any()))
        return chosen

    def _move(self, found: bool, nearer: bool) -> None:
        config = self.config
        if self.iterative:  # Algorithm 1
            self.low, self.high = self.high, self.high + config.increment
            self.done = found or self.low >= config.radius
        elif self.halving:  # Algorithm 2, first part
            if nearer:
                self.low, self.high, self.failed = self.nearest / 2, self.nearest, 0
            elif found:
                self.high, self.failed = (self.low + self.high) / 2, self.failed + 1
            else:
                self.low = (self.low + self.high) / 2
            if self.failed > config.patience or self.high - self.low < config.increment:
                self.halving, self.failed = False, 0
                self.high = min(self.nearest, self.high)
                self.low = max(0.0, self.high - config.increment)
        else:  # second part
            self.failed = 0 if found else self.failed + 1
            if found:
                self.high, self.low = self.low, max(0.0, self.low - config.increment)
            self.done = self.failed >= config.patience or self.high <= 0
