"""Conditional velocity field v(t, z, c) of flow matching, and its transport.

LeapFactual (Cao et al., 2025), section 3.2 and appendix B.1.2. t = 1 is the data's end.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchdiffeq import odeint

__all__ = ["VelocityField", "transport"]


class VelocityField(nn.Module):
    """SiLU perceptron on [z, c, t], as in the paper. The authors' code has SELU, whose kink costs
    fixed-step solvers their order.

    :param latent: size D of z.
    :param classes: size K of the condition c, a probability vector.
    """

    def __init__(self, latent: int, classes: int, width: int, depth: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        size = latent + classes + 1
        for _ in range(depth):
            layers += [nn.Linear(size, width), nn.SiLU()]
            size = width
        self.body = nn.Sequential(*layers, nn.Linear(size, latent))

    def forward(self, t: Tensor, z: Tensor, c: Tensor) -> Tensor:
        """Velocity [B, D] at time t (scalar or [B]) in [0, 1] for z [B, D] and c [B, K]."""
        return self.body(torch.cat([z, c, t.reshape(-1, 1).expand(len(z), 1)], dim=1))


def transport(
    field: nn.Module,
    z: Tensor,
    c: Tensor,
    gamma: float,
    *,
    lift: bool,
    solver: str = "midpoint",
    steps: int = 4,
    tolerance: float = 1e-4,
) -> Tensor:
    """Integrate dz/dt = gamma * v(t, z, c) from 1 to 0 (lift) or from 0 to 1 (land); [B, D].

    :param solver: a torchdiffeq method; the fixed-step ones take ``steps`` equal steps,
        ``dopri5`` chooses its own and lands on ``steps`` intervals within ``tolerance``.
    """
    if gamma == 0:
        return z
    times = torch.linspace(1, 0, steps + 1) if lift else torch.linspace(0, 1, steps + 1)
    times = times.to(z)
    tolerances = {"rtol": tolerance, "atol": tolerance} if solver == "dopri5" else {}
    return odeint(lambda t, z: gamma * field(t, z, c), z, times, method=solver, **tolerances)[-1]
