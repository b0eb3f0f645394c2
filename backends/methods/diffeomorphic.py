"""Diffeomorphic counterfactuals: gradient ascent in the coordinates of a generative model.

Dombrowski, Gerken, Mueller, Kessel: Diffeomorphic Counterfactuals with Generative Models, IEEE
TPAMI 2024, https://arxiv.org/abs/2206.05075. Algorithm 1 in the base space of a flow g (exact), in
the latent space of an autoencoder or a GAN (approximate), and in pixels: the adversarial example
that shows why the coordinates matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from backends.core import Goal, Region, Step, Strength, TargetModel
from backends.errors import NoAnswer
from backends.imaging import composite, eight_bit
from backends.methods.common.search import Search
from backends.priors.core import Correctable, Invertible, Prior, by_row
from backends.sentences import Sentence

__all__ = ["Adversarial", "Diffeomorphic", "DiffeomorphicGAN", "DiffeomorphicVAE", "ascend"]

RISE = 1e-4  # of the target's probability, which counts as surer
SAID = 0.5  # probability above which the model says the target
PAPER = "Dombrowski et al., Diffeomorphic Counterfactuals with Generative Models, IEEE TPAMI 2024"


class AscentConfig(BaseModel):
    """Symbols are the paper's (Algorithm 1)."""

    model_config = ConfigDict(extra="forbid")

    rate: float = Field(
        0.05, ge=0, le=1, title="Learning rate", description="λ: Adam's step in the coordinates z"
    )
    steps: int = Field(
        2000, ge=1, le=5000, title="Most steps", description="N: the search gives up after these"
    )
    confidence: float = Field(
        0.99, ge=0, le=0.9999, title="Confidence",
        description="Λ: the search ends when the model is surer of the target than this",
    )  # fmt: skip
    beyond: float = Field(
        0, ge=0, le=1, title="Beyond the value",
        description="Instead of Λ, where the target is a regressor's value: how far past it the "
        "search goes, as a share of such values' usual range",
    )  # fmt: skip
    objective: Literal["cross_entropy", "confidence", "margin"] = Field(
        "cross_entropy", title="Climb by",
        description="The target's log-probability (authors' code), its probability (paper), or its "
        "lead over the next class (for a regressor: the value itself)",
    )  # fmt: skip
    rounding: bool = Field(
        True, title="Show the model 8 bits",
        description="Stop only when the picture as saved convinces the model; off in the paper",
    )  # fmt: skip


class FlowConfig(AscentConfig):
    """Exact ascent; ``bound`` and ``patience`` are ours. The authors' Adam has its usual ``beta2``,
    .999. Ours was chosen on training pictures: the longest searches take a third of the steps, to
    answers about 1 % further away (``benchmarks.scales``)."""

    beta2: float = Field(
        0.95, ge=0, le=0.999, title="Adam's memory",
        description="β₂: how long steps stay short after a steep beginning (authors' code: .999)",
    )  # fmt: skip
    patience: int = Field(
        200, ge=0, le=5000, title="Patience",
        description="Once the model says the target: steps without a picture that is surer by "
        ".0001, after which the search ends; 0: no limit (authors' code)",
    )  # fmt: skip
    bound: float = Field(
        0.02, gt=0, le=1, title="Reconstruction bound",
        description="Refuse pictures in which decode(encode(x)) changes a pixel by more than this",
    )  # fmt: skip


class LatentConfig(AscentConfig):
    """Approximate ascent. The paper's step is 5e-3. In the digits bundle's latent spaces that is
    too short for its 1000 steps to reach Λ with every picture (``benchmarks.scales`` has both), so
    the step stays the one that the paper takes in its flow's base space for MNIST."""

    rate: float = Field(
        0.05, ge=0, le=1, title="Learning rate",
        description="λ: Adam's step in the coordinates z (paper: 0.005)",
    )  # fmt: skip
    steps: int = Field(
        1000, ge=1, le=5000, title="Most steps", description="N: the search gives up after these"
    )


class GANConfig(LatentConfig):
    """Approximate ascent after an inversion."""

    inversion: int = Field(
        300, ge=1, le=5000, title="Most inversion steps",
        description="Adam's steps towards the latent of the factual (section 4.2.1)",
    )  # fmt: skip


class PixelConfig(AscentConfig):
    """Ascent in pixels."""

    rate: float = Field(
        5e-4, ge=0, le=1, title="Learning rate", description="λ: Adam's step in the pixels"
    )


def ascend(
    f: TargetModel,
    g: Callable[[Tensor, Tensor], Tensor],
    z: Tensor,
    factual: Tensor,
    target: Tensor,
    m: Tensor,
    config: AscentConfig,
    *,
    project: Callable[[Tensor], Tensor] | None = None,
    confirm: Callable[[Tensor, Tensor], Tensor] | None = None,
    patience: int = 0,
    beta2: float = 0.999,
) -> Iterator[Step]:
    """Algorithm 1: Adam on z [B, ...] until f is surer of ``target`` than Lambda, or, where the
    target is a regressor's value, until that is passed.

    Each picture of the batch stops at its own time; one that never gets there ends at its
    surest iterate.

    :param g: decoder of (some rows of z, which rows) -> pictures, which may leave [0, 1].
    :param project: applied to z before it is decoded.
    :param confirm: decoder of (some rows of z, which rows) at full size, where g's pictures are
        smaller than the answer, after which g agrees with it; the search ends only when that one
        convinces, too.
    :param patience: steps for which a picture that is the target already may get no surer; 0 for
        any number.
    :param beta2: as of :class:`Search`.
    """
    search = Search(z, factual, m, config.rate, config.steps, beta2=beta2)
    surest = factual.new_full((len(z),), -1.0)
    reached, since = surest.clone(), torch.ones_like(surest, dtype=torch.int64)
    enough = f.confidence(config.beyond) if isinstance(f, Goal) else config.confidence
    for i in range(1, config.steps + 1):
        if project:
            search.z.copy_(project(search.z))
        active, y = search.active, target[search.active]
        with torch.enable_grad():
            x = search.decoded(g, partial(_as_saved, rounding=config.rounding))
            logits = f.logits(x)
            p = logits.softmax(1).gather(1, y[:, None]).squeeze(1)
            loss = _loss(logits, p, y, config.objective)
        p = p.detach()
        done = p > enough
        if confirm and bool(done.any()):
            full = f.probabilities(confirm(search.row.detach()[done], active[done]))
            p[done] = full.gather(1, y[done][:, None]).squeeze(1)
            done = p > enough
        improved = p > surest[active]
        surest[active] = p.where(improved, surest[active])
        search.keep(improved)
        if patience:
            risen = (p > reached[active] + RISE) | (p <= SAID)
            reached[active] = p.where(risen, reached[active])
            since[active] = torch.where(risen, i, since[active])
            done |= i - since[active] >= patience
        step = search.step(i, "ascent", last=i == config.steps or bool(done.all()))
        yield replace(step, measured={"confidence": surest.clone()})
        if not search.descend(loss, done):
            return


def _as_saved(x: Tensor, rounding: bool) -> Tensor:
    """Clipped to [0, 1] and, if asked, rounded to 8 bits; the gradient passes straight through."""
    value = eight_bit(x) if rounding else x.detach().clamp(0, 1)
    return x + (value - x).detach()


def _loss(logits: Tensor, p: Tensor, y: Tensor, objective: str) -> Tensor:
    if objective == "cross_entropy":
        return -logits.log_softmax(1).gather(1, y[:, None]).squeeze(1)
    if objective == "confidence":
        return -p
    own = logits.gather(1, y[:, None]).squeeze(1)
    return logits.scatter(1, y[:, None], -torch.inf).amax(1) - own


class Diffeomorphic:
    """In the base space of a flow: g is a bijection, so the search stays in one coordinate
    system of the data (theorem 1), and decode(encode(x)) is x within half a grey level."""

    name: ClassVar[str] = "diffeomorphic"
    title: ClassVar[str] = "Diffeomorphic"
    summary: ClassVar[str] = "Climbs to the target in the coordinates of a normalizing flow."
    strengths: ClassVar[str] = (
        "Exact: a flow rebuilds your picture without error, so every change is an answer. It "
        "can also follow a measured number."
    )
    costs: ClassVar[str] = (
        "Slow, and its answers are often untypical: an oracle agrees less often than with other "
        "methods."
    )
    suits: ClassVar[tuple[Strength, ...]] = ("closeness",)
    paper: ClassVar[str] = PAPER
    needs: ClassVar[tuple[str, ...]] = ("flow",)
    differentiable: ClassVar[bool] = True
    kind: ClassVar[str] = "method"
    knows_classes: ClassVar[bool] = False
    seeded: ClassVar[bool] = False
    Config: ClassVar[type[BaseModel]] = FlowConfig

    def __init__(self, target_model: TargetModel, flow: Prior) -> None:
        self.f, self.g = target_model, flow

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: FlowConfig,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """Ascent from z = g^-1(x); a picture that the flow cannot rebuild stays as it is.

        :raises NoAnswer: g(g^-1(x)) of every picture differs from x by more than the bound inside
            the region.
        """
        z, rebuilt, error = self._begin(factual, region)
        known = (error <= config.bound).nonzero().flatten()
        if not len(known):
            refused = NoAnswer(Sentence(
                "the flow does not know pictures like this one: rebuilding it errs by "
                "{error:.3f} (allowed: {bound}); choose another method, or a smaller region",
                error=float(error.max()), bound=config.bound,
            ))  # fmt: skip
            refused.step = Step(
                1, 1, "ascent", factual, latent=z, origin=z, reconstruction=rebuilt,
                measured={"confidence": 0 * error, "reconstruction_error": error},
            )  # fmt: skip
            raise refused
        rows = (z[known], factual[known], target[known], region.mask[known])
        for step in ascend(
            self.f, by_row(self.g), *rows, config, patience=config.patience, beta2=config.beta2
        ):
            image = factual.index_copy(0, known, step.image)
            p = torch.zeros_like(error).index_copy(0, known, step.measured["confidence"])
            measured = {"confidence": p, "reconstruction_error": error}
            assert step.latent is not None
            latent = z.index_copy(0, known, step.latent)
            yield replace(
                step, image=image, measured=measured, latent=latent, origin=z,
                reconstruction=rebuilt,
            )  # fmt: skip

    @torch.no_grad()
    def _begin(self, factual: Tensor, region: Region) -> tuple[Tensor, Tensor, Tensor]:
        """z = g^-1(x), g(z), and by how much the two pictures differ at most inside the region."""
        z = self.g.encode(factual)
        rebuilt = self.g.decode(z)
        error = (composite(factual, rebuilt, region.mask) - factual).abs()
        return z, rebuilt, error.nan_to_num(torch.inf).flatten(1).amax(1)


class DiffeomorphicVAE:
    """In the latent space of an autoencoder, from the posterior's mean."""

    name: ClassVar[str] = "diffeomorphic_vae"
    title: ClassVar[str] = "Diffeomorphic, autoencoder"
    summary: ClassVar[str] = "Climbs to the target in an autoencoder's latent space."
    strengths: ClassVar[str] = "Quick and near, and it can follow a measured number."
    costs: ClassVar[str] = "The autoencoder's own errors are part of the answer."
    suits: ClassVar[tuple[Strength, ...]] = ("speed", "closeness")
    paper: ClassVar[str] = PAPER
    needs: ClassVar[tuple[str, ...]] = ("autoencoder",)
    differentiable: ClassVar[bool] = True
    kind: ClassVar[str] = "variant"
    knows_classes: ClassVar[bool] = False
    seeded: ClassVar[bool] = False
    Config: ClassVar[type[BaseModel]] = LatentConfig

    def __init__(self, target_model: TargetModel, autoencoder: Prior) -> None:
        self.f, self.g = target_model, autoencoder

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: LatentConfig,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """Ascent from z = E(x)."""
        with torch.no_grad():
            z = self.g.encode(factual)
        yield from self._ascend(z, factual, target, region, config)

    def _ascend(
        self, z: Tensor, factual: Tensor, target: Tensor, region: Region, config: AscentConfig
    ) -> Iterator[Step]:
        confirm = self.g.correct if isinstance(self.g, Correctable) else None
        return ascend(
            self.f, by_row(self.g), z, factual, target, region.mask, config, confirm=confirm
        )


class DiffeomorphicGAN(DiffeomorphicVAE):
    """The same from a GAN: its ``encode`` searches the z whose picture is nearest to the factual
    (section 4.2.1)."""

    name: ClassVar[str] = "diffeomorphic_gan"
    title: ClassVar[str] = "Diffeomorphic, GAN"
    summary: ClassVar[str] = "Climbs to the target in a GAN's latent space, after inverting it."
    strengths: ClassVar[str] = "The pictures are a generator's own, sharp at any size."
    costs: ClassVar[str] = "Your picture must first be found among them, which may fail."
    suits: ClassVar[tuple[Strength, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ("gan",)
    Config: ClassVar[type[BaseModel]] = GANConfig

    def __init__(self, target_model: TargetModel, gan: Prior) -> None:
        super().__init__(target_model, gan)

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: LatentConfig,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """Inversion, then ascent from the z that was found."""
        assert isinstance(config, GANConfig)
        searched = 0
        if not isinstance(self.g, Invertible):  # a generator that is held to its portraits
            z = self.g.encode(factual)
        else:
            for i, z in self.g.invert(factual, config.inversion):
                searched = i + 1
                with torch.no_grad():
                    image = self.g.decode(z)
                yield Step(searched, config.inversion + config.steps, "inversion", image)
        for step in self._ascend(z, factual, target, region, config):
            index, total = searched + step.index, searched + step.total
            yield replace(step, index=index, total=total)


class Adversarial:
    """In pixels: what gradient ascent does without a manifold (the paper's comparison)."""

    name: ClassVar[str] = "adversarial"
    title: ClassVar[str] = "Adversarial (baseline)"
    summary: ClassVar[str] = (
        "Climbs to the target pixel by pixel: fools the model, explains little."
    )
    strengths: ClassVar[str] = "Shows how little can fool the model."
    costs: ClassVar[str] = "Its changes look like noise and explain nothing."
    suits: ClassVar[tuple[Strength, ...]] = ()
    paper: ClassVar[str] = PAPER
    needs: ClassVar[tuple[str, ...]] = ()
    differentiable: ClassVar[bool] = True
    kind: ClassVar[str] = "baseline"
    knows_classes: ClassVar[bool] = False
    seeded: ClassVar[bool] = False
    Config: ClassVar[type[BaseModel]] = PixelConfig

    def __init__(self, target_model: TargetModel) -> None:
        self.f = target_model

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: PixelConfig,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """Ascent from x itself, projected to [0, 1]."""
        for step in ascend(
            self.f, lambda x, _: x, factual, factual, target, region.mask, config,
            project=lambda x: x.clamp(0, 1),
        ):  # fmt: skip
            yield replace(
                step, latent=None, origin=None, reconstruction=None
            )  # pixels have no prior
