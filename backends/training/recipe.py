"""How a bundle is trained: its recipes, part by part, resumable, with their provenance."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from backends import bundles, registry
from backends.errors import BadInput, MissingPart
from backends.training.fit import FitPlan, FitProgress, Loss, fit

__all__ = ["Cookbook", "Recipe", "held_out", "train"]

Hook = Callable[[nn.Module, Any, bundles.Bundle | None], None]
Learning = Callable[[Any, bundles.Bundle | None], tuple[Loss, int]]
Quality = Callable[[nn.Module, Any, bundles.Bundle | None], dict[str, float]]
AT_ONCE = 500  # test pictures


@dataclass(frozen=True)
class Recipe:
    """One part: its network, its schedule, what it learns from, how good it became.

    :ivar after: parts that it learns from.
    :ivar begin: sets the network up from the training pictures, ``end`` from the test pictures.
    :ivar trainee: what is trained in order that the network be (a generator needs an adversary).
    :ivar measures: describes what a regressor gives.
    :ivar also: parts that are the same network and file as another architecture, by name.
    """

    architecture: str
    arguments: dict[str, Any]
    plan: FitPlan
    loss: Learning
    quality: Quality
    after: tuple[str, ...] = ()
    begin: Hook = lambda network, data, bundle: None
    end: Hook = lambda network, test, bundle: None
    trainee: Callable[[Any], nn.Module] = lambda network: network
    measures: Callable[[nn.Module, Any], bundles.Property] | None = None
    also: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cookbook:
    """All recipes of one bundle, in the order in which their parts are trained.

    :ivar data: what they learn from and are judged on, in words, for bundle.json.
    :ivar load: (where the data lies, device) -> training and test data.
    :ivar extras: what ``train`` can write beside the parts, from the test data.
    :ivar half: whether weights are stored in 16 bits, and so rounded.
    """

    manifest: bundles.Manifest
    recipes: dict[str, Recipe]
    data: str
    load: Callable[[str, torch.device], tuple[Any, Any]]
    extras: dict[str, Callable[[Any, Path], None]] = field(default_factory=dict)
    half: bool = False

    @property
    def names(self) -> list[str]:
        """What ``train`` can be asked for."""
        return [*self.recipes, *self.extras]


def held_out(learning: Learning) -> Quality:
    """The training loss on the test data, with fixed draws."""

    def quality(network: nn.Module, test: Any, bundle: bundles.Bundle | None) -> dict[str, float]:
        loss, size = learning(test, bundle)
        generator = torch.Generator().manual_seed(0)
        parts = torch.arange(size).split(AT_ONCE)
        return {"test_loss": float(sum(loss(network, i, generator) for i in parts) / len(parts))}

    return quality


def train(
    book: Cookbook, source: str, out: Path, names: list[str], device: str, command: str
) -> Iterator[tuple[str, FitProgress]]:
    """Train the named parts (in recipe order) into the bundle folder ``out``.

    Interrupted parts resume from ``out/checkpoints``; finished parts with an unchanged recipe
    are trained anew only when named.

    :param source: where the data lies, as the cookbook's ``load`` takes it.
    :param command: what the person typed, recorded in bundle.json.
    :raises BadInput: an unknown part.
    :raises MissingPart: a part that must be trained first is not there.
    """
    unknown = set(names) - set(book.names)
    if unknown:
        known = ", ".join(book.names)
        raise BadInput(
            "there is no part {unknown!r}; choose from: {known}",
            unknown=sorted(unknown)[0],
            known=known,
        )
    place = torch.device(device)
    _check_domain(book, out)
    data, test = book.load(source, place)
    for name in [extra for extra in book.extras if extra in names]:
        book.extras[name](test, out)
    for name in [part for part in book.recipes if part in names]:
        for progress in train_part(book, name, data, test, out, place, command):
            yield name, progress


def train_part(
    book: Cookbook,
    name: str,
    data: Any,
    test: Any,
    out: Path,
    place: torch.device,
    command: str,
    begin: Callable[[nn.Module], None] = lambda network: None,
) -> Iterator[FitProgress]:
    """Train one part and write it into the bundle folder ``out``; as :func:`train`.

    :param begin: changes the network before its first step.
    :raises MissingPart: a part that it learns from is not there.
    """
    begun = time.perf_counter()
    recipe = book.recipes[name]
    bundle = _with_parts(out, name, recipe.after)
    torch.manual_seed(recipe.plan.seed)
    network = registry.architecture(recipe.architecture)(**recipe.arguments).to(place)
    with torch.no_grad():
        recipe.begin(network, data, bundle)
        begin(network)
    if place.type == "cpu":
        network = network.to(memory_format=torch.channels_last)
    loss, size = recipe.loss(data, bundle)
    plan = recipe.plan.without(time.perf_counter() - begun)
    checkpoint = out / "checkpoints" / f"{name}.safetensors"
    progress = FitProgress(0, recipe.plan.steps, 0.0, 0.0)
    for progress in fit(recipe.trainee(network), loss, size, plan, checkpoint):
        yield progress
    with torch.no_grad():
        recipe.end(network, test, bundle)
        if book.half:  # what is measured is what is stored
            for weight in network.parameters():
                weight.copy_(weight.half())
        quality = recipe.quality(network, test, bundle)
        measured = recipe.measures(network, test) if recipe.measures else None
    part = bundles.Part(
        kind="regressor" if measured else name,
        architecture=recipe.architecture,
        arguments=recipe.arguments,
        file=f"{name}.safetensors",
        sha256="",
        licence="Apache-2.0",
        trained=bundles.Training(
            command=command,
            data=book.data,
            seed=recipe.plan.seed,
            steps=progress.step,
            seconds=round(progress.seconds, 1),
            quality={k: round(v, 6) for k, v in quality.items()},
            learnt_on={n: bundle.fingerprint(n) for n in recipe.after} if bundle else {},
        ),
        property=measured,
    )
    bundles.write_part(
        out, book.manifest, name, network.cpu(), part, also=recipe.also, half=book.half
    )
    checkpoint.unlink(missing_ok=True)


def _check_domain(book: Cookbook, out: Path) -> None:
    """:raises BadInput: the folder is another domain's bundle, which the parts would ruin."""
    if not (out / bundles.MANIFEST).is_file():
        return
    there, ours = bundles.read_manifest(out), book.manifest
    same = (there.image_size, there.channels, there.class_names) == (
        ours.image_size, ours.channels, ours.class_names,
    )  # fmt: skip
    if not same:
        raise BadInput(
            "{out} holds the bundle {name!r}, whose pictures are others than those of "
            "{name_2!r}; give --out another folder, or train it with: python -m studio "
            "train {name} --minutes 60",
            out=out,
            name=there.name,
            name_2=ours.name,
        )


def _with_parts(out: Path, name: str, needed: tuple[str, ...]) -> bundles.Bundle | None:
    """The bundle being trained, with what the part ``name`` learns from; None before its first
    part."""
    bundle = bundles.Bundle(out) if (out / bundles.MANIFEST).is_file() else None
    missing = [n for n in needed if bundle is None or bundle.problem(n)]
    if missing:
        raise MissingPart(
            "part {name!r} learns from {missing}; train first with: --parts {missing_2}",
            name=name,
            missing=" and ".join(missing),
            missing_2=",".join(missing),
        )
    return bundle
