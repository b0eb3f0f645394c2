"""A bundle of a person's own pictures: prepared, split, described, ready to be trained."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from backends import imaging
from backends.bundles import (
    ASSETS,
    Example,
    Manifest,
    Part,
    TestPictures,
    find,
    write_manifest,
)
from backends.errors import BadInput, NotFound, StudioError
from backends.fetching.cache import digest
from backends.files import atomic_folder
from backends.sentences import Sentence
from backends.settings import settings
from backends.targets import outside, reference
from backends.targets.model import Classifier
from backends.training.collecting import Entry, entries
from backends.training.new_settings import NewConfig
from backends.training.preparing import channels_of, natural, preparation
from backends.training.stored import TEST, TRAIN, write

__all__ = ["Made", "NewConfig", "Preparing", "new"]

LEAST = 2  # pictures of a class: one to learn from, one to judge by
MOST = 200_000
EXAMPLES = 40
AT_ONCE = 200


@dataclass(frozen=True)
class Preparing:
    """How many pictures are read."""

    done: int
    total: int


@dataclass(frozen=True)
class Made:
    """What became of the pictures.

    :ivar learnt: how many pictures of each class there are to learn from; ``judged`` to judge by.
    :ivar left_out: what could not be used, a sentence each.
    """

    folder: Path
    channels: int
    learnt: dict[str, int]
    judged: dict[str, int]
    left_out: list[str]


def new(
    name: str, source: Path, config: NewConfig, model: str = "", out: Path | None = None
) -> Iterator[Preparing | Made]:
    """Make a bundle; its parts are trained by :func:`backends.training.timed_training.train_for`.

    :param source: as :func:`backends.training.collecting.entries` takes it.
    :param model: the classifier to explain, as :mod:`backends.targets.reference` writes it; empty
        where one is to be trained on the labels.
    :param out: folder of the bundle; among the person's bundles, under its name, unless given.
    :raises StudioError: it cannot be made of them.
    """
    folder = _free(name, out)
    found = entries(source)
    if len(found) > MOST:
        raise BadInput(
            "{source} holds {count} pictures; leave at most {most}",
            source=source,
            count=len(found),
            most=MOST,
        )
    channels = channels_of(config, found)
    network = _loaded(model, config.size, channels) if model else None
    if network is None and any(not entry.label for entry in found):
        lacking = sum(not entry.label for entry in found)
        raise BadInput(
            "{lacking} of {count} pictures have no label; put each class into a folder "
            "of its own, or name the model to explain with --model",
            lacking=lacking,
            count=len(found),
        )
    prepare = preparation(config, channels)
    pictures, kept, seen = [], [], set()
    left_out: list[str] = []
    twice = 0
    for number, entry in enumerate(found):
        if number % AT_ONCE == 0:
            yield Preparing(number, len(found))
        try:
            pixels = prepare(imaging.read_picture(entry.source))
        except StudioError as error:
            left_out.append(Sentence("{name}: {error}", name=entry.name, error=error))
            continue
        key = hashlib.sha256(pixels.tobytes()).digest()
        if key in seen:  # one in both splits would be judged by what was learnt
            twice += 1
            continue
        seen.add(key)
        pictures.append(pixels)
        kept.append(entry)
    yield Preparing(len(found), len(found))
    if twice:
        left_out.append(Sentence("{twice} pictures are the same as an earlier one", twice=twice))
    if not pictures:
        raise BadInput(
            "no picture of {source} can be read; the first: {left_out}",
            source=source,
            left_out=left_out[0],
        )
    array = np.stack(pictures)
    classes, labels, own = _labelled(kept, array, network)
    tests = _tests(kept, labels, config.held_out)
    few = [c for i, c in enumerate(classes) if own and ((labels == i) & ~tests).sum() < 1]
    if few:
        raise BadInput(
            "class {name!r} has too few pictures; give at least {least} of each",
            name=few[0],
            least=LEAST,
        )
    if len(classes) < 2:
        raise BadInput("all pictures have one label; give pictures of at least two classes")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(folder) as scratch:
        write(scratch / TRAIN, array[~tests], labels[~tests])
        write(scratch / TEST, array[tests], labels[tests])
        _describe(scratch, name, source, config, channels, classes, model, array, labels, tests)
    yield Made(
        folder,
        channels,
        _counts(classes, labels[~tests]),
        _counts(classes, labels[tests]),
        left_out,
    )


def _free(name: str, out: Path | None) -> Path:
    """The folder of a new bundle."""
    if not re.fullmatch(r"\w[\w-]{0,39}", name):
        raise BadInput(
            "{name!r} cannot be the name of a bundle; take letters, digits, - and _, at most 40",
            name=name,
        )
    folder = out or settings().bundles / name
    shipped = out is None and (ASSETS / name).is_dir()
    if shipped or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise BadInput(
            "there is a bundle {name!r} already; choose another name, or remove it", name=name
        )
    return folder


def _loaded(model: str, size: int, channels: int) -> Classifier:
    network = outside.load(reference.parse(model), size=size, channels=channels, classes=())
    return Classifier(network, network.labels)


def _labelled(
    kept: Sequence[Entry], pictures: np.ndarray, network: Classifier | None
) -> tuple[list[str], np.ndarray, bool]:
    """Class names, labels int64 [N], and whether they are the pictures' own: those of the model
    where it has other classes than the pictures, or these have none."""
    told = [entry.label for entry in kept]
    if network is None:
        classes = sorted(set(told), key=natural)
        return classes, np.array([classes.index(label) for label in told]), True
    classes = list(network.class_names)
    plain = {name.strip().casefold(): i for i, name in enumerate(classes)}
    if all(label.strip().casefold() in plain for label in told):
        return classes, np.array([plain[label.strip().casefold()] for label in told]), True
    said = []
    with torch.no_grad():
        for start in range(0, len(pictures), AT_ONCE):
            x = (
                torch.from_numpy(pictures[start : start + AT_ONCE]).permute(0, 3, 1, 2).float()
                / 255
            )
            said.append(network.probabilities(x).argmax(1))
    return classes, torch.cat(said).numpy().astype(np.int64), False


def _tests(kept: Sequence[Entry], labels: np.ndarray, share: float) -> np.ndarray:
    """Which pictures are for judging, bool [N]: as their splits say, or a share of every class."""
    if any(entry.test for entry in kept):
        return np.array([bool(entry.test) for entry in kept])
    tests = np.zeros(len(kept), bool)
    generator = np.random.default_rng(0)
    for label in np.unique(labels):
        places = generator.permutation(np.flatnonzero(labels == label))
        count = round(share * len(places))
        tests[places[: max(count, 1 if len(places) >= LEAST else 0)]] = True
    return tests


def _counts(classes: Sequence[str], labels: np.ndarray) -> dict[str, int]:
    counts = Counter(labels.tolist())
    return {name: counts[i] for i, name in enumerate(classes)}


def _describe(
    folder: Path, name: str, source: Path, config: NewConfig, channels: int,
    classes: list[str], model: str, pictures: np.ndarray, labels: np.ndarray, tests: np.ndarray,
) -> None:  # fmt: skip
    """Write bundle.json, examples and the model's file."""
    parts: dict[str, Part] = {}
    lpips = _shared("lpips")
    if lpips is not None:
        parts["lpips"] = lpips
    if model:
        parts["classifier"] = _classifier(folder, model, config.size, channels, classes)
    judged = np.flatnonzero(tests)
    turns = sorted(judged, key=lambda i: (int((labels[judged[judged < i]] == labels[i]).sum()), i))
    (folder / "examples").mkdir()
    examples = []
    for number, index in enumerate(turns[:EXAMPLES]):
        file = f"examples/{number:03}.png"
        Image.fromarray(pictures[index].squeeze()).save(folder / file)
        place = int((judged < index).sum())
        examples.append(Example(file=file, label=classes[labels[index]], index=place))
    write_manifest(
        folder,
        Manifest(
            name=name, title=config.title or name.replace("_", " ").replace("-", " ").capitalize(),
            description=f"{len(pictures)} pictures of {source.name}, {config.size} pixels a side.",
            image_size=config.size, channels=channels, class_names=classes,
            licence="as the pictures that it was trained on", preparation=config.preparation,
            recipe="pictures", mirror=config.mirror, parts=parts, examples=examples,
            test=TestPictures(
                file=TEST, sha256=digest(folder / TEST), count=int(tests.sum()),
                source=f"pictures of {source.name} that no part learns from",
                licence="the person's own",
            ),
        ),
    )  # fmt: skip


def _shared(name: str) -> Part | None:
    """A part that another bundle declares and anybody can fetch."""
    try:
        return find("faces").own.parts.get(name)
    except NotFound:
        return None


def _classifier(
    folder: Path, model: str, size: int, channels: int, classes: list[str]
) -> Part:  # fmt: skip
    """The person's model as a part; its file is copied, code stays where it is."""
    found = reference.parse(model)
    file, sha256 = "", ""
    if found.file is not None and found.file.is_file() and found.kind != "code":
        file = f"classifier{found.file.suffix}"
        shutil.copyfile(found.file, folder / file)
        sha256 = digest(folder / file)
    arguments = {"reference": str(found), "size": size, "channels": channels, "classes": classes}
    return Part(
        kind="classifier", architecture="outside", arguments=arguments, file=file, sha256=sha256,
        licence="the person's own",
    )  # fmt: skip
