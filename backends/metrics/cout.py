"""COUT: do the pixels that changed most carry the change of mind?

Khorram, Fuxin: Cycle-consistent counterfactuals by latent transformations, CVPR 2022, as used by
Jeanneret et al. (ACE), CVPR 2023.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from backends.metrics.metric import metric, without_gradients

if TYPE_CHECKING:
    from torch import Tensor

    from backends.core import TargetModel

__all__ = ["cout", "curves", "entered"]

PIXELS = 2**18  # of the small pictures that a model is asked about at once
Portions = Literal["equal", "authors"]


def entered(pixels: int, parts: int = 50, portions: Portions = "equal") -> list[tuple[int, float]]:
    """How many pixels have entered at each point of the curve, and the point's abscissa.

    :param portions: ``equal`` gives parts + 1 points on [0, 1]. ``authors`` is their code: whole
        steps of pixels // parts (at least one), so that the last abscissa may exceed 1.
    """
    if portions == "equal":
        return [(round(i * pixels / parts), i / parts) for i in range(parts + 1)]
    step = max(1, pixels // parts)
    return [(min(n, pixels), n / pixels) for n in range(0, pixels + step, step)]


@without_gradients
def curves(
    target_model: TargetModel,
    factual: Tensor,
    counterfactual: Tensor,
    source: Tensor,
    target: Tensor,
    parts: int = 50,
    portions: Portions = "equal",
) -> tuple[Tensor, Tensor, Tensor]:
    """Abscissae [N] and the probabilities of source and target [B, N], while the counterfactual's
    pixels enter the factual [B, C, H, W], the most changed first.

    :param source: class left, [B].
    :param target: class asked for, [B].
    """
    import torch

    count, _, height, width = factual.shape
    change = (counterfactual - factual).abs().sum(1).flatten(1)
    rank = change.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    points = entered(height * width, parts, portions)
    entering = torch.tensor([pixels for pixels, _ in points], device=change.device)
    # Once all that changed has entered, every later picture is the counterfactual: asked once.
    asked = torch.minimum(entering, (change > 0).sum(1)[:, None])  # [B, N]
    first = torch.cat([torch.ones_like(asked[:, :1], dtype=torch.bool), asked.diff(dim=1) > 0], 1)
    rows, at_point = first.nonzero(as_tuple=True)
    seen = []
    size = max(count, PIXELS // (height * width))  # as many at once as the method had, or more
    for row, point in zip(rows.split(size), at_point.split(size), strict=True):
        inside = rank[row] < asked[row, point][:, None]
        inside = inside.view(-1, 1, height, width)
        seen.append(
            target_model.probabilities(torch.where(inside, counterfactual[row], factual[row]))
        )
    p = torch.cat(seen)[first.flatten().cumsum(0).view_as(asked) - 1]  # [B, N, K]
    p_source, p_target = (
        p.gather(2, y[:, None, None].expand(-1, len(points), 1)).squeeze(2)
        for y in (source, target)
    )
    at = torch.tensor([at for _, at in points], dtype=p.dtype, device=p.device)
    return at, p_source, p_target


@metric(
    "cout", "COUT", "higher", "-1 to 1", library="own", form="{:+.2f}",
    meaning="−1 to 1: how early the most changed pixels carry the flip", page=1, compared="always",
    good="Near 1: a few of the most changed pixels already carry the flip, so they are what "
    "the model looks at.",
    bad="Near or below 0: the model needs nearly all of the changes, so no part of them "
    "explains it.",
)  # fmt: skip
def cout(
    target_model: TargetModel,
    factual: Tensor,
    counterfactual: Tensor,
    source: Tensor,
    target: Tensor,
    parts: int = 50,
    portions: Portions = "equal",
) -> Tensor:
    """Area under the target's probability curve minus that of the source's, [B] in [-1, 1]; with
    the authors' portions the range can reach 1.02. See :func:`curves` for the arguments."""
    import torch

    at, p_source, p_target = curves(
        target_model, factual, counterfactual, source, target, parts, portions
    )
    return torch.trapezoid(p_target - p_source, at, dim=1)
