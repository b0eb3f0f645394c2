"""A person's own domain from pictures to a table: made, trained, judged on held-out pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from backends import registry
from backends.bundles import Bundle, find, write_manifest
from backends.compute import devices
from backends.evaluation.plan import Plan, Row
from backends.evaluation.plan import Progress as Judging
from backends.evaluation.rows import evaluate
from backends.evaluation.tuning import LEAPS, tuned
from backends.sentences import Sentence
from backends.training.domain_recipes import ENOUGH
from backends.training.new import Made, NewConfig, Preparing, new
from backends.training.stored import TRAIN, load
from backends.training.timed_training import BEFORE, TrainingProgress, parts_of, train_for

__all__ = ["Report", "make", "train"]

FIVE = (LEAPS, "place", "diffeomorphic", "ldce", "rcsb")
JUDGED = 24  # held-out pictures a method
RESERVED, MOST_RESERVED = 0.15, 9.0  # share and minutes that tuning and judging may take
# Below these something is told.
ACCURATE, SHARP, FAITHFUL, FLIPS, AGREES = 0.85, 22.0, 0.9, 0.95, 0.7
FEW = 500  # pictures of a class


@dataclass(frozen=True)
class Report:
    """What a training came to.

    :ivar parts: by name the measured quality of a part, with ``steps`` and ``seconds``.
    :ivar methods: a row a method: ``method``, ``n``, ``flip_rate``, ``oracle_agreement``, or
        ``problem``.
    :ivar advice: what is not good enough and what would help, a sentence each.
    :ivar settings: by method this bundle's settings, chosen on training pictures.
    """

    bundle: str
    parts: dict[str, dict[str, float]]
    methods: list[dict[str, Any]] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)


def make(
    name: str, source: Path, config: NewConfig, *, model: str = "", out: Path | None = None,
    minutes: float = 5.0, command: str = "",
) -> Iterator[Preparing | Made | TrainingProgress | Report]:  # fmt: skip
    """Make a bundle of pictures, and train its oracle, and its classifier unless a model is named.

    :param model: the classifier to explain, as :mod:`backends.targets.reference` writes it.
    :param minutes: that the training may take; 0 leaves it out.
    :raises StudioError: it cannot be made of them.
    """
    folder = out
    for item in new(name, source, config, model, out):
        yield item
        if isinstance(item, Made):
            folder = item.folder
    assert folder is not None
    bundle = Bundle(folder)
    names = [part for part in BEFORE if not (part == "classifier" and model)]
    if minutes:
        yield from train_for(bundle, minutes, names, devices.current(), command)
    yield Report(name, _qualities(Bundle(folder)))


def train(
    name: str, minutes: float, parts: Sequence[str] = (), command: str = ""
) -> Iterator[TrainingProgress | Judging | Report]:
    """Train what methods need of a bundle, then judge every method on held-out pictures.

    :param minutes: for both.
    :param parts: empty for all.
    :raises StudioError: the bundle cannot be trained.
    """
    bundle = find(name)
    parts_of(bundle, parts)
    reserved = min(RESERVED * minutes, MOST_RESERVED)
    yield from train_for(bundle, minutes - reserved, parts, devices.current(), command)
    bundle = Bundle(bundle.folder)
    if not _lacks(bundle, LEAPS):
        yield from _tune(bundle)
        bundle = Bundle(bundle.folder)
    able = [method for method in FIVE if not _lacks(bundle, method)]
    rows: list[dict[str, Any]] = [
        {"method": method, "problem": lack}
        for method in FIVE
        if (lack := _lacks(bundle, method))
    ]  # fmt: skip
    count = min(JUDGED, bundle.manifest.test.count if bundle.manifest.test else 0)
    if able and count:
        plan = Plan(str(bundle.folder), able, count, batch=count, shown=0)
        for item in evaluate(plan):
            if isinstance(item, Judging):
                yield item
            elif not item.answer:
                rows.append(_row(item))
    rows.sort(key=lambda row: FIVE.index(row["method"]))
    qualities = _qualities(bundle)
    settings = bundle.own.settings
    yield Report(bundle.name, qualities, rows, _advice(bundle, qualities, rows), settings)


def _tune(bundle: Bundle) -> Iterator[Judging]:
    """Write the settings of LeapFactual into bundle.json."""
    data, _ = load(str(bundle.folder), torch.device("cpu"))
    found = yield from tuned(bundle, data)
    manifest = bundle.own
    settings = {k: v for k, v in manifest.settings.items() if k != LEAPS}
    settings |= {LEAPS: found} if found else {}
    write_manifest(bundle.folder, manifest.model_copy(update={"settings": settings}))


def _lacks(bundle: Bundle, method: str) -> str | None:
    needed = ("classifier", *registry.method(method).needs)
    return next(filter(None, (bundle.problem(bundle.named(kind)) for kind in needed)), None)


def _row(row: Row) -> dict[str, Any]:
    if row.problem:
        return {"method": row.method, "problem": row.problem}
    told = {"method": row.method, "n": row.values["n"]}
    for name in ("flip_rate", "oracle_agreement"):
        value = row.values.get(name)
        told[name] = value["mean"] if isinstance(value, dict) else value
    return told


def _qualities(bundle: Bundle) -> dict[str, dict[str, float]]:
    """Measured qualities by part; the same file under another name is left out."""
    found: dict[str, dict[str, float]] = {}
    files = set()
    for name, part in bundle.own.parts.items():
        if part.trained is not None and part.file not in files:
            files.add(part.file)
            counted = {"steps": float(part.trained.steps), "seconds": part.trained.seconds}
            found[name] = part.trained.quality | counted
    return found


def _advice(
    bundle: Bundle, parts: dict[str, dict[str, float]], rows: list[dict[str, Any]]
) -> list[str]:
    """What is not good enough, and what would help."""
    import numpy as np

    with np.load(bundle.folder / TRAIN, allow_pickle=False) as arrays:
        counts = np.bincount(arrays["labels"], minlength=len(bundle.own.class_names))
    few = int(counts.min()) < FEW
    helps = Sentence("more pictures") if few else Sentence("more minutes, or an accelerator")
    told: list[str] = []
    for part, what in (("classifier", Sentence("explanations show its mistakes too")),
                       ("oracle", Sentence("so that its agreement says little"))):  # fmt: skip
        right = parts.get(part, {}).get("test_accuracy")
        if right is not None and right < ACCURATE:
            told.append(
                Sentence(
                    "The {part} is right about {right:.0%} of held-out pictures, {what}; {helps} "
                    "would help.",
                    part=part,
                    right=right,
                    what=what,
                    helps=helps,
                )
            )
    sharp = parts.get("latent_autoencoder", {}).get("test_psnr_db")
    if sharp is not None and sharp < SHARP:
        told.append(
            Sentence(
                "The autoencoder rebuilds pictures at {sharp:.1f} dB, which is blurred; "
                "answers of LeapFactual, PLACE and LDCE cannot be sharper. {helps} would "
                "help.",
                sharp=sharp,
                helps=helps.capitalized,
            )
        )
    kept = parts.get("latent_autoencoder", {}).get("test_same_verdict")
    if kept is not None and kept < FAITHFUL:
        told.append(
            Sentence(
                "The model says of {kept:.0%} of the rebuilt pictures what it says of the "
                "pictures themselves: the autoencoder loses what the model looks at. {helps} "
                "would help.",
                kept=kept,
                helps=helps.capitalized,
            )
        )
    short = [n for n, steps in ENOUGH.items() if parts.get(n, {}).get("steps", steps) < steps]
    if short:
        told.append(
            Sentence(
                "{short} had fewer steps than they need; more minutes, or an accelerator, "
                "would help: training again goes on from here.",
                short=", ".join(short),
            )
        )
    for row in rows:
        if "problem" in row:
            told.append(
                Sentence(
                    "{method} cannot run: {problem}.", method=row["method"], problem=row["problem"]
                )
            )
        elif row["flip_rate"] < FLIPS:
            told.append(
                Sentence(
                    "{method} reaches the target in {flip_rate:.0%} of pictures only; more "
                    "minutes, or other settings, would help.",
                    method=row["method"],
                    flip_rate=row["flip_rate"],
                )
            )
        elif row["oracle_agreement"] is not None and row["oracle_agreement"] < AGREES:
            told.append(
                Sentence(
                    "The oracle agrees with {oracle_agreement:.0%} of {method}'s answers: the "
                    "others may convince this model only. Better priors (more minutes) would "
                    "help.",
                    oracle_agreement=row["oracle_agreement"],
                    method=row["method"],
                )
            )
    small = [name for name, n in zip(bundle.own.class_names, counts, strict=True) if n < FEW]
    named = ", ".join(small[:5])
    if len(small) > 5:
        told.append(Sentence(
            "{classes} and others: fewer than {few} pictures to learn from.", classes=named, few=FEW
        ))  # fmt: skip
    elif small:
        told.append(
            Sentence("{classes}: fewer than {few} pictures to learn from.", classes=named, few=FEW)
        )
    return told
