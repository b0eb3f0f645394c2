"""How a bundle is trained: its recipes, part by part, resumable, with their provenance."""

from __future__ import annotations

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
    """

    architecture: str
    arguments: dict[str, Any]
    plan: FitPlan
    loss: Learning
    quality: Quality
    after: tuple[str, ...] = ()
    begin: Hook = lambda network, data, bundle: None
    end: Hook = lambda network, test, bundle: None
    trainee: Callable[[nn.Module], nn.Module] = lambda network: network
    measures: Callable[[nn.Module, Any], bundles.Property] | None = None


@dataclass(frozen=True)
class Cookbook:
    """All recipes of one bundle, in the order in which their parts are trained.

    :ivar data: what they learn from and are judged on, in words, for bundle.json.
    :ivar load: (where the data lies, device) -> training and test data.
    :ivar extras: what ``train`` can write beside the parts, from the test data.
    """

    manifest: bundles.Manifest
    recipes: dict[str, Recipe]
    data: str
    load: Callable[[str, torch.device], tuple[Any, Any]]
    extras: dict[str, Callable[[Any, Path], None]] = field(default_factory=dict)

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
        raise BadInput(f"there is no part {sorted(unknown)[0]!r}; choose from: {known}")
    place = torch.device(device)
    data, test = book.load(source, place)
    for name in [extra for extra in book.extras if extra in names]:
        book.extras[name](test, out)
    for name in [part for part in book.recipes if part in names]:
        recipe = book.recipes[name]
        bundle = _with_parts(out, name, recipe.after)
        torch.manual_seed(recipe.plan.seed)
        network = registry.architecture(recipe.architecture)(**recipe.arguments).to(place)
        with torch.no_grad():
            recipe.begin(network, data, bundle)
        if place.type == "cpu":
            network = network.to(memory_format=torch.channels_last)
        loss, size = recipe.loss(data, bundle)
        checkpoint = out / "checkpoints" / f"{name}.safetensors"
        progress = FitProgress(0, recipe.plan.steps, 0.0, 0.0)
        for progress in fit(recipe.trainee(network), loss, size, recipe.plan, checkpoint):
            yield name, progress
        with torch.no_grad():
            recipe.end(network, test, bundle)
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
                steps=recipe.plan.steps,
                seconds=round(progress.seconds, 1),
                quality={k: round(v, 6) for k, v in quality.items()},
            ),
            property=measured,
        )
        bundles.write_part(out, book.manifest, name, network.cpu(), part)
        checkpoint.unlink(missing_ok=True)


def _with_parts(out: Path, name: str, needed: tuple[str, ...]) -> bundles.Bundle | None:
    """The bundle being trained, when the part ``name`` learns from others in it."""
    if not needed:
        return None
    there = (out / bundles.MANIFEST).is_file()
    missing = [n for n in needed if not there or bundles.Bundle(out).problem(n)]
    if missing:
        raise MissingPart(
            f"part {name!r} learns from {' and '.join(missing)}; "
            f"train first with: --parts {','.join(missing)}"
        )
    return bundles.Bundle(out)
