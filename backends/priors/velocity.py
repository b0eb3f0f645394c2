"""Conditional velocity field v(t, z, c) of flow matching, and its transport.

LeapFactual (Cao et al., 2025), section 3.2 and appendix B.1.2. t = 1 is the data's end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

__all__ = ["Field", "VelocityField", "chosen", "transport"]

CROWDING = 1.25  # of the exponents from 1 to 2, the one with the least error on digits


@runtime_checkable
class Field(Protocol):
    """A velocity field under a condition of class probabilities.

    :ivar dimensions: D of the latents.
    :ivar classes: K of the condition.
    """

    dimensions: int
    classes: int

    def __call__(self, t: Tensor, z: Tensor, c: Tensor) -> Tensor:
        """Velocity [B, D] at time t (scalar or [B]) in [0, 1] for z [B, D] and c [B, K]."""
        ...

    def start_as(self, known: Field, places: Sequence[int | None]) -> None:
        """Take the weights of a field of the same form for other classes: of each class the old one
        whose column it begins with, None for the mean of all."""
        ...


def chosen(columns: Tensor, places: Sequence[int | None]) -> Tensor:
    """Columns [E, K] of known classes -> those that other classes begin with, [E, len(places)]."""
    mean = columns.mean(1)
    return torch.stack([mean if place is None else columns[:, place] for place in places], 1)


class VelocityField(nn.Module):
    """SiLU perceptron on [z, c, t], as in the paper. The authors' code has SELU, whose kink costs
    fixed-step solvers their order.

    :param latent: size D of z.
    :param classes: size K of the condition c, a probability vector.
    """

    def __init__(self, latent: int, classes: int, width: int, depth: int) -> None:
        super().__init__()
        self.dimensions, self.classes = latent, classes
        layers: list[nn.Module] = []
        size = latent + classes + 1
        for _ in range(depth):
            layers += [nn.Linear(size, width), nn.SiLU()]
            size = width
        self.body = nn.Sequential(*layers, nn.Linear(size, latent))

    def forward(self, t: Tensor, z: Tensor, c: Tensor) -> Tensor:
        """Velocity [B, D] at time t (scalar or [B]) in [0, 1] for z [B, D] and c [B, K]."""
        return self.body(torch.cat([z, c, t.reshape(-1, 1).expand(len(z), 1)], dim=1))

    @torch.no_grad()
    def start_as(self, known: VelocityField, places: Sequence[int | None]) -> None:
        """Take the weights of a field for other classes; see :class:`Field`."""
        state = {k: v.detach().clone() for k, v in known.state_dict().items()}
        first, d = state["body.0.weight"], self.dimensions
        parts = first[:, :d], chosen(first[:, d:-1], places), first[:, -1:]
        self.load_state_dict(state | {"body.0.weight": torch.cat(parts, dim=1)})


def transport(
    field: nn.Module,
    z: Tensor,
    c: Tensor,
    gamma: float,
    *,
    lift: bool,
    solver: Literal["rk4", "dopri5"] = "rk4",
    steps: int = 4,
    tolerance: float = 1e-4,
) -> Tensor:
    """Integrate dz/dt = gamma * v(t, z, c) from 1 to 0 (lift) or from 0 to 1 (land); [B, D].

    :param solver: ``rk4`` takes ``steps`` classical Runge-Kutta steps, shorter towards t = 1,
        where the field is steepest; ``dopri5`` chooses its own within ``tolerance`` and lands on
        the ends of ``steps`` equal intervals.
    """
    if gamma == 0:
        return z
    times = torch.linspace(0, 1, steps + 1, dtype=z.dtype, device=z.device)
    if solver == "rk4":
        times = 1 - (1 - times) ** CROWDING
    times = times.flip(0) if lift else times

    def v(t: Tensor, z: Tensor) -> Tensor:
        return gamma * field(t, z, c)

    if solver == "rk4":
        return _rk4(v, z, times)
    from torchdiffeq import odeint  # imports scipy's solvers, half a second

    # Steps must end on the times asked for, as in the authors' solver; torchdiffeq would
    # overshoot and interpolate, which costs more accuracy than the tolerance grants.
    options = {"step_t": times}
    return odeint(v, z, times, method="dopri5", rtol=tolerance, atol=tolerance, options=options)[-1]


def _rk4(v: Callable[[Tensor, Tensor], Tensor], z: Tensor, times: Tensor) -> Tensor:
    """Classical Runge-Kutta. A field this small takes less time than torchdiffeq's checks of it."""
    middles = (times[:-1] + times[1:]) / 2
    for start, middle, end in zip(times[:-1], middles, times[1:], strict=True):
        h = float(end - start)
        k1 = v(start, z)
        k2 = v(middle, z + h / 2 * k1)
        k3 = v(middle, z + h / 2 * k2)
        k4 = v(end, z + h * k3)
        z = z + h / 6 * (k1 + 2 * (k2 + k3) + k4)
    return z
