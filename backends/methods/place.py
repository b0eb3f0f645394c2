"""PLACE, and the two latent searches it is compared with: REVISE and CLARITY.

Lenkiewicz, Musialek, Furman, Zieba: Plausible Visual Counterfactual Explanations in Latent Space
with Normalizing Flows, 2026. Joshi et al.: Towards realistic individual recourse (REVISE), 2019,
https://arxiv.org/abs/1907.09615. Theobald et al.: CLARITY, 2022, https://arxiv.org/abs/2211.15370.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import log
from typing import ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from backends.core import Goal, Region, Step, Strength, TargetModel
from backends.errors import MissingPart
from backends.methods.common.search import Search
from backends.methods.common.views import VIEWS, Views
from backends.priors.core import Correctable, Prior, by_row

__all__ = ["Clarity", "Place", "Revise", "descend"]

COMPARED = "; as compared with in Lenkiewicz et al. (PLACE), 2026"


class SearchConfig(BaseModel):
    """What the three searches share."""

    model_config = ConfigDict(extra="forbid")

    rate: float = Field(
        0.1, gt=0, le=1, title="Learning rate", description="Adam's step in the latent space"
    )
    steps: int = Field(
        400, ge=1, le=5000, title="Most steps", description="The search ends after these"
    )
    patience: int = Field(
        30, ge=1, le=1000, title="Patience",
        description="Steps without a better valid picture, after which the search ends",
    )  # fmt: skip
    margin: float = Field(
        0.05, ge=0, lt=0.5, title="Margin",
        description="ε: a picture is valid where the model gives the target more than .5 + ε",
    )  # fmt: skip
    views: int = VIEWS


class PlaceConfig(SearchConfig):
    """Equation 1's weights."""

    decision: Literal["log_margin", "margin"] = Field(
        "log_margin", title="Decision loss",
        description="Margin of the log-probability, or of the probability (paper), which has no "
        "gradient left where the model is sure of another class",
    )  # fmt: skip
    decision_weight: float = Field(
        10.0, ge=0, le=1e4, title="Decision weight", description="λ_dec: of the margin loss"
    )
    distance_weight: float = Field(
        1.0, ge=0, le=1e3, title="Distance weight", description="λ_dist: of the latent distance"
    )
    plausibility_weight: float = Field(
        0.5, ge=0, le=1e3, title="Plausibility weight",
        description="λ_plaus: of the negative log-density under the target class",
    )  # fmt: skip
    perceptual_weight: float = Field(
        0.0, ge=0, le=1e3, title="Perceptual weight",
        description="λ_perc: of LPIPS, by the bundle's network or torchvision's SqueezeNet",
    )  # fmt: skip


class ReviseConfig(SearchConfig):
    """REVISE's own settings. The reference sums the differences of some ten columns of a table;
    the sum over 1024 pixels outweighs the cross-entropy: of 50 digits it flips 28, and the oracle
    agrees with 11, where the mean flips all and the oracle agrees with 45."""

    steps: int = Field(
        1000, ge=1, le=5000, title="Most steps", description="The search ends after these"
    )
    distance_weight: float = Field(
        0.5, ge=0, le=1e3, title="Distance weight",
        description="λ: of the absolute difference of the pixels",
    )  # fmt: skip
    space: Literal["autoencoder", "flow", "gan"] = Field(
        "autoencoder", title="Search space",
        description="Whose latents are searched: the autoencoder's, the flow's or the GAN's, where "
        "the bundle has it",
    )  # fmt: skip
    distance: Literal["mean", "sum"] = Field(
        "mean", title="Pixel distance",
        description="Mean over the pixels, or their sum as in CARLA, REVISE's reference for tables",
    )  # fmt: skip


class ClarityConfig(SearchConfig):
    """CLARITY's own settings."""

    steps: int = Field(
        1000, ge=1, le=5000, title="Most steps", description="The search ends after these"
    )


Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def descend(
    f: TargetModel,
    g: Callable[[Tensor, Tensor], Tensor],
    z: Tensor,
    factual: Tensor,
    target: Tensor,
    m: Tensor,
    config: SearchConfig,
    loss: Loss,
    confirm: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Iterator[Step]:
    """Adam on latents z [B, D]; every picture ends at its valid iterate of least loss, or, when
    it never was valid, at the surest one.

    :param g: decoder of (latents, which rows of the batch these are).
    :param loss: (rows, z', x~, log p_y') of the rows still searched -> loss [b].
    :param confirm: as in :func:`backends.methods.diffeomorphic.ascend`; a search whose best
        iterate does not convince at full size begins again from what that looks like.
    """
    search, views = Search(z, factual, m, config.rate, config.steps), Views(config.views)
    found = _Found(len(z), factual, config)
    for i in range(1, config.steps + 1):
        active = search.active
        with torch.enable_grad():
            x = search.decoded(g)
            # From logits: the logarithm of a probability that rounds to 0 has no gradient.
            log_p = views.log_probabilities(f, x).gather(1, target[active][:, None]).squeeze(1)
            value = loss(active, search.row, x, log_p)
        taken, done = found.compare(active, log_p.detach().exp(), value.detach())
        search.keep(taken)
        if confirm and bool(done.any()):
            rows = active[done]
            full = f.probabilities(confirm(search.best[rows], rows))
            failed = full.gather(1, target[rows][:, None]).squeeze(1) <= 0.5 + config.margin
            found.forget(rows[failed])
            done[done.clone()] = ~failed
        last = i == config.steps or bool(done.all())
        yield search.step(i, "descent", last=last)
        if last:
            return
        search.descend(value, done)


class _Found:
    """How good each of B pictures' best state is: the least loss of a valid one, or, until there
    is one, the target's greatest probability."""

    def __init__(self, count: int, like: Tensor, config: SearchConfig) -> None:
        self.least, self.surest = like.new_full((count,), torch.inf), like.new_full((count,), -1.0)
        self.since = torch.zeros(count, dtype=torch.long, device=like.device)
        self.valid, self.patience = 0.5 + config.margin, config.patience

    def compare(self, active: Tensor, p: Tensor, loss: Tensor) -> tuple[Tensor, Tensor]:
        """Compare the present states of pictures with their best ones; return which are better,
        bool [b], and which have not become better for ``patience`` steps, bool [b].

        :param active: indices of the pictures, [b].
        :param p: the target's probability, [b] in [0, 1].
        :param loss: of these states, [b].
        """
        valid, least = p > self.valid, self.least[active]
        found = least < torch.inf
        better = valid & (loss < least)
        # Gains below a thousandth do not keep the search alive.
        gain = ~found | (loss < least - 1e-3 * least.abs())
        closer = ~found & ~valid & (p > self.surest[active])
        self.least[active] = loss.where(better, least)
        self.surest[active] = p.maximum(self.surest[active])
        self.since[active] = torch.where(better & gain, 0, self.since[active] + found)
        return better | closer, self.since[active] >= self.patience

    def forget(self, rows: Tensor) -> None:
        """Forget the best states of these pictures."""
        self.least[rows], self.surest[rows], self.since[rows] = torch.inf, -1.0, 0


class Place:
    """Equation 1. The paper's own weights on MNIST are 10, 1, 10 with a learning rate of 0.01, for
    a latent of about 128 dimensions; with nothing to hold the density back they end at a class's
    most typical digit. Ours weigh the density less and take longer steps (0.1); so that such a
    search still gets to the target, the decision loss is the margin's logarithm
    (``decision="margin"``: the paper's). The perceptual term is the bundle's part ``lpips``, where
    it has one, else LPIPS of SqueezeNet."""

    name: ClassVar[str] = "place"
    title: ClassVar[str] = "PLACE"
    summary: ClassVar[str] = (
        "Searches an autoencoder's latent space for what is near, convincing and likely."
    )
    strengths: ClassVar[str] = (
        "Weighs conviction, closeness and likelihood openly; its answers are likely pictures of "
        "their class."
    )
    costs: ClassVar[str] = (
        "Follows gradients for many steps; a strong likelihood makes answers smoother than real "
        "pictures."
    )
    suits: ClassVar[tuple[Strength, ...]] = ("realism",)
    paper: ClassVar[str] = (
        "Lenkiewicz et al., Plausible Visual Counterfactual Explanations in Latent Space with "
        "Normalizing Flows, 2026"
    )
    needs: ClassVar[tuple[str, ...]] = ("autoencoder", "density")
    optional: ClassVar[tuple[str, ...]] = ("lpips",)
    differentiable: ClassVar[bool] = True
    kind: ClassVar[str] = "method"
    knows_classes: ClassVar[bool] = True
    seeded: ClassVar[bool] = False
    Config: ClassVar[type[BaseModel]] = PlaceConfig

    def __init__(
        self,
        target_model: TargetModel,
        autoencoder: Prior,
        density: nn.Module,
        lpips: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> None:
        self.f, self.g, self.p_F, self.lpips = target_model, autoencoder, density, lpips

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: PlaceConfig,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """Search from z = E(x).

        :raises MissingPart: the perceptual loss is asked for and its network is not there.
        """
        with torch.no_grad():
            z = self.g.encode(factual)
        perceptual = (self.lpips or squeeze_lpips()) if config.perceptual_weight else None

        def loss(rows: Tensor, z_: Tensor, x_: Tensor, log_p: Tensor) -> Tensor:
            needed = 0.5 + config.margin
            if config.decision == "margin":
                decision = (needed - log_p.exp()).clamp_min(0)  # eq. 2
            else:
                decision = (log(needed) - log_p).clamp_min(0)
            # The norm has no gradient where the search begins.
            distance = ((z[rows] - z_).square().sum(1) + 1e-12).sqrt()  # eq. 3
            plausibility = -self.p_F(z_, target[rows])  # eq. 4
            total = (
                config.decision_weight * decision
                + config.distance_weight * distance
                + config.plausibility_weight * plausibility
            )
            if perceptual:
                total = total + config.perceptual_weight * perceptual(factual[rows], x_)  # eq. 5
            return total

        yield from descend(
            self.f, by_row(self.g), z, factual, target, region.mask, config, loss,
            self.g.correct if isinstance(self.g, Correctable) else None,
        )  # fmt: skip


def squeeze_lpips() -> Callable[[Tensor, Tensor], Tensor]:
    """LPIPS of SqueezeNet, whose weights come from torchvision.

    :raises MissingPart: they are not on this machine.
    """
    from backends.metrics.lpips import lpips, problem

    missing = problem()
    if missing:
        raise MissingPart("this bundle has no part 'lpips', and {missing}", missing=missing)
    return lpips


class Revise:
    """Cross-entropy and the pixels' absolute difference, in the latent space: an autoencoder's as
    in the paper, or another prior's."""

    name: ClassVar[str] = "revise"
    title: ClassVar[str] = "REVISE (baseline)"
    summary: ClassVar[str] = "Searches the latent space for what is near and convincing."
    strengths: ClassVar[str] = "Simple and quick: what is near and convincing."
    costs: ClassVar[str] = "Nothing keeps its answers likely, so they are often untypical."
    suits: ClassVar[tuple[Strength, ...]] = ("speed", "closeness")
    paper: ClassVar[str] = (
        "Joshi et al., Towards Realistic Individual Recourse and Actionable Explanations in "
        "Black-Box Decision Making Systems, 2019" + COMPARED
    )
    needs: ClassVar[tuple[str, ...]] = ("autoencoder",)
    optional: ClassVar[tuple[str, ...]] = ("flow", "gan")
    differentiable: ClassVar[bool] = True
    kind: ClassVar[str] = "baseline"
    knows_classes: ClassVar[bool] = False
    seeded: ClassVar[bool] = False
    Config: ClassVar[type[BaseModel]] = ReviseConfig

    def __init__(
        self,
        target_model: TargetModel,
        autoencoder: Prior,
        flow: Prior | None = None,
        gan: Prior | None = None,
    ) -> None:
        self.f = target_model
        self.priors = {"autoencoder": autoencoder, "flow": flow, "gan": gan}

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: ReviseConfig,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """Search from z = E(x).

        :raises MissingPart: the bundle does not have the prior whose space is asked for.
        """
        g = self.priors[config.space]
        if g is None:
            raise MissingPart("this bundle has no part {space!r}", space=config.space)
        with torch.no_grad():
            z = g.encode(factual)

        # Past a regressor's value there is no more to gain.
        most = log(0.5 + config.margin) if isinstance(self.f, Goal) else 0.0

        def loss(rows: Tensor, z_: Tensor, x_: Tensor, log_p: Tensor) -> Tensor:
            change = (x_ - factual[rows]).abs().flatten(1)
            distance = change.mean(1) if config.distance == "mean" else change.sum(1)
            return -log_p.clamp(max=most) + config.distance_weight * distance

        yield from descend(self.f, by_row(g), z, factual, target, region.mask, config, loss)


class Clarity:
    """The gradient comes from an ensemble of classifiers of latents, whose boundaries are smoother
    than the target model's; the target model decides when an answer is valid."""

    name: ClassVar[str] = "clarity"
    title: ClassVar[str] = "CLARITY (baseline)"
    summary: ClassVar[str] = "Follows an ensemble of latent classifiers until the model agrees."
    strengths: ClassVar[str] = "Needs no gradients of the model."
    costs: ClassVar[str] = "Follows classifiers of its own, which may disagree with the model."
    suits: ClassVar[tuple[Strength, ...]] = ()
    paper: ClassVar[str] = (
        "Theobald et al., CLARITY: an improved gradient method for producing quality visual "
        "counterfactual explanations, 2022" + COMPARED
    )
    needs: ClassVar[tuple[str, ...]] = ("autoencoder", "latent_ensemble")
    differentiable: ClassVar[bool] = False
    kind: ClassVar[str] = "baseline"
    knows_classes: ClassVar[bool] = True
    seeded: ClassVar[bool] = False
    Config: ClassVar[type[BaseModel]] = ClarityConfig

    def __init__(
        self, target_model: TargetModel, autoencoder: Prior, latent_ensemble: nn.Module
    ) -> None:
        self.f, self.g, self.ensemble = target_model, autoencoder, latent_ensemble

    def explain(
        self,
        factual: Tensor,
        target: Tensor,
        region: Region,
        config: ClarityConfig,
        generator: torch.Generator,
    ) -> Iterator[Step]:
        """Search from z = E(x)."""
        with torch.no_grad():
            z = self.g.encode(factual)

        def loss(rows: Tensor, z_: Tensor, x_: Tensor, log_p: Tensor) -> Tensor:
            return -self.ensemble(z_).gather(1, target[rows][:, None]).squeeze(1)

        yield from descend(self.f, by_row(self.g), z, factual, target, region.mask, config, loss)
