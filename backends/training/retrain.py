"""The course of a retraining: read, estimate, draw, fit, measure; short steps throughout."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends import bundles
from backends.bundles import Bundle, user_models
from backends.errors import BadInput
from backends.targets.label_models import Neighbours, Student
from backends.training import people
from backends.training.fit import FitPlan, fit
from backends.training.labelled import Labelled
from backends.training.people import Drawing, Pictures, Space
from backends.training.retrain_settings import LEARNING_RATE, Learning, Retraining

__all__ = ["Course", "checked_rows"]

R = TypeVar("R")
FEWEST = 10  # labelled pictures
BATCH, EVERY, STUDENT_STEPS = 256, 5, 1500
# Shares of the whole that the phases take, by the clock on digits.
PHASES = {"reading": 0.25, "estimating": 0.1, "drawing": 0.15, "fitting": 0.5, "student": 0.6}


def checked_rows(rows: Labelled, bundle: Bundle) -> None:
    """Whether rows can be learnt from.

    :raises BadInput: their shapes do not fit, they are too few, or all of one class.
    """
    size, channels = bundle.manifest.image_size, bundle.manifest.channels
    count = len(rows.pictures)
    if count < FEWEST:
        raise BadInput(
            "{count} labelled pictures are too few; label at least {fewest}",
            count=count,
            fewest=FEWEST,
        )
    if rows.pictures.shape[1:] != (size, size, channels) or rows.pictures.dtype != np.uint8:
        raise BadInput(
            "the labelled pictures are not {size}x{size} with {channels} channels of 8 "
            "bits; prepare them for bundle {name!r}",
            size=size,
            channels=channels,
            name=bundle.name,
        )
    if rows.labels.shape != (count, len(rows.classes)) or rows.weights.shape != (count,):
        raise BadInput("labels and weights do not fit the pictures; export the label set again")
    if not np.allclose(rows.labels.sum(1), 1, atol=1e-3) or (rows.weights < 0).any():
        raise BadInput("labels do not sum to 1, or a weight is negative; export the set again")
    if len(set(rows.labels.argmax(1).tolist())) < 2:
        raise BadInput("all labelled pictures have the same class; label some of another")


@dataclass
class Course:
    """One retraining.

    :param work: a folder for checkpoints, which a stopped retraining is resumed from.
    :ivar networks: what was learnt, by part, after :meth:`run`; ``model`` is its record.
    """

    bundle: Bundle
    name: str
    rows: Labelled
    config: Retraining
    work: Path = Path()
    networks: dict[str, nn.Module] = field(default_factory=dict)
    model: user_models.Model | None = None
    _start: float = field(default_factory=time.perf_counter)
    _before: float = 0.0

    def run(self) -> Iterator[Learning]:
        """Where it stands, step by step; then ``model`` and ``networks`` are there."""
        config, device = self.config, self.bundle.device
        space, eyes = Space.of(self.bundle), self._eyes()
        mine, apart = self._split()
        seen = yield from self._told("reading", self._count, people.read(
            space, eyes, self.rows.pictures[mine], copies=True))  # fmt: skip
        held = yield from self._told("reading", self._count, people.read(
            space, eyes, self.rows.pictures[apart], copies=False), len(mine))  # fmt: skip
        mine, apart = mine[seen.kept.numpy()], apart[held.kept.numpy()]
        if len(mine) < FEWEST:
            raise BadInput(
                "of the labelled faces only {count} are known to the generator; label at "
                "least {fewest} that it drew, or that were explained before",
                count=len(mine),
                fewest=FEWEST,
            )
        labels, held_labels = self._labels(mine).to(device), self._labels(apart).to(device)
        weights = torch.from_numpy(self.rows.weights[mine]).float().to(device)
        f = self._estimate(eyes, seen)
        asked = torch.randperm(len(mine), generator=self._generator(1))[: people.ASKED]
        yield from self._told(
            "estimating", len(people.SHARES), people.settle(f, seen, labels, weights, asked)
        )
        drawing = yield from self._told("drawing", config.drawn, people.draw(
            space, f, self._bundles_field(), config.drawn, config.seed))  # fmt: skip
        v = yield from self._fitted_field(seen, labels, weights, drawing)
        target: nn.Module = f
        if config.student:
            target = yield from self._fitted_student(seen, labels, weights, drawing)
        quality = self._agreement(target, held, held_labels)
        fitness = _held_out_loss(v, held.z, held_labels)
        self._finish(target, v, quality, fitness, len(mine) + len(apart))

    # ------------------------------------------------------------------ what it learns from

    def _split(self) -> tuple[np.ndarray, np.ndarray]:
        """Places of the rows that are learnt from, and of those held out."""
        count = len(self.rows.pictures)
        order = torch.randperm(count, generator=self._generator(0)).numpy()
        apart = min(int(self.config.held_out * count), count - FEWEST)
        return np.sort(order[apart:]), np.sort(order[:apart])

    def _labels(self, places: np.ndarray) -> Tensor:
        labels = torch.from_numpy(self.rows.labels[places]).float()
        if self.config.labels == "hard":
            return F.one_hot(labels.argmax(1), labels.shape[1]).float()
        return labels / labels.sum(1, keepdim=True)

    def _generator(self, purpose: int) -> torch.Generator:
        return torch.Generator().manual_seed(self.config.seed * 7919 + purpose)

    def _eyes(self) -> Neighbours:
        """The estimate's networks, before it has any rows."""
        description: dict[str, dict[str, Any] | None] = {"encoder": None, "opinion": None}
        parts, name = self.bundle.manifest.parts, self.bundle.named("autoencoder")
        if hasattr(self.bundle.part(name), "encode"):
            description["encoder"] = _described(parts[name])
        if self.bundle.problem("classifier") is None:
            description["opinion"] = _described(parts["classifier"])
        self._description = description
        eyes = Neighbours(1, len(self.rows.classes), 1, **description)
        for kind, part in (("encoder", name), ("opinion", "classifier")):
            if description[kind]:
                getattr(eyes, kind).load_state_dict(self.bundle.part(part).state_dict())
        return eyes.eval().requires_grad_(False).to(self.bundle.device)

    def _estimate(self, eyes: Neighbours, seen: Pictures) -> Neighbours:
        """The estimate with room for its rows."""
        width = seen.looks.shape[1] + seen.opinion.shape[1]
        self._arguments = {
            "rows": len(seen.looks), "classes": len(self.rows.classes), "width": width,
            **self._description,
        }  # fmt: skip
        f = Neighbours(len(seen.looks), len(self.rows.classes), width)
        f.encoder, f.opinion = eyes.encoder, eyes.opinion
        return f.eval().requires_grad_(False).to(self.bundle.device)

    def _bundles_field(self) -> nn.Module | None:
        name = self.bundle.named("velocity")
        return None if self.bundle.problem(name) else self.bundle.part(name)

    # ------------------------------------------------------------------ what it learns

    def _fitted_field(
        self, seen: Pictures, labels: Tensor, weights: Tensor, drawing: Drawing | None
    ) -> Generator[Learning, None, nn.Module]:
        self._field, arguments, previous, known = self._previous(seen.z.shape[1])
        torch.manual_seed(self.config.seed)
        v = people.field(self._field, arguments, self.rows.classes, previous, known)
        v = v.to(self.bundle.device)
        self._field_arguments = arguments | {"classes": len(self.rows.classes)}
        drawn = _pair(drawing, drawing.z if drawing else seen.z[:0], labels)
        loss = people.mixed_loss((seen.z, labels), weights, drawn, pictures=False)
        rate = LEARNING_RATE if previous is None else LEARNING_RATE / 2
        count = len(labels) + len(drawn[0])
        yield from self._fitted("fitting", v, loss, count, self.config.steps, rate)
        return v

    def _previous(self, latent: int) -> tuple[str, dict[str, Any], nn.Module | None, list[str]]:
        """Architecture and arguments of the field, and which one it begins as, with its classes."""
        bundle, own = self.bundle, f"{self.name}.velocity"
        parts, earlier = bundle.manifest.parts, bundle.model(self.name)
        sources = [(own, earlier.classes)] if earlier else []
        sources.append((bundle.named("velocity"), bundle.manifest.class_names))
        for name, classes in sources:
            if name in parts and bundle.problem(name) is None:
                begin = bundle.part(name) if self.config.start_from_previous else None
                return parts[name].architecture, dict(parts[name].arguments), begin, classes
        return "velocity_field", {"latent": latent, "width": 256, "depth": 4}, None, []

    def _fitted_student(
        self, seen: Pictures, labels: Tensor, weights: Tensor, drawing: Drawing | None
    ) -> Generator[Learning, None, nn.Module]:
        manifest = self.bundle.manifest
        self._arguments = {
            "channels": manifest.channels, "size": manifest.image_size,
            "classes": len(self.rows.classes),
        }  # fmt: skip
        torch.manual_seed(self.config.seed + 1)
        student = Student(**self._arguments).to(self.bundle.device)
        drawn = _pair(drawing, drawing.small if drawing else seen.small[:0], labels)
        loss = people.mixed_loss((seen.small, labels), weights, drawn, pictures=True)
        count, steps = len(labels) + len(drawn[0]), min(STUDENT_STEPS, self.config.steps)
        yield from self._fitted("student", student, loss, count, steps, 2e-3)
        return student.requires_grad_(False)

    def _fitted(
        self, phase: str, network: nn.Module, loss: Any, count: int, steps: int, rate: float
    ) -> Iterator[Learning]:
        batch = min(BATCH if phase == "fitting" else BATCH // 4, count)
        plan = FitPlan(
            steps=steps, batch=batch, learning_rate=rate, seed=self.config.seed,
            checkpoint_every=250, mixed=False,
        )  # fmt: skip
        checkpoint = self.work / f"{phase}.safetensors"
        resumed = checkpoint.is_file()
        for progress in fit(network, loss, count, plan, checkpoint, every=EVERY):
            if resumed:
                self._before, resumed = self._before + progress.seconds, False
            yield self._at(phase, progress.step, progress.total, progress.loss)

    # ------------------------------------------------------------------ what it tells and leaves

    @property
    def _count(self) -> int:
        return len(self.rows.pictures)

    @property
    def seconds(self) -> float:
        """Since it began, and what an interrupted one had fitted before."""
        return time.perf_counter() - self._start + self._before

    def _at(self, phase: str, done: int, total: int, loss: float | None = None) -> Learning:
        phases = [p for p in PHASES if p != "student" or self.config.student]
        before = sum(PHASES[p] for p in phases[: phases.index(phase)])
        share = (before + PHASES[phase] * min(done / max(total, 1), 1)) / sum(
            PHASES[p] for p in phases
        )
        return Learning(phase, done, total, share, self.seconds, loss)

    def _told(
        self, phase: str, total: int, steps: Generator[int, None, R], before: int = 0
    ) -> Generator[Learning, None, R]:
        while True:
            try:
                done = next(steps)
            except StopIteration as end:
                return end.value
            yield self._at(phase, before + done, total)

    @torch.no_grad()
    def _agreement(self, target: nn.Module, held: Pictures, labels: Tensor) -> dict[str, float]:
        """With labels that were held out."""
        if not len(held.kept):
            return {}
        if isinstance(target, Neighbours):
            log_p = target.weighed(*target.nearest(target.place(held.looks, held.opinion))).log()
        else:
            log_p = target(held.small).log_softmax(1)
        agree = (log_p.argmax(1) == labels.argmax(1)).float().mean()
        return {
            "held_out_rows": float(len(labels)),
            "held_out_agreement": float(agree),
            "held_out_log_loss": float(-(labels * log_p).sum(1).mean()),
        }

    def _finish(
        self, target: nn.Module, v: nn.Module, quality: dict[str, float], fitness: dict[str, float],
        used: int,
    ) -> None:  # fmt: skip
        velocity = f"{self.name}.velocity"
        student, config = isinstance(target, Student), self.config

        def part(kind: str, network: str, steps: int, **more: Any) -> bundles.Part:
            return bundles.Part(
                kind=kind, architecture=network, file="", licence="as its labels and its bundle's",
                trained=bundles.Training(
                    command="retrained from labels", data=self.rows.version, seed=config.seed,
                    steps=steps, seconds=round(self.seconds, 1),
                    quality={k: round(q, 6) for k, q in (quality | fitness).items()},
                ), **more,
            )  # fmt: skip

        architecture = "student_classifier" if student else "labelled_neighbours"
        steps = min(STUDENT_STEPS, config.steps) if student else 0
        autoencoder = self.bundle.named("autoencoder")
        self.model = user_models.Model(
            name=self.name, classes=self.rows.classes, labels=self.rows.version, rows=used,
            skipped=len(self.rows.pictures) - used, settings=config.model_dump(),
            learnt_on={autoencoder: self.bundle.fingerprint(autoencoder)},
            parts={
                self.name: part("people", architecture, steps, arguments=self._arguments,
                                classes=self.rows.classes),
                velocity: part("velocity", self._field, config.steps,
                               arguments=self._field_arguments, model=self.name),
            },
        )  # fmt: skip
        self.networks = {self.name: target, velocity: v}

    def key(self) -> str:
        """What a checkpoint belongs to: rows, settings and the networks they are learnt on."""
        state = hashlib.sha256()
        for array in (self.rows.pictures, self.rows.labels, self.rows.weights):
            state.update(np.ascontiguousarray(array).data)
        names = [self.bundle.named(kind) for kind in ("autoencoder", "velocity")]
        names += ["classifier", self.name, f"{self.name}.velocity"]
        prints = [self.bundle.fingerprint(name) for name in names]
        told = [self.rows.classes, self.config.model_dump(), prints]
        state.update(json.dumps(told).encode())
        return state.hexdigest()[:16]


def _described(part: bundles.Part) -> dict[str, Any]:
    return {"architecture": part.architecture, "arguments": part.arguments}


def _pair(drawing: Drawing | None, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    return x, labels[:0] if drawing is None else drawing.labels


@torch.no_grad()
def _held_out_loss(v: nn.Module, z: Tensor, labels: Tensor) -> dict[str, float]:
    """The field's loss on held-out rows, with fixed draws."""
    if not len(z):
        return {}
    generator = torch.Generator().manual_seed(0)
    weights, nothing = torch.ones(len(z)), (z[:0], labels[:0])
    loss = people.mixed_loss((z, labels), weights, nothing, pictures=False)
    return {"held_out_field_loss": float(loss(v, torch.arange(10 * len(z)), generator))}
