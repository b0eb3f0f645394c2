"""Turn steps and counterfactuals into the plain records that leave ``backends``: arrays and the
content of result.json, no tensors."""

from __future__ import annotations

import platform
from dataclasses import replace
from importlib.metadata import version
from math import isfinite
from typing import Any

from torch import Tensor

from backends import imaging
from backends.bundles import Bundle
from backends.compute.oom import guarded
from backends.core import Answer, Counterfactual, Frame, Prediction, Request, Step
from backends.explain.question import Question
from backends.service import domain, facts, risks
from backends.version import studio_version

__all__ = ["answer_of", "frame_of", "prediction_of", "with_advice"]


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
    request: Request, question: Question, result: Counterfactual, step: int, total: int
) -> Answer:
    """The first picture of a counterfactual as plain arrays and the content of result.json."""
    found, names = question.bundle, question.model.class_names
    mask = (result.region.mask[0, 0] * 255).byte().numpy()
    opinion = prediction_of(names, result.factual[0])
    before = {"label": opinion.label, "probabilities": opinion.probabilities}
    rebuilt = None
    if result.reconstruction is not None:
        rebuilt = imaging.to_array(result.reconstruction[:1])

    def plain(one: Counterfactual, record: dict[str, Any], **others: Answer) -> Answer:
        latent = None if one.latent is None else one.latent[0].float().numpy()
        picture = imaging.to_array(one.image[:1])
        return Answer(
            request.picture, picture, mask, record, reconstruction=rebuilt, latent=latent,
            alternatives=others, original=request.original, placement=request.placement,
        )  # fmt: skip

    others = {
        name: plain(other, {"step": other.step} | _measurements(request, found, names, other))
        for name, other in result.alternatives.items()
    }
    record = {
        "bundle": request.bundle,
        "model": request.model,
        "method": request.method,
        "target": names[int(question.target)],
        "seed": request.seed,
        "settings": result.settings["config"],
        "step": step,
        "steps": total,
        "factual": before,
        **_measurements(request, found, names, result),
        "answer": result.name,
        "alternatives": {name: other.record for name, other in others.items()},
        **({"picture": request.original.record} if request.original else {}),
        "region": {"source": result.region.source, "area": float(result.region.mask[0].mean())},
        "nfe": result.nfe,
        "seconds": round(result.seconds, 3),
        "versions": {
            "studio": studio_version(),
            "python": platform.python_version(),
            "torch": version("torch"),
            "parts": {name: found.fingerprint(name)[:12] for name in found.manifest.parts},
        },
    }
    answer = plain(result, record, **others)
    answer = _with_importance(answer, question) if request.importance else answer
    return with_advice(_with_domain(answer))


def with_advice(answer: Answer) -> Answer:
    """The answer, whose record says in words what it means (``facts``) and where it is risky to
    interpret (``warnings``)."""
    record = answer.record
    told = {"facts": facts.facts(record), "warnings": risks.warnings(record)}
    return replace(answer, record=record | told)


def _measurements(
    request: Request, found: Bundle, names: list[str], result: Counterfactual
) -> dict[str, Any]:
    """Describe the first picture of a counterfactual as in result.json: its status, the model's
    and the oracle's predictions, and its metrics."""
    measured = {name: float(values[0]) for name, values in result.metrics.items()}
    oracle = None
    if "oracle_label" in measured:
        label = found.manifest.class_names[int(measured.pop("oracle_label"))]
        oracle = {
            "label": label,
            "agrees": label == request.target,
            "target_probability": measured.pop("oracle_target_probability"),
        }
    after = prediction_of(names, result.counterfactual[0])
    return {
        "status": result.status.value,
        "flipped": bool(result.flipped[0]),
        "counterfactual": {"label": after.label, "probabilities": after.probabilities},
        "oracle": oracle,
        "metrics": {name: value for name, value in measured.items() if isfinite(value)},
        **({"unjudged": dict(result.unjudged)} if result.unjudged else {}),
    }


def _with_domain(answer: Answer) -> Answer:
    """The answer, and whether it and the factual look like the bundle's own pictures."""
    pictures = {"factual": answer.factual, "counterfactual": answer.counterfactual}
    looked = domain.look(answer.record["bundle"], *pictures.values())
    known = dict(zip(pictures, looked, strict=True)) if looked else {}
    return replace(answer, record=answer.record | {"domain": known})


def _with_importance(answer: Answer, question: Question) -> Answer:
    """The answer, and which of its changes matter to the target model."""
    from backends.metrics.importance import cell_of, importance

    pictures = (imaging.to_tensor(p) for p in (answer.factual, answer.counterfactual))
    device = question.bundle.device
    before, after, wanted = (t.to(device) for t in (*pictures, question.target))
    cell = cell_of(min(answer.factual.shape[:2]))
    with guarded(device):
        values = importance(question.model, before, after, wanted, cell)[0].cpu().numpy()
    record = {"cell": cell, "greatest": float(values.max())}
    return replace(answer, record=answer.record | {"importance": record}, importance=values)
