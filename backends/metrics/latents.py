"""How far the answer is from the factual in the coordinates of a prior."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backends.metrics.metric import metric, reported, without_gradients

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["code_l2"]

AT_ONCE = 50  # pictures that the network sees

reported(
    "latent_l2", "L2 distance in z", "lower", "norm of z* - z", form="{:.2f}",
    meaning="in the coordinates that the method searched, from where it began to where it ended, "
    "so that what the saved picture rounds away is not counted",
)  # fmt: skip


@metric(
    "code_l2", "L2 distance of latent codes", "lower", "norm of E(x') - E(x)", form="{:.2f}",
    meaning="in the bundle's latent autoencoder, whichever method is asked", scope="row",
)  # fmt: skip
@without_gradients
def code_l2(factual: Tensor, counterfactual: Tensor, part_latent_autoencoder: Any) -> Tensor:
    """Euclidean distance of latent codes over all their values, [N]; their scale is the bundle's
    (each channel has about unit variance). In the place of LDCE's VQ-L2, whose autoencoder is that
    of Stable Diffusion."""
    import torch

    device = next((p.device for p in part_latent_autoencoder.parameters()), torch.device("cpu"))

    def codes(pictures: Tensor) -> Tensor:
        seen = (part_latent_autoencoder.encode(some.to(device)) for some in pictures.split(AT_ONCE))
        return torch.cat([some.cpu() for some in seen])

    value: Tensor = (codes(counterfactual) - codes(factual)).flatten(1).norm(dim=1)
    return value
