"""Numbers that are none (NaN, infinity), as damaged weights and overflows give: found and told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backends.errors import MissingPart

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["finite", "unusable_weight"]


def unusable_weight(network: Any) -> str:
    """The name of a network's first weight that is no finite number, or of a buffer with NaN;
    empty where all are numbers. A buffer may be infinite, as a mask of attention is."""
    from torch import nn

    if not isinstance(network, nn.Module):
        return ""
    for name, weight in network.named_parameters():
        if not bool(weight.isfinite().all()):
            return name
    for name, buffer in network.named_buffers():
        if buffer.is_floating_point() and bool(buffer.isnan().any()):
            return name
    return ""


def finite(values: Tensor, what: str) -> Tensor:
    """The values themselves.

    :param what: gives them, for the message.
    :raises MissingPart: one is no finite number.
    """
    if bool(values.isfinite().all()):
        return values
    raise MissingPart(
        "{what} gives values that are no numbers (NaN): its weights are damaged, or "
        "its numbers grow too large; fetch or train it again, or try other settings "
        "and precision float32",
        what=what,
    )
