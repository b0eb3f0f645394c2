"""Run the bench of planted shortcuts: train, explain, measure the factor, a file for every piece of
work that is done, so that a bench that was stopped goes on where it was."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from backends import bundles, registry
from backends.bundles import Bundle
from backends.compute import devices
from backends.core import OptionalParts, TargetModel
from backends.errors import BadInput, NotFound
from backends.explain.compatibility import refusal
from backends.faithfulness.answers import answered
from backends.faithfulness.factors import FACTORS, Factor
from backends.faithfulness.questions import ask, span
from backends.faithfulness.shortcuts import effect, pictures
from backends.faithfulness.worlds import STEPS, names, place, train
from backends.files import atomic_write, require_out
from backends.targets.named import target_model
from backends.training.data import Split
from backends.version import studio_version

__all__ = ["QUICK", "SHORTER", "BenchProgress", "BenchResults", "ShortcutPlan", "able", "run"]

# Searches that go on for long where they find nothing, or always; all other settings are the
# methods' own. Chosen by what they cost.
SHORTER: dict[str, dict[str, Any]] = {
    "place": {"steps": 120, "patience": 15},
    "diffeomorphic": {"steps": 200},
    "ldce": {"steps": 20},
    "rcsb": {"steps": 30},
    "inpainting": {"steps": 25},
    "diffeomorphic_vae": {"steps": 300},
    "diffeomorphic_gan": {"steps": 200, "inversion": 100},
    "revise": {"steps": 200},
    "clarity": {"steps": 200},
    "opt": {"steps": 200},
    "natural": {"samples": 100},
    "prototypes": {"steps": 200},
    "dvce": {"steps": 50},
    "fastdime": {"steps": 30},
    "adversarial": {"steps": 400, "rate": 2e-3},
}
PLAN, ANSWERS, EFFECTS, MODELS = "plan.json", "answers", "effects", "models"
PROBLEMS = "problems"  # why a run had no answer, where the next one may have it
LOOK = 0.5  # seconds between two looks at what is done


@dataclass(frozen=True)
class ShortcutPlan:
    """What to try.

    :ivar strengths: correlations of a factor with the class, above 0 to 1.
    :ivar regions: as :class:`backends.regions.spec.RegionSpec` writes them; a factor's own region
        is added to them.
    :ivar count: pictures that every method explains under every region.
    :ivar data: folder with MNIST's idx files; None takes the pictures that came with the bundle.
    :ivar settings: by method, those that are not its own.
    :ivar steps: of each part's training.
    :ivar workers: processes, of one thread each, so that nothing depends on a machine's cores.
    """

    methods: list[str]
    factors: list[str] = field(default_factory=lambda: list(FACTORS))
    strengths: list[float] = field(default_factory=lambda: [0.5, 1.0])
    regions: list[str] = field(default_factory=lambda: ["whole", "auto"])
    count: int = 10
    bundle: str = "digits"
    data: str | None = None
    seed: int = 0
    settings: dict[str, dict[str, Any]] = field(default_factory=lambda: dict(SHORTER))
    steps: dict[str, int] = field(default_factory=lambda: dict(STEPS))
    workers: int = 2

    def __post_init__(self) -> None:
        """Check what a person can say wrongly.

        :raises BadInput: a factor, a strength or a count that cannot be.
        """
        for name in self.factors:
            if name not in FACTORS:
                raise NotFound(
                    "there is no factor {name!r}; choose from: {factors}",
                    name=name,
                    factors=", ".join(FACTORS),
                )
        for method in self.methods:
            registry.method(method)
        if any(not 0 < strength <= 1 for strength in self.strengths):
            raise BadInput("a strength is a correlation above 0 and at most 1, such as 0.5")
        if self.count < 2:
            raise BadInput("one picture gives no interval; take at least 2")

    @property
    def cases(self) -> list[tuple[str, float, str, str]]:
        """(factor, strength, role, method) of every piece of work."""
        return [(*world, method) for world in self.worlds for method in self.methods]

    def regions_of(self, factor: Factor) -> list[str]:
        """The regions of a factor, each once: the factor's own may have been given, too."""
        return list(dict.fromkeys([*self.regions, *([factor.region] if factor.region else [])]))

    @property
    def worlds(self) -> list[tuple[str, float, str]]:
        """(factor, strength, role) of every world."""
        return [(factor, *world) for factor in self.factors for world in names(self.strengths)]


QUICK: dict[str, Any] = {
    "factors": ["mark"], "strengths": [1.0], "regions": ["whole"], "count": 10,
    "methods": ["leapfactual", "diffeomorphic_vae", "adversarial"],
    "steps": {
        "classifier": 300, "autoencoder": 100, "density": 5, "velocity": 200, "latent_ensemble": 5,
    },
}  # fmt: skip


@dataclass(frozen=True)
class BenchProgress:
    """``done`` of ``total`` pieces of work."""

    done: int
    total: int


@dataclass(frozen=True)
class BenchResults:
    """All that was stored.

    :ivar effects: by (factor, strength, role) what intervening on the factor does: ``treatment``
        and ``switched``, a number a picture; ``accuracy`` on pictures without the factor.
    :ivar answers: by (factor, strength, role, method) a record of each answer, or ``problem``.
    """

    effects: dict[tuple[str, float, str], dict[str, Any]]
    answers: dict[tuple[str, float, str, str], dict[str, Any]]


def able(bundle: str) -> list[str]:
    """The methods that can explain the classifiers of a bundle."""
    found = bundles.get(bundle)
    return [
        name for name in registry.METHODS
        if refusal(found, registry.method(name), "classifier", found.own.class_names) is None
        and all(found.problem(found.named(kind)) is None for kind in registry.method(name).needs)
    ]  # fmt: skip


def run(plan: ShortcutPlan, out: Path) -> Iterator[BenchProgress | BenchResults]:
    """Do what is not done yet, and tell how far it is.

    :param out: folder for models and answers.
    :raises BadInput: the folder holds results of other strengths, pictures, settings or networks,
        or of another version.
    """
    _claim(plan, out)
    for case in plan.cases:
        _problem(out, *case).unlink(missing_ok=True)
    effects = [out / EFFECTS / f"{_key(*world)}.json" for world in plan.worlds]
    total = len(plan.cases) + len(effects)

    def done() -> int:
        return sum(_told(out, *case).is_file() for case in plan.cases) + sum(
            path.is_file() for path in effects
        )

    yield BenchProgress(done(), total)
    if plan.workers == 1:
        for factor in plan.factors:
            for _ in one_factor(plan, factor, out):
                yield BenchProgress(done(), total)
    else:
        yield from _in_processes(plan, out, done, total)
    yield finished(plan, out)


def _in_processes(
    plan: ShortcutPlan, out: Path, done: Callable[[], int], total: int
) -> Iterator[BenchProgress]:
    # A fork would take over torch's threads and locks.
    context = multiprocessing.get_context("spawn")
    # An interrupt is the parent's to handle, which ends them.
    pool = ProcessPoolExecutor(
        plan.workers, context, signal.signal, (signal.SIGINT, signal.SIG_IGN)
    )
    tasks: list[Future[None]] = [
        pool.submit(_exhaust, plan, factor, out, os.getpid()) for factor in plan.factors
    ]
    try:
        waiting = set(tasks)
        while waiting:
            ended, waiting = wait(waiting, timeout=LOOK, return_when="FIRST_COMPLETED")
            for task in ended:
                task.result()
            yield BenchProgress(done(), total)
    finally:
        for process in list((pool._processes or {}).values()):
            if any(not task.done() for task in tasks):
                process.terminate()
        pool.shutdown(cancel_futures=True)


def _exhaust(plan: ShortcutPlan, factor: str, out: Path, parent: int) -> None:
    """Do all of one factor's work, as long as the process that wants it lives."""
    for _ in one_factor(plan, factor, out):
        if os.getppid() != parent:
            return


def one_factor(plan: ShortcutPlan, name: str, out: Path) -> Iterator[None]:
    """Train the models of one factor, and let every method explain them."""
    factor = FACTORS[name]
    with _plainly():
        base = bundles.get(plan.bundle)
        clean = pictures(base, plan.data, plan.seed)
        steps = train(
            base, factor, plan.strengths, clean, out / MODELS, plan.seed, plan.steps
        )  # fmt: skip
        for _ in steps:
            yield
        worlds = {
            world: bundles.get(str(place(out / MODELS, name, *world)))
            for world in names(plan.strengths)
        }
        models = {world: target_model(bundle) for world, bundle in worlds.items()}
        for world, f in models.items():
            path = out / EFFECTS / f"{_key(name, *world)}.json"
            if not path.is_file():
                _store(path, _effect(f, factor, clean.judged))
            yield
        unit = span(factor, clean.learnt)
        asked = ask(list(models.values()), factor, clean.judged, plan.count)
        regions = plan.regions_of(factor)
        first: dict[tuple[str, ...], Path] = {}  # where the same answers are told first
        for world, bundle in worlds.items():
            for method in plan.methods:
                path = _answer(out, name, *world, method)
                same = first.setdefault((method, *_depends(bundle, method)), path)
                if not path.is_file():
                    settings = plan.settings.get(method, {})
                    record = _read(same) if same.is_file() else answered(
                        bundle, factor, unit, asked, method, regions, settings, plan.seed
                    )  # fmt: skip
                    lasting = record.get("lasting", True)
                    _store(path if lasting else _problem(out, name, *world, method), record)
                yield


def _depends(bundle: Bundle, method: str) -> list[str]:
    """The networks, by their weights, that a method's answers to the same questions depend on.

    Control and clean world share their classifier, and what was not retrained is the same in all:
    methods that use no other part answer both alike.
    """
    kinds = (*registry.method(method).needs, *_optional(method))
    parts = [bundle.named(kind) for kind in kinds]
    return [bundle.fingerprint(name) for name in ("classifier", *parts)]


def _optional(method: str) -> tuple[str, ...]:
    chosen = registry.method(method)
    return chosen.optional if isinstance(chosen, OptionalParts) else ()


@torch.no_grad()
def _effect(f: TargetModel, factor: Factor, judged: Split) -> dict[str, Any]:
    found = effect(f, judged, factor)
    x, y = judged.batch(torch.arange(len(judged)))
    return {
        "treatment": [round(value, 6) for value in found.treatment.tolist()],
        "switched": found.switched.tolist(),
        "accuracy": float((f.probabilities(x).argmax(1) == y).float().mean()),
    }


def finished(plan: ShortcutPlan, out: Path) -> BenchResults:
    """Read what was stored."""
    effects = {world: _read(out / EFFECTS / f"{_key(*world)}.json") for world in plan.worlds}
    answers = {case: _read(_told(out, *case)) for case in plan.cases}
    return BenchResults(effects, answers)


def _key(factor: str, strength: float, *others: str) -> str:
    return "-".join((factor, f"{strength:g}", *others))


def _answer(out: Path, factor: str, strength: float, role: str, method: str) -> Path:
    return out / ANSWERS / f"{_key(factor, strength, role, method)}.json"


def _problem(out: Path, factor: str, strength: float, role: str, method: str) -> Path:
    return out / PROBLEMS / f"{_key(factor, strength, role, method)}.json"


def _told(out: Path, factor: str, strength: float, role: str, method: str) -> Path:
    """The file of a method's answer, or of the reason why this run has none."""
    answer = _answer(out, factor, strength, role, method)
    return answer if answer.is_file() else _problem(out, factor, strength, role, method)


def _store(path: Path, record: Mapping[str, Any]) -> None:
    with atomic_write(path) as scratch:
        scratch.write_text(json.dumps(record) + "\n")


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def _claim(plan: ShortcutPlan, out: Path) -> None:
    """Note the plan in its folder, where further factors and methods may be asked for later, with
    the version and the networks that its results are of."""
    told = {k: v for k, v in asdict(plan).items() if k not in ("factors", "methods", "workers")}
    told |= {"version": studio_version(), "parts": _networks(bundles.get(plan.bundle))}
    path = out / PLAN
    before = _read(path) if path.is_file() else {}
    known = before.get("parts", {})
    # A part that was fetched later is accepted: methods that need it had no results before.
    told["parts"] = known | told["parts"]
    same = {name: told["parts"][name] for name in known}
    if before and before != told | {"parts": same}:
        raise BadInput(
            "{out} holds results of other strengths, pictures, settings or networks, or of another "
            "version of this program; give --out another folder",
            out=out,
        )
    if before != told:
        require_out(out)
        _store(path, told)


def _networks(bundle: Bundle) -> dict[str, str]:
    """A bundle's parts by their weights. Those that are not fetched yet are left out, except the
    optional ones: methods answer without these, too, and otherwise."""
    optional = {bundle.named(k) for name in registry.METHODS for k in _optional(name)}
    prints = {name: bundle.fingerprint(name) for name in sorted(bundle.manifest.parts)}
    return {name: weights for name, weights in prints.items() if weights or name in optional}


@contextmanager
def _plainly() -> Iterator[None]:
    """Compute with one thread of the CPU: these networks are small, and what a machine has of cores
    and cards shall change no number."""
    threads, device = torch.get_num_threads(), os.environ.get(devices.SWITCH)
    torch.set_num_threads(1)
    devices.use("cpu")
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        if device is None:
            del os.environ[devices.SWITCH]
        else:
            os.environ[devices.SWITCH] = device
