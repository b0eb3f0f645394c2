"""Fit what learnt the bundle's classes to the classes of another model: the velocity field of
LeapFactual (and LDCE's denoiser, where it is the same network), the density of PLACE, the ensemble
of CLARITY.

The model, whatever it is, labels pictures that the bundle draws (Cao et al., 2025, section 4: the
field needs nothing but labels); nobody else's labels are asked for, nor any picture of the bundle's
test split.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from backends import imaging, registry
from backends.bundles import Bundle, Part, Training, user_models
from backends.core import TargetModel
from backends.errors import BadInput
from backends.priors.density import ConditionalDensity
from backends.training import losses, people
from backends.training.fit import FitPlan, Loss, fit
from backends.training.people import Space
from backends.training.pictures import FIELD_DROPOUT
from backends.training.retrain_settings import Fitting, Learning

__all__ = ["Fit"]


BATCH = {"velocity": 256, "density": 128, "latent_ensemble": 256}
# By kind its share of the steps, and of the time on digits; the rest is spent on drawing.
STEPS = {"velocity": 1.0, "density": 0.15, "latent_ensemble": 0.3}
SLOWER = {"latent_field": 0.1}  # a field that is a U-Net, for a step of which others take ten
TIME = {"velocity": 0.5, "density": 0.25, "latent_ensemble": 0.1}
DRAWING = 1 - sum(TIME.values())


@dataclass(frozen=True)
class _Drawn:
    """Pictures as the networks need them: z [N, D], deviation of q(z | x) [N, D], p [N, K]."""

    z: Tensor
    deviation: Tensor
    p: Tensor

    @staticmethod
    def of(parts: Sequence[_Drawn]) -> _Drawn:
        """All of them as one."""
        columns = zip(*((one.z, one.deviation, one.p) for one in parts), strict=True)
        return _Drawn(*(torch.cat(column) for column in columns))


@dataclass
class Fit:
    """One fit.

    :param name: what the model will be called in the bundle.
    :param source: as :class:`backends.bundles.user_models.Model` keeps it.
    :param work: a folder for checkpoints, which a stopped fit is resumed from.
    :ivar networks: what was learnt, by part, after :meth:`run`; ``record`` is the model's.
    """

    bundle: Bundle
    name: str
    model: TargetModel
    source: str
    config: Fitting
    work: Path = Path()
    networks: dict[str, nn.Module] = field(default_factory=dict)
    record: user_models.Model | None = None
    _start: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.perf_counter() - self._start

    def parts(self) -> dict[str, str]:
        """By kind the bundle's parts that learnt its classifier's classes and can be fitted.

        :raises BadInput: there is none.
        """
        found, space = {}, Space.of(self.bundle)
        for kind in STEPS:
            name = self.bundle.named(kind)
            # The density of a generator is one of w, which is not where the field moves.
            here = self.bundle.problem(name) is None and not (space.drawn and kind != "velocity")
            if here and self.bundle.learnt(name) == "classifier":
                found[kind] = name
        if not found or (self.bundle.problem(self.bundle.named("velocity")) and not space.drawn):
            raise BadInput(
                "bundle {name!r} has no field, density or ensemble to be fitted, or no part "
                "that draws pictures; choose a method that knows no classes, such as RCSB",
                name=self.bundle.name,
            )
        return found

    def run(self) -> Iterator[Learning]:
        """Where it stands, step by step; then ``networks`` and ``record`` are there."""
        parts = self.parts()
        rows, count = [], self.config.drawn
        for row in self._labelled():
            rows.append(row)
            done = sum(len(one.z) for one in rows)
            yield Learning("drawing", done, count, DRAWING * done / count, self.seconds)
        drawn = _Drawn.of(rows)
        counts = drawn.p.argmax(1).bincount(minlength=drawn.p.shape[1]).tolist()
        if sum(count > 0 for count in counts) < 2:
            only = self.model.class_names[int(drawn.p.argmax(1)[0])]
            raise BadInput(
                "the model calls every picture that the bundle draws {only!r}; check its "
                "size, mean and std, or choose another bundle",
                only=only,
            )
        quality = {f"drawn_{name}": float(n) for name, n in zip(self._names, counts, strict=True)}
        share, done_parts = DRAWING, {}
        for kind, name in parts.items():
            network, loss, steps = self._begin(kind, name, drawn)
            plan = FitPlan(
                steps=steps, batch=min(BATCH[kind], len(drawn.z)), learning_rate=self.config.rate,
                seed=self.config.seed, mixed=False,
            )  # fmt: skip
            checkpoint = self.work / f"{kind}.safetensors"
            for at in fit(network, loss, len(drawn.z), plan, checkpoint, every=20):
                of_all = min(share + TIME[kind] * at.step / at.total, 1.0)
                yield Learning(kind, at.step, at.total, of_all, self.seconds, at.loss)
            share += TIME[kind]
            if isinstance(network, ConditionalDensity):
                network.learn_quantiles(drawn.z, drawn.p.argmax(1))
            made = {kind: network}
            if denoiser := self._denoiser_of(name):
                arguments = denoiser.arguments | {"classes": len(self._names)}
                made["denoiser"] = registry.architecture(denoiser.architecture)(**arguments)
                made["denoiser"].load_state_dict(network.state_dict())
            for other, again in made.items():
                self.networks[f"{self.name}.{other}"] = again.requires_grad_(False)
                done_parts[f"{self.name}.{other}"] = self._part(other, steps, quality)
        autoencoder = self.bundle.named("autoencoder")
        self.record = user_models.Model(
            name=self.name, classes=list(self._names), labels=self._told,
            rows=len(drawn.z), settings=self.config.model_dump(), source=self.source,
            learnt_on={autoencoder: self.bundle.fingerprint(autoencoder)}, parts=done_parts,
        )  # fmt: skip

    @property
    def _told(self) -> str:
        return f"fitted to {self.source or self.name}"

    @property
    def _names(self) -> list[str]:
        return self.model.class_names

    @torch.no_grad()
    def _labelled(self) -> Iterator[_Drawn]:
        """Draw pictures, all classes of the bundle alike, and let the model label them."""
        bundle, space = self.bundle, Space.of(self.bundle)
        name = bundle.named("velocity")
        velocity = None if bundle.problem(name) else bundle.part(name)
        generator = torch.Generator().manual_seed(self.config.seed)
        for z, x in people.drawn(space, velocity, self.config.drawn, generator):
            seen, deviation = imaging.eight_bit(x), torch.zeros_like(z)
            if hasattr(space.prior, "posterior"):
                z, variance = space.prior.posterior(seen)
                deviation = (0.5 * variance).exp()
            yield _Drawn(z, deviation, self.model.probabilities(seen).float())

    def _begin(self, kind: str, name: str, drawn: _Drawn) -> tuple[nn.Module, Loss, int]:
        """A network as it begins, its loss, and for how many steps. What the model says often and
        seldom is learnt alike."""
        part = self.bundle.manifest.parts[name]
        share = STEPS[kind] * SLOWER.get(part.architecture, 1.0)
        steps = max(1, int(share * self.config.steps))
        torch.manual_seed(self.config.seed)
        arguments = part.arguments | {"classes": len(self._names)}
        label = drawn.p.argmax(1)
        weights = (1 / label.bincount(minlength=len(self._names)).clamp(min=1))[label].cpu()
        if kind == "velocity":
            known = self.bundle.manifest.class_names
            network: Any = people.field(
                part.architecture, part.arguments, self._names, self.bundle.part(name), known
            )
            dropout = FIELD_DROPOUT if self._denoiser_of(name) else 0.0
            loss = losses.velocity_loss(drawn.z, drawn.p, dropout=dropout)
        elif kind == "density":
            network = registry.architecture(part.architecture)(**arguments)
            assert isinstance(network, ConditionalDensity)
            network.learn_scale(drawn.z)
            loss = losses.density_loss(drawn.z, drawn.deviation, label)
        else:
            network = registry.architecture(part.architecture)(**arguments)
            loss = losses.ensemble_loss(drawn.z, drawn.p)

        def balanced(module: nn.Module, indices: Tensor, generator: torch.Generator) -> Tensor:
            chosen = torch.multinomial(weights, len(indices), True, generator=generator)
            return loss(module, chosen, generator)

        return network.to(self.bundle.device), balanced, steps

    def _denoiser_of(self, name: str) -> Part | None:
        """The bundle's denoiser, if it has the weights of this field."""
        parts = self.bundle.manifest.parts
        denoiser = parts.get(self.bundle.named("denoiser"))
        return denoiser if denoiser and denoiser.file == parts[name].file else None

    def _part(self, kind: str, steps: int, quality: dict[str, float]) -> Part:
        part = self.bundle.manifest.parts[self.bundle.named(kind)]
        return Part(
            kind=kind, architecture=part.architecture, file="", licence=part.licence,
            arguments=part.arguments | {"classes": len(self._names)}, model=self.name,
            trained=Training(
                command=self._told, data="pictures that the bundle drew",
                seed=self.config.seed, steps=steps, seconds=round(self.seconds, 1), quality=quality,
            ),
        )  # fmt: skip

    def key(self) -> str:
        """What a checkpoint belongs to: the model's answers, the settings, the bundle's parts."""
        parts = [self.bundle.fingerprint(name) for name in self.parts().values()]
        manifest = self.bundle.manifest
        shape = (8, manifest.channels, manifest.image_size, manifest.image_size)
        with torch.no_grad():
            probe = torch.rand(shape, generator=torch.Generator().manual_seed(0))
            said = self.model.probabilities(probe.to(self.bundle.device)).cpu().numpy()
        told = [self._names, self.source, self.config.model_dump(), parts, said.round(5).tolist()]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
