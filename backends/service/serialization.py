"""Steps and counterfactuals as the plain records that leave ``backends``: no tensors, only
arrays and what stands in result.json."""

from __future__ import annotations

import platform
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor

from backends import imaging
from backends.bundles import Bundle
from backends.compute.oom import guarded
from backends.core import Answer, Counterfactual, Frame, Prediction, Request, Step

__all__ = ["answer_of", "frame_of", "prediction_of"]


def prediction_of(names: list[str], p: Tensor) -> Prediction:
    """Probabilities [K] by class, the likeliest first."""
    order = p.argsort(descending=True).tolist()
    return Prediction({names[i]: float(p[i]) for i in order})


def frame_of(step: Step) -> Frame:
    """The first picture of a step."""
    assert step.target_probability is not None
    return Frame(
        step.index, step.total, step.phase, imaging.to_array(step.image[:1]),
        float(step.target_probability[0]), step.seconds,
    )  # fmt: skip


def answer_of(
    request: Request, found: Bundle, model: Any, target: int, result: Counterfactual, step: int,
    total: int,
) -> Answer:  # fmt: skip
    """The first picture of a counterfactual as plain arrays and the content of result.json."""
    measured = {name: float(values[0]) for name, values in result.metrics.items()}
    oracle = None
    if "oracle_label" in measured:
        label = found.manifest.class_names[int(measured.pop("oracle_label"))]
        oracle = {
            "label": label,
            "agrees": label == request.target,
            "target_probability": measured.pop("oracle_target_probability"),
        }
    names = model.class_names
    before, after = (prediction_of(names, p[0]) for p in (result.factual, result.counterfactual))
    record = {
        "bundle": request.bundle,
        "model": request.model,
        "method": request.method,
        "target": names[target],
        "seed": request.seed,
        "settings": result.settings["config"],
        "status": result.status.value,
        "flipped": bool(result.flipped[0]),
        "step": step,
        "steps": total,
        "factual": {"label": before.label, "probabilities": before.probabilities},
        "counterfactual": {"label": after.label, "probabilities": after.probabilities},
        "oracle": oracle,
        "region": {"source": result.region.source, "area": float(result.region.mask[0].mean())},
        "metrics": measured,
        "nfe": result.nfe,
        "seconds": round(result.seconds, 3),
        "versions": {
            "python": platform.python_version(),
            "torch": version("torch"),
            "parts": {name: found.fingerprint(name)[:12] for name in found.manifest.parts},
        },
    }
    mask = (result.region.mask[0, 0] * 255).byte().numpy()
    rebuilt = result.reconstruction
    answer = Answer(
        request.picture, imaging.to_array(result.image[:1]), mask, record,
        reconstruction=None if rebuilt is None else imaging.to_array(rebuilt[:1]),
    )  # fmt: skip
    return _with_importance(answer, found, model, target) if request.importance else answer


def _with_importance(answer: Answer, found: Bundle, model: Any, target: int) -> Answer:
    """The answer, and which of its changes matter to the target model."""
    from backends.metrics.importance import cell_of, importance

    pictures = (imaging.to_tensor(p) for p in (answer.factual, answer.counterfactual))
    before, after, wanted = (t.to(found.device) for t in (*pictures, torch.tensor([target])))
    cell = cell_of(min(answer.factual.shape[:2]))
    with guarded(found.device):
        values = importance(model, before, after, wanted, cell)[0].cpu().numpy()
    record = {"cell": cell, "greatest": float(values.max())}
    return replace(answer, record=answer.record | {"importance": record}, importance=values)
