"""Image-to-image Schroedinger bridge (I2SB) for inpainting, in its deterministic OT-ODE form.

Liu et al.: I2SB, ICML 2023, https://arxiv.org/abs/2302.05872. x_0 is the clean picture,
x_1 the one whose region is noise; both [B, C, H, W] in [-1, 1]. The network predicts
(x_t - x_0) / sigma_t from x_t and its noise level.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from torch import Tensor, nn

__all__ = ["BridgeSchedule", "clean_estimate"]


class BridgeSchedule:
    """Symmetric schedule, linear in the root of beta, in float64.

    :param interval: number N of discrete times, even.
    :param beta_max: greatest beta times N; 1.0 for inpainting.
    :raises ValueError: one of them makes no schedule.
    """

    def __init__(self, interval: int = 1000, beta_max: float = 1.0) -> None:
        if interval < 4 or interval % 2 or beta_max <= 0:
            raise ValueError("interval must be even and at least 4, beta_max greater than 0")
        self.interval = interval
        half = np.linspace(1e-4**0.5, (beta_max / interval) ** 0.5, interval)[: interval // 2] ** 2
        self.beta = np.concatenate([half, half[::-1]])

    @cached_property
    def sigma(self) -> np.ndarray:
        """sigma_k, the deviation gathered from the clean end."""
        return np.sqrt(np.cumsum(self.beta))

    @cached_property
    def sigma_bar(self) -> np.ndarray:
        """The deviation gathered from the noisy end."""
        return np.sqrt(np.cumsum(self.beta[::-1])[::-1])

    @cached_property
    def mu(self) -> tuple[np.ndarray, np.ndarray]:
        """(mu_0, mu_1), the weights of x_0 and x_1 in the mean of x_k; they add up to 1."""
        forward, backward = self.sigma**2, self.sigma_bar**2
        return backward / (forward + backward), forward / (forward + backward)

    @cached_property
    def noise_level(self) -> np.ndarray:
        """What the network is told as time, 1e-4 * N ... N."""
        return np.linspace(1e-4, 1, self.interval) * self.interval

    def times(self, tau: float, nfe: int) -> list[int]:
        """nfe + 1 strictly ascending indices from 0 to tau * N - 1; fewer where there are not so
        many. At a repeated index a step would keep the whole guidance instead of a share of it.

        The sum runs entry by entry, as in the authors' code: where a product would end on .5
        the rounding differs from a direct formula.
        """
        last = max(2, round(tau * self.interval)) - 1
        nfe = min(nfe, last)
        stride, position, steps = last / nfe, 0.0, [0]
        for _ in range(nfe):
            position += stride
            steps.append(round(position))
        return steps


def clean_estimate(network: nn.Module, schedule: BridgeSchedule, x: Tensor, k: int) -> Tensor:
    """Tweedie estimate of x_0 from x_k: x_k - sigma_k * net(x_k)."""
    level = x.new_full((len(x),), float(schedule.noise_level[k]))
    return x - float(schedule.sigma[k]) * network(x, level)
