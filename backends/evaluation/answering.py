"""The answers to a row's questions, batch by batch: computed, or taken from what is finished."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from backends.bundles import Bundle
from backends.compute.devices import paced, precision
from backends.compute.oom import in_batches
from backends.core import Counterfactual, Region, Step, TargetModel
from backends.errors import BadInput, NoAnswer
from backends.evaluation.features import stroke_tables
from backends.evaluation.judge_networks import JudgeNetworks
from backends.evaluation.plan import Line, Plan
from backends.evaluation.questions import Questions
from backends.evaluation.store import AnsweredPictures, AnswerStore, Batch
from backends.explain.question import Question, config_of
from backends.explain.runner import run
from backends.metrics import lpips
from backends.targets.named import canonical, part_of
from backends.version import studio_version

__all__ = ["FRAMES", "Asking", "Taken", "joined", "name_of"]

FRAMES, SIDE = 5, 128  # steps kept of a search, and their greatest side in pixels
PROBLEM = "problem"  # why a method can explain no picture of a batch; stored with its pictures


@dataclass(frozen=True)
class Taken:
    """A batch of a row: which pictures, with which seed, and what it came to."""

    part: slice
    seed: int
    batch: Batch


class Asking:
    """The questions of a plan, put to one method after the other."""

    def __init__(self, plan: Plan, found: Bundle, model: TargetModel, questions: Questions) -> None:
        self.plan, self.found, self.model, self.questions = plan, found, model, questions
        self.store = AnswerStore(plan.answers)
        self.views = JudgeNetworks(found, plan.simsiam)
        self._viewed_by = dict(self.views.names)
        self._part = part_of(found, plan.model)
        self._parts = {name: found.fingerprint(name) for name in sorted(found.manifest.parts)}

    def answers(
        self, line: Line, region: Region, seeds: Sequence[int], taken: list[Taken]
    ) -> Iterator[float]:
        """Yield the share of the row that is done. A batch that the device has no room for is begun
        again with half of its pictures.

        :param region: of every picture, [N, 1, H, W].
        :param seeds: each picture is asked about with each of them.
        :param taken: gets the row's batches, seed after seed.
        :raises NoAnswer: the method can explain none of the row's pictures.
        """
        total = len(self.questions.x)
        for number, seed in enumerate(seeds):

            def explain(part: slice, seed: int = seed) -> Iterator[float]:
                asked = self.asked(line, region, seed, part)
                batch = self.store.get(name_of(asked))
                if batch is None:
                    batch = yield from self.computed(line, region, seed, part)
                    self.store.put(name_of(asked), asked, batch)
                taken.append(Taken(part, seed, batch))
                yield part.stop / total

            for share in in_batches(total, self.plan.batch, self.found.device, explain):
                yield (number + share) / len(seeds)
        problems = [_problem(one.batch) for one in taken]
        if all(problems):
            raise NoAnswer(problems[0])

    def asked(self, line: Line, region: Region, seed: int, part: slice) -> dict[str, Any]:
        """All that the answers of a batch depend on."""
        q = self.questions
        config = config_of(self.found, line.method, line.settings)
        return {
            "method": line.method, "settings": config.model_dump(mode="json"), "seed": seed,
            "first": part.start, "pictures": _digest(q.x[part]), "targets": q.target[part].tolist(),
            "latents": _digest(q.w[part]) if q.w is not None else None,
            "region": line.region, "masks": _digest(region.mask[part]),
            "strokes": self._strokes(part),
            "bundle": self.found.name, "parts": self._parts, "model": canonical(self.plan.model),
            # A model that lies outside of the bundle is known by what it says.
            "opinions": _digest((q.opinions[part] * 1000).round()),
            "lpips": lpips.problem() is None, "views": self._viewed_by,
            "device": self.plan.device or self.found.device,
            "precision": precision(), "version": studio_version(),
        }  # fmt: skip

    def _strokes(self, part: slice) -> int | None:
        """How many digits of a batch are measured; None where nobody asked for any."""
        if not self.plan.strokes:
            return None
        return max(0, min(self.plan.strokes, part.stop) - part.start)

    def computed(
        self, line: Line, region: Region, seed: int, part: slice
    ) -> Generator[float, None, Batch]:
        """Compute a batch, and yield the share of a row that is done.

        If the method can explain no picture of the batch, the answers are the input pictures, as
        they are for such a picture among others.
        """
        q, total = self.questions, len(self.questions.x)
        x, target = q.x[part], q.target[part]
        question = Question.of(
            self.found, line.method, x, target, Region(region.mask[part], region.source),
            line.settings, seed=seed + part.start, model=self.model,
            latent=None if q.w is None else q.w[part], part=self._part, watched=False,
        )  # fmt: skip
        strip = _Strip()
        # One thread: sums of several differ in their last digits from machine to machine.
        problem = None
        try:
            for step in paced(run(question), 0, self.found.device):
                strip.add(step)
                if step.counterfactual is None:
                    yield (part.start + len(x) * step.index / step.total) / total
        except NoAnswer as error:
            if error.step is None:
                raise
            step, problem = error.step, str(error)
            strip.add(step)
        end = step.counterfactual
        if end is None:
            raise BadInput("a method ended without an answer; report this")
        strokes = self._strokes(part)
        ends = {"": end} | dict(sorted(end.alternatives.items()))
        frames = strip.frames()
        answers = {
            name: _pictures(self.found, x, one, frames if not name else None, strokes, self.views)
            for name, one in ends.items()
        }
        if problem is not None:
            answers = {name: _noted(one, problem) for name, one in answers.items()}
        return Batch(answers, end.nfe, end.seconds)


def name_of(asked: Mapping[str, Any]) -> str:
    """What a batch is kept under: the same for all that gives the same answers."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


class _Strip:
    """Some steps of a search at equal distances, whose number is not known before its end."""

    def __init__(self) -> None:
        self._kept: list[Tensor] = []
        self._every, self._seen = 1, 0

    def add(self, step: Step) -> None:
        """Take a step in; pictures [B, C, H, W] in [0, 1]."""
        if self._seen % self._every == 0:
            self._kept.append(_small(step.image))
            if len(self._kept) > 4 * FRAMES:
                self._kept = self._kept[::2]
                self._every *= 2
        self._seen += 1

    def frames(self) -> Tensor:
        """The steps, uint8 [B, FRAMES, C, h, w]; a short search repeats some."""
        at = np.linspace(0, len(self._kept) - 1, FRAMES).round().astype(int)
        return torch.stack([self._kept[i] for i in at], dim=1)


def _small(image: Tensor) -> Tensor:
    side = max(image.shape[-2:])
    if side > SIDE:
        image = F.avg_pool2d(image.float(), -(-side // SIDE))
    return _bytes(image)


def _bytes(image: Tensor) -> Tensor:
    return (image.clamp(0, 1) * 255).round().byte().cpu()


def _digest(values: Tensor) -> str:
    return hashlib.sha256(values.contiguous().numpy().tobytes()).hexdigest()[:32]


def _pictures(
    found: Bundle, x: Tensor, end: Counterfactual, frames: Tensor | None, strokes: int | None,
    views: JudgeNetworks,
) -> AnsweredPictures:  # fmt: skip
    arrays = {
        "image": _bytes(end.image), "before": end.factual.float(),
        "after": end.counterfactual.float(),
    }  # fmt: skip
    if frames is not None:
        arrays["frames"] = frames
    if end.reconstruction is not None:
        arrays["reconstruction"] = _bytes(end.reconstruction)
    stored = {name: value.cpu().numpy() for name, value in arrays.items()}
    stored |= views.stored(end.image)
    if strokes is not None:
        stored |= stroke_tables(found, x, end.image, end.reconstruction, strokes)
    numbers = {name: value.double().cpu().numpy() for name, value in end.metrics.items()}
    return AnsweredPictures(numbers, stored)


def _noted(pictures: AnsweredPictures, problem: str) -> AnsweredPictures:
    """Add the reason why the pictures have no answer; it is stored with them."""
    told = {PROBLEM: np.array([problem] * len(pictures))}
    return AnsweredPictures(pictures.numbers, {**pictures.arrays, **told})


def _problem(batch: Batch) -> str:
    """Why a batch's pictures have no answer; empty where some have one."""
    told = next(iter(batch.answers.values())).arrays.get(PROBLEM)
    return "" if told is None else str(told[0])


def joined(parts: Sequence[AnsweredPictures]) -> AnsweredPictures:
    """Concatenate the pictures of several batches. A metric that one batch lacks is NaN there, a
    picture is black, a text empty."""
    sizes = [len(part) for part in parts]

    def together(of: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        found = {}
        for name in dict.fromkeys(name for one in of for name in one):
            like = next(one[name] for one in of if name in one)
            found[name] = np.concatenate([
                one[name] if name in one else _blank(like, size)
                for one, size in zip(of, sizes, strict=True)
            ])  # fmt: skip
        return found

    return AnsweredPictures(
        together([part.numbers for part in parts]), together([part.arrays for part in parts])
    )


def _blank(like: np.ndarray, size: int) -> np.ndarray:
    blank = np.zeros((size, *like.shape[1:]), like.dtype)
    return blank + np.nan if like.dtype.kind == "f" else blank
