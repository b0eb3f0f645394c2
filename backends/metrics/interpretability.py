"""IM1 and IM2: does an autoencoder of the target's class rebuild the answer?

Van Looveren, Klaise: Interpretable counterfactual explanations guided by prototypes, ECML PKDD
2021, https://arxiv.org/abs/1907.02584, section 4.2. The autoencoders are the bundle's part
``class_autoencoders``; another part's numbers cannot be compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backends.metrics.metric import metric, without_gradients

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["im1", "im2"]

EPSILON = 1e-6  # the paper states none


@metric(
    "im1", "IM1", "lower", "ratio", library="own", form="{:.2f}",
    meaning="how much worse the target class's autoencoder rebuilds the answer than the source "
    "class's; below 1 it is more like the target",
)  # fmt: skip
@without_gradients
def im1(counterfactual: Tensor, source: Tensor, target: Tensor, class_autoencoders: Any) -> Tensor:
    """|x' - AE_t(x')|^2 / (|x' - AE_s(x')|^2 + 1e-6), [B] >= 0, of pictures [B, C, H, W] in [0, 1];
    the squares as in the paper's equation."""
    rebuild = class_autoencoders.rebuilt
    of_target, of_source = (
        (counterfactual - rebuild(counterfactual, y)).square().flatten(1).sum(1)
        for y in (target, source)
    )
    value: Tensor = of_target / (of_source + EPSILON)
    return value


@metric(
    "im2", "IM2", "lower", "ratio", library="own", form="{:.4f}",
    meaning="how differently the target class's autoencoder and that of all classes rebuild the "
    "answer, by its ink",
)  # fmt: skip
@without_gradients
def im2(counterfactual: Tensor, target: Tensor, class_autoencoders: Any) -> Tensor:
    """|AE_t(x') - AE(x')|^2 / (|x'|_1 + 1e-6), [B] >= 0, AE that of all classes."""
    rebuild = class_autoencoders.rebuilt
    apart = rebuild(counterfactual, target) - rebuild(counterfactual, None)
    value: Tensor = apart.square().flatten(1).sum(1) / (
        counterfactual.abs().flatten(1).sum(1) + EPSILON
    )
    return value
