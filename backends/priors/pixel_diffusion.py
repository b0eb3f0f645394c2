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

__all__ = ["Level", "clean_estimate", "levels", "noised", "pixel_alphas"]


def pixel_alphas(
    interval: int = 1000,
    beta_schedule: str = "squaredcos_cap_v2",
    beta_start: float = 1e-4,
    beta_end: float = 0.02,
) -> Tensor:
    """a_t for t = 0 ... interval - 1, float32, from nearly 1 down to nearly 0.

    By default the cosine schedule (Nichol, Dhariwal: Improved Denoising Diffusion Probabilistic
    Models, ICML 2021, https://arxiv.org/abs/2102.09672): on small pictures the linear one spends
    its later third on noise that holds nothing.

    :param beta_schedule: any that diffusers' DDPMScheduler knows.
    :param beta_start: first beta of those that have one, ``beta_end`` the last.
    :raises NotImplementedError: the schedule is not known.
    """
    from diffusers import DDPMScheduler  # seconds to import

    scheduler = DDPMScheduler(interval, beta_start, beta_end, beta_schedule)
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

    def mean(self, x: Tensor, x0: Tensor) -> Tensor:
        """The mean of the posterior q(x_b | x_a = x, x_0) (DDPM, equation 7)."""
        to_x0 = self.b**0.5 * self.beta / (1 - self.a)
        to_x = (1 - self.beta) ** 0.5 * (1 - self.b) / (1 - self.a)
        return to_x0 * x0 + to_x * x


def levels(truncation: float, steps: int, alphas: Tensor | None = None) -> list[Level]:
    """``steps`` noise levels, evenly from tau * N - 1 strictly down to 0; fewer where there are
    not so many.

    :param alphas: a_t [N]; :func:`pixel_alphas` unless given.
    """
    a = (pixel_alphas() if alphas is None else alphas).double()
    last = max(2, round(truncation * len(a))) - 1
    times = np.linspace(last, 0, min(steps, last + 1)).round().astype(int)
    here = a[times].tolist()
    return [Level(*row) for row in zip(times.tolist(), here, [*here[1:], 1.0], strict=True)]


def noised(x: Tensor, a: float, z: Tensor) -> Tensor:
    """x_t ~ q(x_t | x_0 = x), of noise z (DDPM, equation 4).

    :param a: the schedule's cumulative product at t.
    """
    return a**0.5 * x + (1 - a) ** 0.5 * z


def clean_estimate(network: nn.Module, x: Tensor, t: int, a: float) -> Tensor:
    """Tweedie estimate of x_0 from x_t: (x_t - sqrt(1 - a_t) eps(x_t, t)) / sqrt(a_t).

    :param a: a_t.
    """
    eps = network(x, torch.full((len(x),), t, device=x.device))
    return (x - (1 - a) ** 0.5 * eps) / a**0.5
