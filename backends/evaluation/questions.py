"""Which pictures an evaluation asks about, and what for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

import torch
from torch import Tensor

from backends import imaging, service
from backends.bundles import Bundle
from backends.compute.oom import guarded
from backends.core import TargetModel
from backends.errors import BadInput, NotFound
from backends.targets.named import target_model
from backends.training.data import test_split

__all__ = ["Questions", "draw", "nearest_classes", "other_classes"]

BATCH = 200
HELD_OUT = 1_000_000  # parts learn from faces of small seeds
POOL = 4  # faces drawn for each that is asked about, where the model must say something of it


@dataclass(frozen=True)
class Questions:
    """Pictures x [N, C, H, W] in [0, 1], what the model says of them and what it should say,
    both int64 [N]; its probabilities of them [N, K]; and their latents w [N, D], where the bundle's
    generator drew them."""

    x: Tensor
    source: Tensor
    target: Tensor
    opinions: Tensor
    w: Tensor | None = None


def other_classes(predicted: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Random classes of ``count``, int64 [N], none of them the predicted one of its place."""
    away = torch.randint(1, count, (len(predicted),), generator=generator)
    return (predicted + away) % count


def nearest_classes(opinions: Tensor) -> Tensor:
    """Of each picture the class that the model finds next likely, int64 [N].

    :param opinions: the model's probabilities [N, K].
    :raises BadInput: it gives labels only, so that no class is the next.
    """
    p, classes = opinions.topk(min(3, opinions.shape[1]), dim=1)
    if p.shape[1] > 2 and bool((p[:, 1] == p[:, 2]).all()):
        raise BadInput(
            "the model gives labels only, so that no class is the nearest; use --pairs random"
        )
    return classes[:, 1]


def draw(
    bundle: Bundle,
    count: int,
    pairs: list[tuple[str, str]],
    data: str | None,
    seed: int,
    model: TargetModel | None = None,
    targets: Literal["random", "nearest"] = "random",
) -> Questions:
    """Random pictures, each with a target that is not the model's prediction.

    :param model: the bundle's classifier unless given.
    :param pairs: (source, target) class names taken in turn, the source being the prediction;
        empty for ``targets``: random ones, or of each picture the nearest class.
    :param data: folder with MNIST's test pictures; None takes those that came with the
        bundle, or its examples, or pictures that its generator draws.
    :raises NotFound: no such class, or no data.
    :raises BadInput: too few pictures.
    :raises MissingPart: the generator is not fetched yet.
    """
    f = model or target_model(bundle)
    classes = [tuple(_class(bundle, f, name) for name in pair) for pair in pairs]
    for source, target in classes:
        if source == target:
            name = f.class_names[source]
            raise BadInput("the pair {name}:{name} asks for no change; name two classes", name=name)
    generator = torch.Generator().manual_seed(seed)
    w = None
    if data is None and not bundle.manifest.examples and bundle.manifest.test is None:
        x, w = _drawn(bundle, seed, count * POOL if classes else count)
    else:
        x = _pictures(bundle, data, generator, None if classes else count)
    with torch.no_grad():
        opinions = torch.cat(
            [f.probabilities(some.to(bundle.device)).cpu() for some in x.split(BATCH)]
        )
    predicted = opinions.argmax(1)
    if not classes:
        if targets == "nearest":
            others = nearest_classes(opinions)
        else:
            others = other_classes(predicted, len(f.class_names), generator)
        return _enough(Questions(x, predicted, others, opinions, w), count, data)
    chosen = _in_turn(predicted.tolist(), classes)[:count]
    at = torch.tensor([i for i, _ in chosen], dtype=torch.int64)
    wanted = torch.tensor([t for _, t in chosen], dtype=torch.int64)
    w = None if w is None else w[at]
    return _enough(Questions(x[at], predicted[at], wanted, opinions[at], w), count, data)


def _in_turn(predicted: list[int], classes: list[tuple[int, ...]]) -> list[tuple[int, int]]:
    """(picture, target) for each pair in turn, no picture twice for one target."""
    queues = [
        [(i, b) for i, p in enumerate(predicted) if p == a] for a, b in dict.fromkeys(classes)
    ]
    return [entry for row in zip_longest(*queues) for entry in row if entry is not None]


def _class(bundle: Bundle, model: TargetModel, name: str) -> int:
    names = model.class_names
    if name not in names:
        raise NotFound(
            "there is no class {name!r} in bundle {name_2!r}; choose from: {names}",
            name=name,
            name_2=bundle.name,
            names=", ".join(names[:20]),
        )
    return names.index(name)


def _pictures(
    bundle: Bundle, data: str | None, generator: torch.Generator, count: int | None
) -> Tensor:
    """The first ``count`` (None for all) in random order, [N, C, H, W] in [0, 1]."""
    manifest = bundle.manifest
    if data is None and manifest.test is None:
        order = torch.randperm(len(manifest.examples), generator=generator)[:count].tolist()
        files = [bundle.folder / manifest.examples[i].file for i in order]
        read = [service.prepare(str(bundle.folder), imaging.read_picture(file)) for file in files]
        return torch.cat([imaging.to_tensor(picture) for picture in read])
    split = test_split(bundle, data)
    x, _ = split.batch(torch.randperm(len(split), generator=generator)[:count])
    if x.shape[1:] != (manifest.channels, manifest.image_size, manifest.image_size):
        raise BadInput(
            "bundle {name!r} does not explain MNIST's pictures; leave --data out to take "
            "the bundle's examples",
            name=bundle.name,
        )
    return x


def _drawn(bundle: Bundle, seed: int, count: int) -> tuple[Tensor, Tensor]:
    """Pictures [N, C, H, W] in 8 bits and their w [N, D], as the bundle's generator draws them."""
    part = bundle.named("generator")
    if part not in bundle.manifest.parts:
        raise BadInput("bundle {name!r} has no examples; give --data a folder", name=bundle.name)
    network = bundle.part(part)
    with torch.no_grad(), guarded(bundle.device):
        w = network.sample_w(count, torch.Generator().manual_seed(HELD_OUT + seed))
        x = torch.cat([imaging.eight_bit(network.decode(one)).cpu() for one in w.split(1)])
    return x, w.cpu()


def _enough(questions: Questions, count: int, data: str | None) -> Questions:
    if len(questions.x) < count:
        scarce = data is None and questions.w is None
        remedy = "lower --n, or give --data a folder with more" if scarce else "lower --n"
        raise BadInput(
            "only {count} pictures fit the question; {remedy}",
            count=len(questions.x),
            remedy=remedy,
        )
    return questions
