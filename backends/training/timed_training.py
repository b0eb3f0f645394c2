"""Train a bundle of a person's own pictures within a number of minutes."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

import torch
from pydantic import BaseModel, ValidationError
from safetensors.torch import load_file
from torch import nn

from backends import registry
from backends.bundles import Bundle, read_manifest
from backends.errors import BadInput
from backends.files import atomic_write
from backends.training.domain_recipes import ENOUGH, SHARES, Size, cookbook, step_cost
from backends.training.fit import FitProgress
from backends.training.pictures import forget_encoded
from backends.training.recipe import Recipe, train_part
from backends.training.stored import load

__all__ = ["BEFORE", "TrainingProgress", "checkpointed_network", "parts_of", "train_for"]

STATE = "training.json"
BEFORE = ("classifier", "oracle")  # what `studio new` trains
JUDGED = 2000  # test pictures at most: to judge by more would take time from the training
TRIES = 3  # steps that a network's speed is measured by


@dataclass(frozen=True)
class TrainingProgress:
    """Where a training stands.

    :ivar part: that is trained.
    :ivar step: of ``total``, as far as one can tell; of 0 while its speed is measured.
    :ivar loss: a running mean.
    :ivar share: of all the time that is over, 0 to 1.
    """

    part: str
    step: int
    total: int
    loss: float
    share: float


class _State(BaseModel):
    """What an interrupted training is resumed from.

    :ivar left: parts that are not trained yet, in order.
    :ivar seconds: for all of them, of those that are left.
    """

    minutes: float
    parts: list[str]
    left: list[str]
    sizes: dict[str, Size]
    seconds: float


def parts_of(bundle: Bundle, names: Sequence[str]) -> list[str]:
    """Return the parts to train, in order: those of that name, or all but what ``studio new``
    trained, if it did.

    :raises BadInput: the bundle is none of a person's pictures, or has no such part to train.
    """
    if bundle.manifest.recipe != "pictures":
        raise BadInput(
            "bundle {name!r} was not made by: python -m studio new; train a bundle that was",
            name=bundle.name,
        )
    recipes = cookbook(bundle.own, {}, {}).recipes
    owners = {other: name for name, recipe in recipes.items() for other in recipe.also}
    there = {name for name in BEFORE if bundle.problem(name) is None}
    asked = {owners.get(name, name) for name in names} or set(recipes) - there
    if unknown := sorted(asked - set(recipes)):
        raise BadInput(
            "there is no part {unknown!r} to train; choose from: {recipes}",
            unknown=unknown[0],
            recipes=", ".join(recipes),
        )
    return [name for name in recipes if name in asked]


def train_for(
    bundle: Bundle, minutes: float, names: Sequence[str], device: str, command: str
) -> Iterator[TrainingProgress]:
    """Train parts one after the other, each for its share of the minutes. A network is as large as
    this machine can train for enough steps; one that is there already is trained further. An
    interrupted training is resumed by the same call.

    :param names: of parts; empty for all that methods need.
    :param command: what the person typed, recorded in bundle.json.
    :raises StudioError: the bundle cannot be trained; raised before the first step.
    """
    place, parts = torch.device(device), parts_of(bundle, names)
    state_file = bundle.folder / "checkpoints" / STATE
    state = _resumed(state_file, minutes, parts)
    if state is None:
        sizes = _begun(state_file)
        for name in [part for part in parts if part in ENOUGH and part not in sizes]:
            sizes[name] = yield from _size(bundle, name, _seconds(minutes, parts, name))
        state = _State(minutes=minutes, parts=parts, left=parts, sizes=sizes, seconds=60 * minutes)
        _save(state_file, state)
    try:
        yield from _trained(bundle, state, state_file, place, command)
    finally:
        forget_encoded()
    state_file.unlink(missing_ok=True)


def _trained(
    bundle: Bundle, state: _State, state_file: Path, place: torch.device, command: str
) -> Iterator[TrainingProgress]:
    """Train the parts that are left."""
    data, test = load(str(bundle.folder), place)
    test, reached, whole = test.first(JUDGED), 0.0, 60 * state.minutes
    while state.left:
        name, begun = state.left[0], time.perf_counter()
        allowed = state.seconds * SHARES[name] / sum(SHARES[n] for n in state.left)
        book = cookbook(bundle.own, state.sizes, {name: allowed})
        begin = partial(_warm_start, bundle, book.recipes[name])
        for at in train_part(book, name, data, test, bundle.folder, place, command, begin):
            share = 1 - state.seconds / whole + allowed / whole * _part(at, allowed)
            reached = max(reached, share)
            yield TrainingProgress(name, at.step, at.total, at.loss, reached)
        spent = max(time.perf_counter() - begun, at.seconds)
        rest = max(state.seconds - spent, 1.0)
        state = state.model_copy(update={"left": state.left[1:], "seconds": rest})
        _save(state_file, state)


def _part(at: FitProgress, allowed: float) -> float:
    return min(max(at.step / max(at.total, 1), at.seconds / allowed), 1.0)


def _seconds(minutes: float, parts: Sequence[str], name: str) -> float:
    return 60 * minutes * SHARES[name] / sum(SHARES[part] for part in parts)


def _size(bundle: Bundle, name: str, seconds: float) -> Generator[TrainingProgress, None, Size]:
    """The largest network of a part that this machine trains for enough steps; the one that is
    there where there is one."""
    options: list[Size] = list(get_args(Size))
    there = bundle.own.parts.get(name)
    recipes = {size: cookbook(bundle.own, {name: size}, {}).recipes[name] for size in options}
    if there is not None:
        for size, recipe in recipes.items():
            if recipe.arguments == there.arguments:
                return size
    for size in reversed(options):
        yield TrainingProgress(name, 0, 0, 0.0, 0.0)
        if seconds / _step(recipes[size], bundle) >= ENOUGH[name]:
            return size
    return "small"


def _step(recipe: Recipe, bundle: Bundle) -> float:
    """Seconds of one training step, the fastest of some."""
    manifest = bundle.own
    network = registry.architecture(recipe.architecture)(**recipe.arguments)
    network = network.to(memory_format=torch.channels_last)
    work = step_cost(recipe, manifest.image_size, manifest.channels)
    mixed = recipe.plan.mixed and torch.cpu._is_avx512_bf16_supported()
    found = []
    for _ in range(TRIES):
        begun = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            value = work(network)
        value.backward()
        found.append(time.perf_counter() - begun)
    return min(found)


def _warm_start(bundle: Bundle, recipe: Recipe, network: nn.Module) -> None:
    """Let a network begin as the bundle's own of the same form is."""
    for part in bundle.own.parts.values():
        same = (part.architecture, part.arguments) == (recipe.architecture, recipe.arguments)
        if same and bundle.has(part):
            network.load_state_dict(load_file(bundle.folder / part.file))


def _resumed(path: Path, minutes: float, parts: list[str]) -> _State | None:
    """The state of the same training; None where there is none."""
    state = _read(path)
    if state is None or state.minutes != minutes:
        return None
    # Nobody asks again for a classifier or an oracle that the training has made meanwhile.
    trained = {name for name in BEFORE if name in state.parts and name not in state.left}
    return state if set(state.parts) - trained == set(parts) - trained else None


def _begun(path: Path) -> dict[str, Size]:
    """How large the networks are that another training has begun, by part: their checkpoints fit no
    other size."""
    state = _read(path)
    sizes = state.sizes if state else {}
    return {n: s for n, s in sizes.items() if _checkpoint(path.parent, n).is_file()}


def _checkpoint(folder: Path, name: str) -> Path:
    return folder / f"{name}.safetensors"


def _read(path: Path) -> _State | None:
    try:
        return _State.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _save(path: Path, state: _State) -> None:
    with atomic_write(path) as scratch:
        scratch.write_text(json.dumps(state.model_dump()) + "\n")


def checkpointed_network(folder: Path, name: str) -> nn.Module | None:
    """Return a part's network from the last checkpoint of a training in a bundle's folder; None
    where there is none."""
    place = folder / "checkpoints"
    state, path = _read(place / STATE), _checkpoint(place, name)
    if state is None or not path.is_file():
        return None
    recipe = cookbook(read_manifest(folder), state.sizes, {}).recipes[name]
    network = registry.architecture(recipe.architecture)(**recipe.arguments)
    head = "averaged.module."
    weights = load_file(path)
    network.load_state_dict({k[len(head) :]: v for k, v in weights.items() if k.startswith(head)})
    return network.eval()
