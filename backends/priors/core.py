"""What methods use of a prior. A network is checked against these protocols, not against its
class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from backends.core import Step

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "Anchoring", "ByRow", "Correctable", "Held", "Invertible", "Prior", "Settling", "by_row",
]  # fmt: skip


@runtime_checkable
class Prior(Protocol):
    """A generative model in whose coordinates methods search. The protocols below are what
    some priors offer in addition."""

    def encode(self, x: Tensor) -> Tensor:
        """Pictures [B, C, H, W] in [0, 1] -> coordinates [B, ...]."""
        ...

    def decode(self, z: Tensor) -> Tensor:
        """Coordinates [B, ...] -> pictures [B, C, H, W], which may leave [0, 1] slightly."""
        ...


@runtime_checkable
class Invertible(Protocol):
    """A prior that has no encoder, but can search for a picture's coordinates."""

    def invert(self, x: Tensor, steps: int) -> Iterator[tuple[int, Tensor]]:
        """Search the coordinates of pictures x [B, C, H, W] in [0, 1]; yield the index of a step,
        from 0 on, and the coordinates [B, D] found by then."""
        ...


@runtime_checkable
class ByRow(Protocol):
    """A prior whose decoder depends on which picture of the batch the coordinates belong to."""

    def decode_rows(self, z: Tensor, rows: Tensor) -> Tensor:
        """Coordinates [b, D] of the pictures ``rows`` [b] -> pictures [b, C, H, W]."""
        ...


def by_row(prior: Prior) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a prior's decoder of (coordinates [b, ...], their rows of the batch [b]) -> pictures
    [b, C, H, W]; most priors decode every row alike."""
    return prior.decode_rows if isinstance(prior, ByRow) else lambda z, _: prior.decode(z)


@runtime_checkable
class Correctable(Protocol):
    """A prior whose small pictures, which a method sees, can be made to agree with large ones."""

    def correct(self, u: Tensor, rows: Tensor) -> Tensor:
        """Return the answers [b, C, S, S] in [0, 1] at u [b, D]; from now on the decoder agrees
        with them there."""
        ...


@runtime_checkable
class Settling(Protocol):
    """A prior that draws whole pictures, and can undo what changed outside the region."""

    def settle(self, u: Tensor) -> Tensor:
        """Move u [B, D] as little as that takes."""
        ...


class Held(Prior, ByRow, Correctable, Settling, Protocol):
    """A prior held to one batch of factuals (see :class:`Anchoring`).

    :ivar factual: the factuals as a method sees them, [B, C, s, s] in [0, 1].
    :ivar small: their region at that size, [B, 1, s, s].
    :ivar reconstruction: what the prior makes of them, [B, C, S, S]; None where it drew them.
    :ivar error: root mean square of what it gets wrong of them, [B].
    """

    factual: Tensor
    error: Tensor

    @property
    def small(self) -> Tensor: ...  # noqa: D102

    @property
    def reconstruction(self) -> Tensor | None: ...  # noqa: D102

    def answer(self, u: Tensor) -> Tensor:
        """u [B, D] -> pictures [B, C, S, S] of the factuals' size."""
        ...


@runtime_checkable
class Anchoring(Protocol):
    """A prior that draws far larger pictures than the target model looks at, and must be held to
    the factuals before a method can use it."""

    def anchor(
        self, factual: Tensor, mask: Tensor, latent: Tensor | None, steps: int | None, *,
        gradients: bool,
    ) -> Iterator[Step | Held]:  # fmt: skip
        """Yield the steps of an inversion, whose pictures may be smaller than the factuals, then
        the prior held to the factuals.

        :param factual: [B, C, S, S] in [0, 1].
        :param mask: region [B, 1, S, S].
        :param latent: coordinates from which the prior drew the factuals, [B, D]; None searches
            them.
        :param steps: of that search, at most; None leaves them to the prior.
        :param gradients: whether the method follows the target model's gradients.
        """
        ...
