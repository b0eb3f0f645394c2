"""Run a method on a batch: composite every step under the region, time it, measure the result.

Every picture that leaves this file has been composited, whatever the method does: outside the
region it is the factual, bit for bit. Inputs may be on any device; outputs are on the CPU.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from backends.compute.devices import EXACT, paced, precision
from backends.compute.finite import finite
from backends.compute.oom import guarded
from backends.core import Counterfactual, Region, Step
from backends.errors import BadInput, MissingPart, NoAnswer
from backends.explain.judge import density_for, density_of, judge
from backends.explain.nfe import Meter
from backends.explain.question import Question
from backends.imaging import composite, eight_bit
from backends.metrics.distance import l1
from backends.priors.core import Anchoring, Held

__all__ = ["run"]


def run(question: Question) -> Generator[Step, None, None]:
    """Explain a batch: composited steps, the last of which carries the counterfactual.

    Where the bundle's prior draws far larger pictures than the model looks at, the steps are
    small, and the answer has the factual's size.

    :raises MissingPart: the bundle lacks a part that the method needs.
    :raises BadInput: the method cannot explain that model.
    :raises NoAnswer: it can explain no picture of the batch; with the last step if the question
        is not watched.
    :raises OutOfMemory: the device has no room for the batch.
    """
    device = question.bundle.device
    task = _Run(question.on(device))
    with guarded(device, len(question.factual)), closing(task.steps()) as steps:
        for step in steps:
            yield _to_cpu(step)


@dataclass
class _Run:
    """One run of a method.

    :ivar question: with every tensor on the bundle's device.
    :ivar held: the generator that serves as the prior, held to the factuals.
    :ivar lost: what computing with fewer bits changed, where it did.
    :ivar astray: the error of the last shown step, if all of its pictures are not finite.
    """

    question: Question
    meter: Meter = field(default_factory=Meter)
    held: Held | None = None
    lost: dict[str, Tensor] = field(default_factory=dict)
    astray: NoAnswer | None = None
    start: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.start

    def steps(self) -> Generator[Step, None, None]:
        """Yield the method's steps, after a portrait's inversion where its latent is not known."""
        q = self.question
        if q.refusal:
            raise BadInput(q.refusal)
        parts, before = yield from self._parts()
        factual, mask = q.factual, q.region.mask
        if self.held:
            factual, mask = self.held.factual, self.held.small
        f = q.labeller or self.meter.model("target_model", q.model)
        region, numbers = Region(mask, q.region.source), precision()

        def walk(numbers: str) -> Iterator[Step]:
            # On the CPU, wherever the parts are: the same seed draws the same noise anywhere.
            generator = torch.Generator().manual_seed(q.seed)
            steps = q.method(f, **parts).explain(factual, q.target, region, q.config, generator)
            return paced(steps, factual[:, 0].numel(), q.bundle.device, numbers)

        step, refused = None, None
        try:
            exact = next(walk(EXACT)).image if numbers != EXACT else None
            for step in walk(numbers):
                if exact is not None:
                    gap = (step.image.float() - exact).abs().flatten(1).amax(1)
                    self.lost, exact = {"precision_error": gap}, None
                step = replace(step, index=before + step.index, total=before + step.total)
                step = self._shown(step, factual, mask)
                if step.index < step.total:
                    yield step
        except NoAnswer as error:
            end, error.step = error.step, None
            if q.watched or end is None:
                raise
            refused = error
            step = replace(end, index=before + end.index, total=before + end.total)
            step = self._shown(step, factual, mask)
        if step is None:
            raise MissingPart(
                "method {name!r} ended without a step; report this", name=q.method.name
            )
        last, astray = self._finished(step)
        if refused := refused or astray:
            refused.step = _to_cpu(last)
            raise refused
        yield last

    def _parts(self) -> Generator[Step, None, tuple[dict[str, Any], int]]:
        """Yield the steps of an inversion; return the method's networks by kind, counted, and how
        many steps the inversion took."""
        q, before = self.question, 0
        networks = q.parts
        large = [kind for kind, part in networks.items() if isinstance(part, Anchoring)]
        parts = {kind: self.meter.watch(kind, part) for kind, part in networks.items()}
        if large:
            prior: Anchoring = self.meter.watch("generator", networks[large[0]])
            for step in paced(self._anchor(prior), q.factual[:1, 0].numel(), q.bundle.device):
                if isinstance(step, Step):
                    before = step.total
                    block = q.factual.shape[-1] // step.image.shape[-1]
                    small = F.avg_pool2d(q.factual, block), F.max_pool2d(q.region.mask, block)
                    yield self._shown(replace(step, total=step.total + 1), *small)
                else:
                    self.held = step
            parts |= dict.fromkeys(large, self.held)
        return parts, before

    def _anchor(self, prior: Anchoring) -> Iterator[Step | Held]:
        q = self.question
        return prior.anchor(
            q.factual, q.region.mask, q.latent, getattr(q.config, "inversion", None),
            gradients=q.method.differentiable,
        )  # fmt: skip

    @torch.no_grad()
    def _shown(self, step: Step, factual: Tensor, mask: Tensor) -> Step:
        """Composite a step in 8 bits, and add the target's probability where steps are shown."""
        q, drawn = self.question, step.image.float()
        lost = ~drawn.isfinite().flatten(1).all(1)
        self.astray = None
        if bool(lost.all()):
            try:
                finite(drawn, f"what {q.method.title} draws with")
            except MissingPart as error:
                if q.watched:
                    raise
                self.astray = NoAnswer(error.args[0])
        # One of many that went astray stays as it was, and counts as not flipped.
        drawn = torch.where(lost[:, None, None, None], factual, drawn)
        image = composite(factual, eight_bit(drawn), mask)
        if not q.watched:
            return replace(step, image=image, seconds=self.seconds)
        p = q.model.probabilities(image).gather(1, q.target[:, None]).squeeze(1)
        return replace(step, image=image, target_probability=p, seconds=self.seconds)

    def _finished(self, step: Step) -> tuple[Step, NoAnswer | None]:
        """Bring the last step to full size, with its counterfactual; return it, and the error if
        all of its pictures are not finite."""
        rebuilt, others = step.reconstruction, step.alternatives
        if self.held:  # the step's own was corrected to agree with the portrait
            rebuilt = self.held.reconstruction
        elif rebuilt is not None:
            rebuilt = eight_bit(rebuilt.nan_to_num(0))
        step, answer = self._judged(step, rebuilt)
        seconds, astray = self.seconds, self.astray
        alternatives = self._alternatives(others, rebuilt)
        answer = replace(answer, nfe=self.meter.nfe, seconds=seconds, alternatives=alternatives)
        # Where a search ended early, the total is the steps that it took.
        last = replace(
            step, total=step.index, seconds=seconds, counterfactual=answer, alternatives={}
        )
        return last, astray

    def _alternatives(
        self, others: Mapping[str, Step], rebuilt: Tensor | None
    ) -> dict[str, Counterfactual]:
        """Measure the method's other answers; return them by name."""
        q, answers = self.question, {}
        for name, other in others.items():
            if not self.held:
                other = self._shown(other, q.factual, q.region.mask)
            _, answers[name] = self._judged(replace(other, name=name), rebuilt)
        return answers

    def _judged(self, step: Step, rebuilt: Tensor | None) -> tuple[Step, Counterfactual]:
        """Bring a step that is an answer to full size; return it, and the answer as measured.

        :param rebuilt: the prior's reconstruction of the factuals, [B, C, H, W] in [0, 1]; None
            where there is none.
        """
        q, mask = self.question, self.question.region.mask
        measured = dict(step.measured) | self.lost
        latent = step.latent
        if self.held:
            if latent is None:
                raise MissingPart(
                    "method {name!r} gives no latent; report this", name=q.method.name
                )
            full = replace(step, image=self.held.answer(latent))
            step = self._shown(full, q.factual, mask)
            if rebuilt is not None:
                measured["inversion_error"] = self.held.error
            density = density_for(q)
            if density is not None:
                measured |= density_of(density, latent, q.target)
        if latent is not None and step.origin is not None:
            measured["latent_l2"] = (latent - step.origin).flatten(1).norm(dim=1)
        inside = None
        if rebuilt is not None:
            inside = composite(q.factual, rebuilt, mask)
            measured["reconstruction_l1"] = l1(q.factual, inside)
            measured["l1_from_reconstruction"] = l1(inside, step.image)
        answer = judge(q, step.image, reconstruction=inside)
        config = q.config.model_dump(mode="json")
        own = {name: value.cpu() for name, value in measured.items()}
        return step, replace(
            answer, metrics=answer.metrics | own, name=step.name, step=step.index,
            latent=_cpu(step.latent), reconstruction=_cpu(rebuilt),
            settings={"method": q.method.name, "seed": q.seed, "config": config}
            | ({"precision": precision()} if self.lost else {}),
        )  # fmt: skip


def _cpu(x: Tensor | None) -> Tensor | None:
    return None if x is None else x.cpu()


def _to_cpu(step: Step) -> Step:
    """Move a step's tensors to the CPU; those of a counterfactual are there already."""
    return replace(
        step,
        image=step.image.cpu(),
        target_probability=_cpu(step.target_probability),
        measured={name: value.cpu() for name, value in step.measured.items()},
        latent=_cpu(step.latent),
        origin=_cpu(step.origin),
        reconstruction=_cpu(step.reconstruction),
        alternatives={name: _to_cpu(other) for name, other in step.alternatives.items()},
    )
