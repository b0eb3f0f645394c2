"""Which answers of a row a person looks at: some at random, the best and the worst."""

from __future__ import annotations

from typing import Any

import numpy as np

from backends import imaging
from backends.evaluation.plan import ShownAnswer
from backends.evaluation.summary import Answered

__all__ = ["chosen", "examples"]


def chosen(answered: Answered, most: int) -> list[tuple[str, int]]:
    """(``random``, ``best`` or ``worst``, which of the pictures) of at most ``most``, each once.

    The best convince the model, then the oracle, and then change least (L1); the worst are at the
    other end. Half are the first that were asked about, which were drawn at random.
    """
    count = len(answered.questions.x)
    agrees = answered.oracle_agrees
    right = answered.flipped[:count].double()
    if agrees is not None:
        right = right + agrees[:count].double()
    change = (answered.image[:count] - answered.factual[:count]).abs().flatten(1).sum(1).double()
    merit = right - change / (change.max() + 1)
    order = merit.argsort(descending=True, stable=True).tolist()
    ends = max(0, most // 4) if count > most else 0
    first = list(range(min(count, most - 2 * ends)))
    others = [i for i in order if i not in first]
    return [
        *(("random", i) for i in first),
        *(("best", i) for i in others[:ends]),
        *(("worst", i) for i in others[::-1][:ends]),
    ]


def examples(answered: Answered, most: int) -> list[ShownAnswer]:
    """The chosen answers."""
    if most < 1:
        return []
    return [_example(answered, why, i) for why, i in chosen(answered, most)]


def _example(answered: Answered, why: str, i: int) -> ShownAnswer:
    names = answered.model.class_names
    arrays = answered.pictures.arrays
    target = int(answered.target[i])
    record: dict[str, Any] = {
        "target": names[target],
        "factual": names[int(arrays["before"][i].argmax())],
        "counterfactual": names[int(answered.after[i].argmax())],
        "target_probability": float(answered.after[i, target]),
        "flipped": bool(answered.flipped[i]),
    }  # fmt: skip
    if answered.oracle_label is not None:
        record["oracle"] = names[int(answered.oracle_label[i])]
    rebuilt = arrays.get("reconstruction")
    return ShownAnswer(
        imaging.to_array(answered.factual[i]), _seen(arrays["image"][i]),
        (answered.mask[i, 0] * 255).byte().numpy(), record,
        reconstruction=None if rebuilt is None else _seen(rebuilt[i]),
        why=why, path=tuple(_seen(frame) for frame in arrays.get("frames", {i: ()})[i]),
    )  # fmt: skip


def _seen(picture: np.ndarray) -> np.ndarray:
    """[C, H, W] -> [H, W, C]."""
    return np.ascontiguousarray(picture.transpose(1, 2, 0))
