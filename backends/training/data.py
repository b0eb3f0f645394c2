"""Labelled pictures as tensors; MNIST from a folder of idx files, or fetched by torchvision."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from backends.bundles import Bundle
from backends.errors import BadInput, NotFound, Unreachable

__all__ = ["Split", "affine_jitter", "load_mnist", "read_idx", "test_split"]

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


@dataclass(frozen=True)
class Split:
    """Labelled pictures.

    :ivar pictures: uint8 [N, C, S, S]; of MNIST 28x28 padded by two black pixels.
    :ivar labels: int64 [N].
    :ivar mirror: whether batches show half of the pictures mirrored.
    """

    pictures: Tensor
    labels: Tensor
    mirror: bool = False

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> Split:
        """The same split on a device."""
        return replace(self, pictures=self.pictures.to(device), labels=self.labels.to(device))

    def first(self, count: int) -> Split:
        """The first ``count`` of them."""
        return replace(self, pictures=self.pictures[:count], labels=self.labels[:count])

    def plain(self) -> Split:
        """The same pictures, never mirrored."""
        return replace(self, mirror=False)

    def flipped(self) -> Split:
        """Every picture mirrored."""
        return replace(self, pictures=self.pictures.flip(-1))

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures [B, C, S, S] in [0, 1] and labels [B]; which ones are mirrored is drawn by
        torch's default generator."""
        indices = indices.to(self.labels.device)
        x = self.pictures[indices].float() / 255
        if self.mirror:
            turned = (torch.rand(len(x), 1, 1, 1) < 0.5).to(x.device)
            x = x.flip(-1).where(turned, x)
        return x, self.labels[indices]


def read_idx(path: Path) -> np.ndarray:
    """The array in an idx file of bytes, gzipped or not.

    :raises BadInput: it is none, or has lost its end.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        content = file.read()
    if len(content) < 8 or content[2] != 8:
        raise BadInput("{path} is not an idx file of bytes; fetch MNIST again", path=path)
    rank = content[3]
    shape = np.frombuffer(content, ">i4", rank, 4)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
    if len(values) != np.prod(shape, dtype=np.int64):
        raise BadInput("{path} has lost its end; fetch MNIST again", path=path)
    return values.reshape(shape)


def load_mnist(source: str, split: str) -> Split:
    """The split ``train`` (60 000) or ``test`` (10 000).

    :param source: a folder with the four idx files (gzipped or not), or ``mnist`` to let
        torchvision download them into its usual cache folder.
    :raises NotFound: the folder has no such file.
    :raises Unreachable: MNIST cannot be downloaded.
    """
    if source == "mnist":
        from torchvision.datasets import MNIST

        from backends.settings import user_cache

        folder = user_cache()
        try:
            data = MNIST(folder, split == "train", download=True)
        except (OSError, RuntimeError) as error:
            raise Unreachable(
                "MNIST cannot be downloaded into {folder}; give a folder with its four idx files",
                folder=folder,
            ) from error
        images, labels = data.data.numpy(), data.targets.numpy()
    else:
        arrays = []
        for name in FILES[split]:
            found = [p for p in (Path(source) / name, Path(source) / f"{name}.gz") if p.is_file()]
            if not found:
                raise NotFound(
                    "{name}(.gz) is not in {source}; give a folder with MNIST's four idx files, "
                    "or the word mnist to download them",
                    name=name,
                    source=source,
                )
            arrays.append(read_idx(found[0]))
        images, labels = arrays
    padded = F.pad(torch.from_numpy(images.copy()), (2, 2, 2, 2))
    return Split(padded[:, None], torch.from_numpy(labels.astype(np.int64)))


def test_split(bundle: Bundle, data: str | None) -> Split:
    """MNIST's test pictures: those that came with the bundle, unless ``data`` says where more are.

    :param data: as :func:`load_mnist` takes it; None for the bundle's own.
    :raises NotFound: neither is there.
    """
    if data is not None:
        return load_mnist(data, "test")
    own = bundle.test_pictures()
    if own is None:
        raise NotFound(
            "bundle {name!r} came without test pictures; give --data a folder with "
            "MNIST's idx files, or the word mnist to download them",
            name=bundle.name,
        )
    pictures, labels = own
    return Split(torch.from_numpy(pictures).permute(0, 3, 1, 2), torch.from_numpy(labels))


def affine_jitter(x: Tensor, generator: torch.Generator) -> Tensor:
    """Rotate by up to 12 degrees, scale by 0.88-1.12, shear by 0.2 and shift by 2 pixels."""
    count = len(x)

    def uniform(bound: float) -> Tensor:
        return (2 * torch.rand(count, generator=generator) - 1) * bound

    angle, shear = uniform(12 * torch.pi / 180), uniform(0.2)
    scale_x, scale_y = 1 + uniform(0.12), 1 + uniform(0.12)
    shift = 2 * 2 / x.shape[-1]
    theta = torch.stack(
        [
            torch.stack([scale_x * angle.cos(), -angle.sin() + shear, uniform(shift)], 1),
            torch.stack([angle.sin(), scale_y * angle.cos(), uniform(shift)], 1),
        ],
        dim=1,
    ).to(x)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)
