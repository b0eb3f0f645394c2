"""What a bundle's classifier gets wrong among the pictures that no part learnt from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backends import bundles
from backends.compute.oom import guarded

__all__ = ["Mistake", "mistakes"]

BATCH = 100


@dataclass(frozen=True)
class Mistake:
    """A test picture that the classifier calls something else than its label.

    :ivar index: among the bundle's test pictures.
    :ivar picture: uint8 [H, W, C].
    :ivar said: the class that the classifier gives it, with ``probability``.
    """

    index: int
    picture: np.ndarray
    label: str
    said: str
    probability: float


def mistakes(name: str) -> tuple[list[Mistake], int]:
    """Find them, those first of which the classifier is surest, and tell among how many pictures;
    none among 0 where the bundle came without test pictures.

    :raises MissingPart: the classifier or the file of the pictures is not here.
    """
    import torch

    from backends.targets.named import target_model

    bundle = bundles.get(name)
    own = bundle.test_pictures()
    if own is None:
        return [], 0
    pictures, labels = own
    f, classes = target_model(bundle), bundle.manifest.class_names
    said = []
    with torch.no_grad(), guarded(bundle.device):
        for start in range(0, len(pictures), BATCH):
            some = torch.from_numpy(pictures[start : start + BATCH]).permute(0, 3, 1, 2)
            said.append(f.probabilities(some.to(bundle.device).float() / 255).cpu())
    shares, found = torch.cat(said).max(1)
    wrong = np.flatnonzero(found.numpy() != labels)
    ordered = sorted(wrong.tolist(), key=lambda i: -float(shares[i]))
    return [
        Mistake(i, pictures[i], classes[labels[i]], classes[int(found[i])], float(shares[i]))
        for i in ordered
    ], len(pictures)
