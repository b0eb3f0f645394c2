"""The latent search of PLACE, with a loss of the caller's: Lenkiewicz et al., Plausible Visual
Counterfactual Explanations in Latent Space with Normalizing Flows, 2026. REVISE and CLARITY, which
the paper compares with, are the same search with other losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from backends.core import Step, TargetModel
from backends.methods.common.search import Search
from backends.methods.common.views import VIEWS, Views

__all__ = ["COMPARED", "SearchConfig", "descend"]

COMPARED = "; as compared with in Lenkiewicz et al. (PLACE), 2026"


class SearchConfig(BaseModel):
    """What PLACE, REVISE and CLARITY share."""

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
