"""How likely the answer's latent is among those of its class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backends.metrics.metric import metric

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["log_density", "log_density_percentile"]


@metric(
    "log_density", "Log density", "higher", "nats", library="zuko", form="{:.1f} nats",
    meaning="of the latent under the target class’s flow", page=1,
    good="High: the answer lies where real pictures of the target class lie. The scale is the "
    "bundle's own, so compare it only within a bundle.",
    bad="Far below those of other answers: such a picture hardly occurs.",
)  # fmt: skip
def log_density(density: Any, latent: Tensor, target: Tensor) -> Tensor:
    """Log density of latents [B, D] under the flow of their class, [B]."""
    value: Tensor = density.log_density(latent, target)
    return value


@metric(
    "log_density_percentile", "Density percentile", "neither", "percentile, 50 is typical",
    library="zuko", form="{:.0f} %", page=1, compared="always",
    meaning="of real pictures of the target class are less likely; 50 is typical",
    good="Around 50, as real pictures have it: the answer is as typical as they are.",
    bad="Below 5: hardly any real picture is as unusual. Above 99: plainer and smoother than "
    "real pictures.",
)  # fmt: skip
def log_density_percentile(density: Any, latent: Tensor, target: Tensor) -> Tensor:
    """Share of real pictures of the class whose latents are less likely, [B] in [0, 100]."""
    value: Tensor = density.percentile(density.log_density(latent, target), target)
    return value
