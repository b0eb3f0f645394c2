"""The pictures of a bundle that a person made: two npz files in its folder, one to learn from and
one to judge by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from backends.bundles import read_manifest
from backends.errors import NotFound
from backends.files import atomic_write
from backends.training.data import Split

__all__ = ["TEST", "TRAIN", "load", "read", "write"]

TRAIN, TEST = "train.npz", "test.npz"


def write(path: Path, pictures: np.ndarray, labels: np.ndarray) -> None:
    """Write pictures uint8 [N, H, W, C] and labels int64 [N]."""
    with atomic_write(path) as scratch, scratch.open("wb") as file:
        np.savez_compressed(file, pictures=pictures, labels=labels)


def load(folder: str, device: torch.device) -> tuple[Split, Split]:
    """Read what a bundle learns from and what it is judged by.

    :raises NotFound: they are not in its folder.
    """
    place = Path(folder)
    mirror = read_manifest(place).mirror
    return read(place / TRAIN, mirror=mirror).to(device), read(place / TEST).to(device)


def read(path: Path, *, mirror: bool = False) -> Split:
    """Read pictures that :func:`write` wrote.

    :param mirror: whether batches show half of them mirrored.
    :raises NotFound: they are not there.
    """
    if not path.is_file():
        raise NotFound(
            "{path} is not there; make the bundle with: python -m studio new NAME --images FOLDER",
            path=path,
        )
    with np.load(path, allow_pickle=False) as arrays:
        pictures, labels = arrays["pictures"], arrays["labels"].astype(np.int64)
    return Split(torch.from_numpy(pictures).permute(0, 3, 1, 2), torch.from_numpy(labels), mirror)
