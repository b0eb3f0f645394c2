"""Copy what comes with the studio of a bundle that was trained here."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from backends.bundles import TestPictures, read_manifest, write_manifest
from backends.fetching.cache import digest
from backends.files import atomic_folder
from backends.training.stored import TEST, write

__all__ = ["ship"]


def ship(
    work: Path, out: Path, count: int, *, description: str, licence: str, source: str
) -> None:  # fmt: skip
    """Copy the parts that were trained here, the examples and the first test pictures: published
    parts are pulled, and what the parts learnt from stays behind.

    :param count: of test pictures.
    :param licence: of the pictures.
    :param source: where the test pictures are from.
    """
    manifest = read_manifest(work)
    with atomic_folder(out) as scratch:
        (scratch / "examples").mkdir()
        examples = [example for example in manifest.examples if example.index < count]
        trained = {part.file for part in manifest.parts.values() if part.source is None}
        for file in [*(example.file for example in examples), *sorted(trained)]:
            shutil.copyfile(work / file, scratch / file)
        with np.load(work / TEST) as arrays:
            write(scratch / TEST, arrays["pictures"][:count], arrays["labels"][:count])
        test = TestPictures(
            file=TEST, sha256=digest(scratch / TEST), count=count, licence=licence, source=source
        )
        told = {
            "examples": examples, "test": test, "recipe": "", "description": description,
            "licence": f"weights Apache-2.0; {licence}",
        }  # fmt: skip
        write_manifest(scratch, manifest.model_copy(update=told))
