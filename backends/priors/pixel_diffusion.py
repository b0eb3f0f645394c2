"""Diffusion of whole pictures in pixel space, without classes.

Ho, Jain, Abbeel: Denoising Diffusion Probabilistic Models, NeurIPS 2020,
https://arxiv.org/abs/2006.11239. Its network predicts the noise eps in
x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) eps, x_0 [B, C, H, W] in [-1, 1], a_t the schedule's
cumulative product.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["TRAINED_STEPS", "clean_estimate", "pixel_alphas"]

TRAINED_STEPS = 1000


def pixel_alphas() -> Tensor:
    """a_t for t = 0 ... 999, float32 [1000], from nearly 1 down to nearly 0.

    The cosine schedule (Nichol, Dhariwal: Improved Denoising Diffusion Probabilistic Models,
    ICML 2021, https://arxiv.org/abs/2102.09672): on small pictures the linear one spends its
    later third on noise that holds nothing.
    """
    from diffusers import DDPMScheduler  # seconds to import

    scheduler = DDPMScheduler(TRAINED_STEPS, beta_schedule="squaredcos_cap_v2")
    return scheduler.alphas_cumprod


def clean_estimate(network: nn.Module, x: Tensor, t: int, a: float) -> Tensor:
    """Tweedie estimate of x_0 from x_t: (x_t - sqrt(1 - a_t) eps(x_t, t)) / sqrt(a_t).

    :param a: a_t.
    """
    eps = network(x, torch.full((len(x),), t, device=x.device))
    return (x - (1 - a) ** 0.5 * eps) / a**0.5
