"""What the models say of an answer: the one that is explained, and the oracle."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from backends.metrics.metric import metric

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "auroc",
    "flip_rate",
    "neighbour_agreement",
    "oracle_agreement",
    "oracle_agreement_flipped",
    "oracle_auroc",
    "oracle_target_probability",
    "region_area",
    "svm_agreement",
    "target_probability",
]


@metric("region_area", "Area of the region", "neither", "share", scope="row")
def region_area(region: Tensor) -> float:
    """Mean share of the picture in which change is allowed."""
    return float(region.mean())


@metric("flip_rate", "Flip rate", "higher", "share", scope="row")
def flip_rate(flipped: Tensor) -> Tensor:
    """Whether the model says the target, [N]."""
    return flipped


@metric(
    "target_probability", "Target's probability", "higher", "probability", form="{:.1%}",
    short="Target confidence", compared="always",
)  # fmt: skip
def target_probability(after: Tensor, target: Tensor) -> Tensor:
    """The target model's probability of the target, [B]."""
    return after.gather(1, target[:, None]).squeeze(1)


@metric(
    "auroc", "AUROC", "higher", "0 to 1", library="torchmetrics", scope="row",
    meaning="the model's probabilities against the targets, one class against the others, mean "
    "over the classes asked for; LeapFactual's AUC",
)  # fmt: skip
def auroc(after: Tensor, target: Tensor) -> float | None:
    """Area under the ROC curve of probabilities [N, K] against classes [N], macro one-vs-rest over
    the classes that are targets; None where all targets are one class.

    LeapFactual, appendix B.3. 0.5 is chance, 1 is a perfect order of the pictures.
    """
    import torch
    from torchmetrics.functional.classification import multiclass_auroc

    asked = target.unique()
    if len(asked) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the classes that nobody asked for
        each = multiclass_auroc(after, target, after.shape[1], average=None)
    return float(torch.as_tensor(each)[asked].mean())


@metric(
    "oracle_auroc", "AUROC of the oracle", "higher", "0 to 1", library="torchmetrics", scope="row",
    meaning="the oracle's probabilities against the targets; LeapFactual's AUC_r, where the oracle "
    "is the stronger model",
)  # fmt: skip
def oracle_auroc(oracle_after: Tensor, target: Tensor) -> float | None:
    """:func:`auroc` of the oracle."""
    return auroc(oracle_after, target)


@metric(
    "svm_agreement", "Linear SVM agrees", "higher", "share", library="scikit-learn", scope="row",
    meaning="a linear support vector machine on raw pixels says the target",
)  # fmt: skip
def svm_agreement(svm_agrees: Tensor) -> Tensor:
    """Whether the SVM says the target, [N]. Diffeomorphic Counterfactuals, figure 11."""
    return svm_agrees


@metric(
    "neighbour_agreement", "Nearest neighbours agree", "higher", "share", library="scikit-learn",
    scope="row",
    meaning="most of the 10 nearest real pictures (Euclidean, as many of each class) are of the "
    "target's class",
)  # fmt: skip
def neighbour_agreement(neighbours_agree: Tensor) -> Tensor:
    """Whether the k-NN says the target, [N]. Diffeomorphic Counterfactuals, figure 11."""
    return neighbours_agree


@metric(
    "oracle_agreement", "Oracle agrees", "higher", "share", scope="row",
    meaning="LeapFactual's ACC_r, where the oracle is the stronger model",
)  # fmt: skip
def oracle_agreement(oracle_agrees: Tensor) -> Tensor:
    """Whether the oracle says the target, [N]."""
    return oracle_agrees


@metric(
    "oracle_agreement_flipped", "Oracle agrees, flipped only", "higher", "share", scope="row"
)  # fmt: skip
def oracle_agreement_flipped(oracle_agrees: Tensor, flipped: Tensor) -> Tensor:
    """The same of the answers that flipped, [N]; NaN of the others."""
    return oracle_agrees.double().where(flipped, float("nan"))


@metric(
    "oracle_target_probability", "Target's probability, oracle", "higher", "probability"
)  # fmt: skip
def oracle_target_probability(oracle: Tensor, target: Tensor) -> Tensor:
    """The oracle's probability of the target, [B]."""
    return oracle.gather(1, target[:, None]).squeeze(1)
