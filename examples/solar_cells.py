"""A classifier of one's own: functional or defective solar cells, with timm.

The pictures are ELPV's (Buerhop-Lutz et al., 2018; Deitsch et al., 2019; CC BY-NC-SA 4.0): 2 624
electroluminescence photographs with the share of people who called each cell defective.

    pip install elpv_dataset
    python examples/solar_cells.py cells
    MODEL="timm:resnet18@cells/resnet18.safetensors?classes=cells/classes.txt&size=64&mean=0&std=1"
    studio new cells --images cells/pictures --size 64 --mirror --model "$MODEL"
    studio train cells --minutes 60
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import timm
import torch
from elpv_dataset.utils import load_dataset
from PIL import Image
from safetensors.torch import save_file
from torch.nn import functional as F

CLASSES = ["defective", "functional"]
SIZE, EPOCHS, BATCH, HELD_OUT = 64, 14, 64, 0.15


def main(folder: Path) -> None:
    """Write the pictures, train, and write the weights."""
    pictures, shares, kinds = load_dataset()
    labels = (shares < 0.5).astype(int)  # defective where most people said so
    order = np.random.default_rng(0).permutation(len(labels))
    tests = np.zeros(len(labels), bool)
    tests[order[: round(HELD_OUT * len(labels))]] = True
    for number, (pixels, label) in enumerate(zip(pictures, labels, strict=True)):
        place = folder / "pictures" / ("test" if tests[number] else "train") / CLASSES[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{kinds[number]}_{number:04}.png")

    small = [Image.fromarray(p).resize((SIZE, SIZE), Image.Resampling.LANCZOS) for p in pictures]
    x = torch.from_numpy(np.stack([np.asarray(p) for p in small]))[:, None].float() / 255
    y, held = torch.from_numpy(labels), torch.from_numpy(tests)
    torch.manual_seed(0)
    net = timm.create_model("resnet18", in_chans=1, num_classes=len(CLASSES))
    steps = EPOCHS * (int((~held).sum()) // BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    weight = 1 / y[~held].bincount().float()
    for epoch in range(EPOCHS):
        for rows in (~held).nonzero().flatten()[torch.randperm(int((~held).sum()))].split(BATCH):
            if len(rows) < BATCH:
                continue
            batch = x[rows]
            for axis in (-1, -2):  # a cell has no left and no top
                batch = batch.flip(axis) if torch.rand(()) < 0.5 else batch
            loss = F.cross_entropy(net(batch), y[rows], weight)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1} of {EPOCHS}: loss {loss.item():.3f}", flush=True)
    net.eval()
    with torch.no_grad():
        said = net(x[held]).argmax(1)
    each = [float((said[y[held] == k] == k).float().mean()) for k in range(len(CLASSES))]
    right = float((said == y[held]).float().mean())
    print(f"right: {right:.3f}", dict(zip(CLASSES, each, strict=True)))
    save_file(net.state_dict(), folder / "resnet18.safetensors")
    (folder / "classes.txt").write_text("\n".join(CLASSES) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "cells"))
