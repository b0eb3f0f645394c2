"""The real pictures of a class that are nearest to an answer, as a check of its sense: does the
answer look like what the bundle calls that class?"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from backends import bundles, imaging
from backends.bundles import Bundle
from backends.compute.oom import guarded
from backends.core import Embedding
from backends.priors.core import Prior
from backends.sentences import Sentence

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Nearest", "Neighbour", "nearest"]

BATCH = 100
CLASSES = 64  # whose features are kept


@dataclass(frozen=True)
class Neighbour:
    """A real picture, uint8 [H, W, C], and how far from the answer it is."""

    picture: np.ndarray
    distance: float


@dataclass(frozen=True)
class Nearest:
    """The nearest real pictures, nearest first.

    :ivar label: their class, as people labelled them.
    :ivar space: in which the distance is measured.
    :ivar usual: median distance of a real picture of the class to the nearest other one; None for
        a class of a single picture.
    """

    label: str
    neighbours: tuple[Neighbour, ...]
    space: str
    usual: float | None


class _Space(NamedTuple):
    """Where distances are measured: a part's features."""

    part: str
    title: str
    embed: Callable[[Tensor], Tensor]


class _Bank(NamedTuple):
    """The real pictures of a class, uint8 [N, H, W, C], their features [N, D], and the usual
    distance of neighbours."""

    pictures: np.ndarray
    features: Tensor
    usual: float | None


def nearest(name: str, picture: np.ndarray, label: str, count: int = 3) -> Nearest | None:
    """Find the real pictures of class ``label`` that are nearest to a picture, uint8 [H, W, C].

    :param count: of them, at most.
    :returns: None where the bundle has no pictures of that class, or no network to compare them.
    """
    found = bundles.get(name)
    space = _space(found)
    if space is None or label not in found.manifest.class_names:
        return None
    bank = _bank(name, found.device, space.part, found.fingerprint(space.part), label)
    if bank is None:
        return None
    here = _embedded(found, space, picture[None])
    distances = (bank.features - here).norm(dim=1)
    order = distances.argsort()[:count].tolist()
    rows = tuple(Neighbour(bank.pictures[i], float(distances[i])) for i in order)
    return Nearest(label, rows, space.title, bank.usual)


def _space(found: Bundle) -> _Space | None:
    """The oracle's features, or else the autoencoder's latents."""
    if found.problem("oracle") is None:
        network = found.part("oracle")
        if isinstance(network, Embedding):
            return _Space("oracle", Sentence("the oracle’s features"), network.embed)
    if found.problem("autoencoder") is None:
        codec: Prior = found.part("autoencoder")
        return _Space("autoencoder", Sentence("the autoencoder’s latents"), codec.encode)
    return None


@functools.lru_cache(maxsize=CLASSES)
def _bank(name: str, device: str, part: str, fingerprint: str, label: str) -> _Bank | None:
    """The features of a class, computed once for each state of the part (``fingerprint``)."""
    import torch

    found = bundles.get(name)
    space, pictures = _space(found), _pictures(found, label)
    if space is None or not len(pictures):
        return None
    features = _embedded(found, space, pictures)
    usual = None
    if len(pictures) > 1:
        apart = torch.cdist(features, features)
        apart.fill_diagonal_(float("inf"))
        usual = float(apart.amin(1).median())
    return _Bank(pictures, features, usual)


def _pictures(found: Bundle, label: str) -> np.ndarray:
    """The real pictures of a class that came with the bundle, uint8 [N, H, W, C]."""
    manifest = found.manifest
    test = found.test_pictures()
    if test is not None:
        return test[0][test[1] == manifest.class_names.index(label)]
    files = [found.folder / example.file for example in manifest.examples if example.label == label]
    mode = "L" if manifest.channels == 1 else "RGB"
    side = manifest.image_size
    arrays = [np.asarray(Image.open(file).convert(mode)) for file in files if file.is_file()]
    rows = [a.reshape(side, side, -1) for a in arrays if a.shape[:2] == (side, side)]
    return np.stack(rows) if rows else np.zeros((0, side, side, manifest.channels), np.uint8)


def _embedded(found: Bundle, space: _Space, pictures: np.ndarray) -> Tensor:
    """Pictures, uint8 [N, H, W, C] -> features [N, D] on the CPU."""
    import torch

    with torch.no_grad(), guarded(found.device):
        rows = [
            space.embed(torch.cat([imaging.to_tensor(p) for p in part]).to(found.device))
            for part in np.split(pictures, range(BATCH, len(pictures), BATCH))
        ]
    return torch.cat(rows).flatten(1).float().cpu()
