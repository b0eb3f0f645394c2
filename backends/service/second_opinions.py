"""What one model says of an answer that was made for another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backends.core import Answer, Prediction
from backends.errors import BadInput, StudioError
from backends.service.pictures import predict

if TYPE_CHECKING:
    import numpy as np

__all__ = ["second_opinion", "with_second_opinion"]


def with_second_opinion(answer: Answer, model: str) -> Answer:
    """The answer, whose record has another model's ``second_opinion``; where it cannot be asked,
    None, and the reason as ``no_second_opinion``."""
    record = answer.record
    told: dict[str, Any] = {"second_opinion": None}
    try:
        told["second_opinion"] = second_opinion(
            record["bundle"], model, answer.factual, answer.counterfactual, record["target"]
        )
    except StudioError as error:  # the answer itself is complete
        told["no_second_opinion"] = str(error)
    return replace(answer, record=record | told)


def second_opinion(
    name: str, model: str, factual: np.ndarray, counterfactual: np.ndarray, target: str
) -> dict[str, Any]:
    """Ask a model about a factual and its counterfactual, uint8 [H, W, C] each.

    :param name: of the bundle.
    :param target: that another model was asked for.
    :returns: of result.json: ``model``; its opinions of the ``factual`` and the ``counterfactual``,
        each with ``label``, ``probabilities`` and, of a regressor, ``value``; its
        ``target_probability`` in [0, 1] of the counterfactual, and whether it ``agrees`` that this
        is the target. Both are None where the model knows no such class.
    :raises StudioError: the model is not here, or fails.
    """
    before, after = (predict(name, picture, model) for picture in (factual, counterfactual))
    return {
        "model": model, "factual": _told(before), "counterfactual": _told(after),
        "target_probability": after.probabilities.get(target), "agrees": _agrees(after, target),
    }  # fmt: skip


def _told(opinion: Prediction) -> dict[str, Any]:
    told: dict[str, Any] = {"label": opinion.label, "probabilities": opinion.probabilities}
    return told if opinion.value is None else told | {"value": opinion.value}


def _agrees(opinion: Prediction, target: str) -> bool | None:
    from backends.targets.threshold import parse  # imports torch

    if opinion.value is None:
        return opinion.label == target if target in opinion.probabilities else None
    try:
        more, value = parse(target)
    except BadInput:
        return None
    return opinion.value > value if more else opinion.value < value
