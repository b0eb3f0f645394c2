"""Many pictures, each method and region in turn, one row of means for each."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from backends import bundles, imaging, registry
from backends.bundles import Bundle
from backends.compute.oom import in_batches
from backends.core import Answer, Counterfactual, Region, Step, TargetModel
from backends.errors import BadInput, StudioError
from backends.evaluation.features import oracle_features, strokes
from backends.evaluation.questions import Questions, draw
from backends.explain.judge import judge
from backends.explain.question import Question
from backends.explain.runner import run
from backends.metrics.metric import METRICS, Supply, measured
from backends.regions.spec import RegionSpec
from backends.service import regions as region_service
from backends.targets.named import part_of, target_model
from backends.targets.threshold import Regressor

__all__ = ["Plan", "Progress", "Row", "evaluate"]

End = tuple[Tensor, Tensor, Counterfactual]  # the factuals and targets of a batch, the answer


@dataclass(frozen=True)
class Plan:
    """What to evaluate.

    :ivar model: what is explained, as :func:`backends.targets.named.target_model` takes it.
    :ivar regions: as in a :class:`backends.core.Request`; drawn for each picture.
    :ivar count: pictures a row.
    :ivar pairs: (the model says, it should say) by class name; empty for random targets.
    :ivar data: folder with MNIST's test pictures; None takes those that came with the bundle,
        or its examples, or pictures that its generator draws.
    :ivar batch: pictures that run together; fewer where the device has no room for them.
    :ivar strokes: digits a row whose thickness, slant and length are measured, some 50 ms each.
    :ivar shown: examples a row, in pictures.
    """

    bundle: str
    methods: list[str]
    count: int
    model: str = "classifier"
    regions: list[str] = field(default_factory=lambda: ["whole"])
    pairs: list[tuple[str, str]] = field(default_factory=list)
    data: str | None = None
    seed: int = 0
    batch: int = 50
    strokes: int = 0
    shown: int = 6


@dataclass(frozen=True)
class Progress:
    """``share`` in [0, 1] of a row's work is done."""

    method: str
    region: str
    share: float


@dataclass(frozen=True)
class Row:
    """One method under one region. ``values`` are numbers, or ``{"mean", "sem"}`` of one number a
    picture (None where there is none); ``problem`` says why there are no values. A method that
    gives further answers has a further row for each, ``answer`` its name; only the first row has
    what the run costs."""

    method: str
    region: str
    values: dict[str, Any] = field(default_factory=dict)
    shown: list[Answer] = field(default_factory=list)
    problem: str | None = None
    answer: str = ""


def evaluate(plan: Plan) -> Iterator[Progress | Row]:
    """Progress at each step, and a row after each method and region.

    :raises NotFound: no such method, class or data.
    :raises BadInput: too few pictures, or a region that cannot be drawn.
    """
    found = bundles.get(plan.bundle)
    for method in plan.methods:
        registry.method(method)
    f, part = target_model(found, plan.model), part_of(found, plan.model)
    if isinstance(f, Regressor):
        raise BadInput(
            "{model!r} gives a value; name a goal, such as: {model} > 3", model=plan.model
        )
    questions = draw(found, plan.count, plan.pairs, plan.data, plan.seed, f)
    regions = {name: _region(plan, questions, name) for name in plan.regions}
    # Load first what loads at first use, so that it does not count as the first method's time.
    x, one = questions.x[:1], Region(torch.ones_like(questions.x[:1, :1]))
    first = Question.of(found, plan.methods[0], x, questions.target[:1], one, model=f, part=part)
    judge(first, x)
    for method in plan.methods:
        for name, region in regions.items():
            try:
                for kind in registry.method(method).needs:
                    found.part(found.named(kind, part))
                ends = yield from _answers(plan, found, f, method, questions, region)
                yield Row(method, name, _values(plan, found, ends, region), _shown(plan, f, ends))
                for other in ends[0][2].alternatives:
                    its = [(x, y, end.alternatives[other]) for x, y, end in ends]
                    values = _values(plan, found, its, region)
                    for key in ("nfe", "nfe_forward", "nfe_backward", "seconds"):
                        values.pop(key, None)
                    yield Row(method, name, values, _shown(plan, f, its), answer=other)
            except StudioError as error:
                yield Row(method, name, problem=str(error))


def _region(plan: Plan, questions: Questions, name: str) -> Region:
    spec, masks = RegionSpec.parse(name), []
    for x in questions.x:
        mask = region_service.mask_of(plan.bundle, imaging.to_array(x), spec, plan.model)
        masks.append((imaging.to_tensor(imaging.require_area(mask)) > 0).float())
    return Region(torch.cat(masks), name)


def _answers(
    plan: Plan, found: Bundle, f: TargetModel, method: str, questions: Questions, region: Region
) -> Generator[Progress, None, list[End]]:
    """The end of every batch, as the generator's return value. A batch that the device has no
    room for is begun again with half of its pictures."""
    total = len(questions.x)
    ends: list[End] = []

    def explain(part: slice) -> Iterator[Progress]:
        some = Region(region.mask[part], region.source)
        x, target = questions.x[part], questions.target[part]
        w = None if questions.w is None else questions.w[part]
        question = Question.of(
            found, method, x, target, some, seed=plan.seed + part.start, model=f, latent=w,
            part=part_of(found, plan.model), watched=False,
        )  # fmt: skip
        for step in run(question):
            share = (part.start + len(x) * step.index / step.total) / total
            yield Progress(method, region.source, share)
        ends.append((x, target, _end(step)))

    yield from in_batches(total, plan.batch, found.device, explain)
    return ends


def _end(step: Step) -> Counterfactual:
    if step.counterfactual is None:
        raise BadInput("a method ended without an answer; report this")
    return step.counterfactual


def _values(plan: Plan, found: Bundle, ends: list[End], region: Region) -> dict[str, Any]:
    """The row's numbers: how many pictures, then the metrics as registered."""
    answers = [end for _, _, end in ends]
    names = answers[0].metrics
    each = {name: torch.cat([answer.metrics[name] for answer in answers]) for name in names}
    label = each.pop("oracle_label", None)
    values = measured("row", _supply(plan, found, ends, region, label)) | each
    order = [*METRICS, *(name for name in each if name not in METRICS)]
    return {
        "n": sum(len(x) for x, _, _ in ends),
        # Smaller than asked for where the device had no room: other noise was drawn then.
        "batch": max(len(x) for x, _, _ in ends),
    } | {
        name: _mean(values[name]) if isinstance(values[name], Tensor) else values[name]
        for name in order
        if name in values
    }


def _supply(
    plan: Plan,
    found: Bundle,
    ends: list[End],
    region: Region,
    oracle_label: Tensor | None,
) -> Supply:
    """What metrics of a whole row are measured from."""
    answers = [end for _, _, end in ends]
    factual, target = torch.cat([x for x, _, _ in ends]), torch.cat([y for _, y, _ in ends])
    image = torch.cat([answer.image for answer in answers])
    count = len(factual)

    def calls() -> dict[str, float]:
        # A picture goes through every call of its batch.
        return {
            way: sum(sum(c[way] for c in end.nfe.values()) * len(x) for x, _, end in ends) / count
            for way in ("forward", "backward")
        }

    def part(name: str) -> Any:
        return None if found.problem(name) else found.part(name)

    return Supply(
        part, factual=lambda: factual, counterfactual=lambda: image, target=lambda: target,
        region=lambda: region.mask, calls=calls,
        flipped=lambda: torch.cat([answer.flipped for answer in answers]),
        oracle_agrees=lambda: None if oracle_label is None else oracle_label == target,
        oracle_features=lambda: oracle_features(found, factual, image),
        strokes=lambda: strokes(found, factual[: plan.strokes], image[: plan.strokes]),
        seconds_taken=lambda: sum(answer.seconds for answer in answers) / count,
    )  # fmt: skip


def _mean(value: Tensor) -> dict[str, float | None]:
    """Mean and its standard error over the pictures; infinite values are left out."""
    value = value.double()
    value = value[value.isfinite()]
    count = len(value)
    return {
        "mean": float(value.mean()) if count else None,
        "sem": float(value.std() / count**0.5) if count > 1 else None,
    }


def _shown(plan: Plan, model: TargetModel, ends: list[End]) -> list[Answer]:
    """The first pictures as a person may look at them."""
    names = model.class_names
    answers: list[Answer] = []
    for x, target, end in ends:
        for i in range(min(len(x), plan.shown - len(answers))):
            record: dict[str, Any] = {
                "target": names[int(target[i])],
                "factual": names[int(end.factual[i].argmax())],
                "counterfactual": names[int(end.counterfactual[i].argmax())],
                "target_probability": float(end.counterfactual[i, target[i]]),
                "flipped": bool(end.flipped[i]),
            }
            if "oracle_label" in end.metrics:
                record["oracle"] = names[int(end.metrics["oracle_label"][i])]
            mask = (end.region.mask[i, 0] * 255).byte().numpy()
            before, after = imaging.to_array(x[i]), imaging.to_array(end.image[i])
            rebuilt = None
            if end.reconstruction is not None:
                rebuilt = imaging.to_array(end.reconstruction[i])
            answers.append(Answer(before, after, mask, record, reconstruction=rebuilt))
    return answers
