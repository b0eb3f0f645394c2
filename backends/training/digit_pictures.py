"""Pictures of MNIST's test split that come with the digits bundle: examples, and a test set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from backends import bundles
from backends.bundles.manifest import read_manifest
from backends.fetching.cache import digest
from backends.training.data import Split

__all__ = ["write_examples", "write_test"]

EXAMPLES_PER_CLASS = 40
TEST_PICTURES = 1000


def write_examples(manifest: bundles.Manifest, test: Split, out: Path) -> None:
    """Write the first test pictures of every class as PNG; enter them into bundle.json.

    :param manifest: of the bundle, where ``out`` has none yet.
    """
    folder = out / "examples"
    folder.mkdir(parents=True, exist_ok=True)
    examples = []
    for digit, label in enumerate(manifest.class_names):
        for index in (test.labels == digit).nonzero().flatten().tolist()[:EXAMPLES_PER_CLASS]:
            file = f"examples/{label}_{index:05}.png"
            Image.fromarray(test.pictures[index, 0].cpu().numpy()).save(out / file, optimize=True)
            examples.append(bundles.Example(file=file, label=label, index=index))
    _enter(manifest, out, examples=examples)


def write_test(manifest: bundles.Manifest, test: Split, out: Path) -> None:
    """Write the first pictures of the test split with their labels; enter them into bundle.json."""
    count = min(TEST_PICTURES, len(test))
    pictures = test.pictures[:count].permute(0, 2, 3, 1).cpu().numpy()
    out.mkdir(parents=True, exist_ok=True)
    path = out / "test.npz"
    np.savez_compressed(path, pictures=pictures, labels=test.labels[:count].cpu().numpy())
    entry = bundles.TestPictures(
        file=path.name, sha256=digest(path), count=count,
        source=f"MNIST's test split (LeCun, Cortes, Burges), pictures 0 to {count - 1}, "
        "28x28 padded to 32x32",
        licence="CC BY-SA 3.0",
    )  # fmt: skip
    _enter(manifest, out, test=entry)


def _enter(manifest: bundles.Manifest, out: Path, **fields: object) -> None:
    """Replace fields of bundle.json; ``manifest`` stands in where ``out`` has none yet."""
    stored = read_manifest(out) if (out / bundles.MANIFEST).is_file() else manifest
    bundles.write_manifest(out, stored.model_copy(update=fields))
