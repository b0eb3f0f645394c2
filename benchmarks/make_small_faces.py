"""Make the bundle of small faces, 64 pixels, drawn by the generator of the bundle faces: so the
methods whose priors are trained on pictures explain the expression model, too.

    python -m benchmarks.make_small_faces --out WORK [--count N]
    python -m studio train WORK --minutes N
    python -m benchmarks.make_small_faces --ship WORK

The first line draws and labels the faces (0.1 to 0.2 seconds each) and writes a bundle without its
priors, which the second trains; the third copies what comes with the studio to assets/small-faces.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch

from backends import bundles
from backends.bundles import read_manifest, write_manifest
from backends.files import atomic_write
from backends.training.new import NewConfig, new
from benchmarks.shipping import ship

SIZE, CHUNK, BATCH = 64, 250, 10
HELD_OUT = 1000  # faces that no part learns from; of them come with the bundle:
SHIPPED = 400
PARTS = ("classifier", "oracle", "parser", "lpips")  # of the bundle faces
PICTURES = "faces that MobileStyleGAN draws, which learnt from FFHQ (CC BY-NC-SA 4.0)"
# Of the generator's mean: further out faces are rarer, and what a small prior learns is blurred.
TRUNCATION = (0.5, 0.8)
FIRST = 100_000  # seed of the first chunk; the bundle faces uses small ones


@torch.no_grad()
def draw(folder: Path, chunk: int) -> np.ndarray:
    """The faces of a chunk, uint8 [CHUNK, SIZE, SIZE, 3], always the same ones, and what was drawn
    once is kept."""
    path = folder / f"{chunk:03}.npz"
    if not path.is_file():
        network = bundles.get("faces").part("generator")
        generator = torch.Generator().manual_seed(FIRST + chunk)
        w = network.sample_w(CHUNK, generator, truncation=1.0)
        low, high = TRUNCATION
        share = low + (high - low) * torch.rand(CHUNK, 1, generator=generator).to(w)
        w = network.mean_w + share * (w - network.mean_w)
        drawn = [network.preview(some, SIZE).clamp(0, 1) for some in w.split(BATCH)]
        x = (torch.cat(drawn).cpu() * 255).round().byte().permute(0, 2, 3, 1).numpy()
        with atomic_write(path) as scratch, open(scratch, "wb") as file:
            np.savez(file, x=x)
    with np.load(path) as arrays:
        return arrays["x"]


@torch.no_grad()
def make(out: Path, count: int, kept: Path) -> None:
    """Write the bundle's pictures and the entries of its published parts."""
    kept.mkdir(parents=True, exist_ok=True)
    faces = bundles.get("faces")
    chunks = []
    for chunk in range(-(-(count + HELD_OUT) // CHUNK)):
        chunks.append(draw(kept, chunk))
        print(f"\r{(chunk + 1) * CHUNK} faces", end="", flush=True)
    pictures = np.concatenate(chunks)[: count + HELD_OUT]
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2)
    f = faces.part("classifier")
    labels = torch.cat([f(some.float() / 255).argmax(1).cpu() for some in x.split(250)]).numpy()
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "faces.npz"
        np.savez(
            source, pictures=pictures, labels=labels, classes=np.array(faces.own.class_names),
            test=np.arange(len(pictures)) < HELD_OUT,
        )  # fmt: skip
        config = NewConfig(size=SIZE, colours="colour", mirror=True, title="Small faces")
        for _ in new("small-faces", source, config, out=out):
            pass
    manifest = read_manifest(out)
    parts = {name: faces.own.parts[name] for name in PARTS}
    told = {"parts": manifest.parts | parts, "preparation": "portrait"}
    write_manifest(out, manifest.model_copy(update=told))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ship", type=Path)
    parser.add_argument("--count", type=int, default=9000, help="faces to learn from")
    parser.add_argument("--drawn", type=Path, help="folder of the faces [OUT-drawn]")
    parser.add_argument("--out", type=Path, default=Path("assets/small-faces"))
    given = parser.parse_args()
    if given.ship:
        shutil.rmtree(given.out, ignore_errors=True)
        ship(
            given.ship, given.out, SHIPPED, licence=PICTURES, source=PICTURES,
            description="Faces of 64x64 pixels that a generator drew: smiling or not.",
        )  # fmt: skip
    else:
        drawn = given.drawn or given.out.with_name(f"{given.out.name}-drawn")
        make(given.out, given.count, drawn)
