"""Diffusion of whole pictures in pixel space, without classes.

Ho, Jain, Abbeel: Denoising Diffusion Probabilistic Models, NeurIPS 2020,
https://arxiv.org/abs/2006.11239. Its network predicts the noise eps in
x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) eps, x_0 [B, C, H, W] in [-1, 1], a_t the schedule's
cumulative product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["Level", "clean_estimate", "levels", "pixel_alphas"]

INTERVAL = 1000


def pixel_alphas() -> Tensor:
    """a_t for t = 0 ... 999, float32 [1000], from nearly 1 down to nearly 0.

    The cosine schedule (Nichol, Dhariwal: Improved Denoising Diffusion Probabilistic Models,
    ICML 2021, https://arxiv.org/abs/2102.09672): on small pictures the linear one spends its
    later third on noise that holds nothing.
    """
    from diffusers import DDPMScheduler  # seconds to import

    scheduler = DDPMScheduler(INTERVAL, beta_schedule="squaredcos_cap_v2")
    return scheduler.alphas_cumprod


@dataclass(frozen=True)
class Level:
    """A step from noise level t to the next one: ``a`` and ``b`` are the schedule's cumulative
    products here and there; b = 1 at the last step."""

    t: int
    a: float
    b: float

    @property
    def beta(self) -> float:
        """Variance that the diffusion adds from b to a, were it to go back."""
        return 1 - self.a / self.b

    @property
    def variance(self) -> float:
        """sigma_t^2 of the posterior q(x_b | x_a, x_0) (DDPM, equation 7)."""
        return self.beta * (1 - self.b) / (1 - self.a)


def levels(truncation: float, steps: int) -> list[Level]:
    """``steps`` noise levels, evenly from tau * 1000 - 1 down to 0."""
    a = pixel_alphas().double()
    times = np.linspace(round(truncation * INTERVAL) - 1, 0, steps).round().astype(int)
    here = a[times].tolist()
    return [Level(*row) for row in zip(times.tolist(), here, [*here[1:], 1.0], strict=True)]


def clean_estimate(network: nn.Module, x: Tensor, t: int, a: float) -> Tensor:
    """Tweedie estimate of x_0 from x_t: (x_t - sqrt(1 - a_t) eps(x_t, t)) / sqrt(a_t).

    :param a: a_t.
    """
    eps = network(x, torch.full((len(x),), t, device=x.device))
    return (x - (1 - a) ** 0.5 * eps) / a**0.5
