"""Regions by name on sampled faces: one contact sheet, and how often each word finds something."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from scipy.ndimage import binary_dilation

from backends import bundles, imaging
from backends.bundles import Bundle
from backends.regions.candidates import Candidate
from backends.service import regions as region_service

COLOURS = ((230, 40, 60), (30, 130, 240), (250, 190, 0))  # of the words, in turn
OPACITY = 0.45
CELL, COLUMNS, LINE = 256, 5, 28  # pixels of a face, faces a row, pixels of the legend


def main() -> None:
    """Write the sheet; print a table of how many faces have each part, its area and its score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default="faces")
    parser.add_argument("--words", nargs="+", default=["mouth", "hair", "eyes"])
    parser.add_argument("--n", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="a .jpg or .png file")
    options = parser.parse_args()
    if len(options.words) > len(COLOURS):
        parser.error(f"at most {len(COLOURS)} words have a colour each")
    faces = _faces(bundles.find(options.bundle), options.n, options.seed)
    found = [_found(options.bundle, face, options.words) for face in faces]
    _sheet(faces, found, options.words).save(options.out, quality=88)
    print("| word | found | area | score |\n|---|---|---|---|")
    for word in options.words:
        there = [one[word] for one in found if word in one]
        area = np.mean([one.mask.mean() / 255 for one in there]) if there else 0.0
        score = np.mean([one.score for one in there]) if there else 0.0
        print(f"| {word} | {len(there)} of {len(faces)} | {area:.1%} | {score:.2f} |")


@torch.no_grad()
def _faces(bundle: Bundle, n: int, seed: int) -> list[np.ndarray]:
    """Pictures that the bundle's generator draws, uint8 [H, W, 3]."""
    network = bundle.part(bundle.named("generator"))
    latents = network.sample_w(n, torch.Generator().manual_seed(seed), truncation=0.7)
    return [imaging.to_array(network.decode(w)) for w in latents.split(1)]


def _found(bundle: str, face: np.ndarray, words: list[str]) -> dict[str, Candidate]:
    found = region_service.candidates(bundle, face, ", ".join(words))
    return {one.label: one for one in found.candidates}


def _sheet(
    faces: list[np.ndarray], found: list[dict[str, Candidate]], words: list[str]
) -> Image.Image:
    rows = -(-len(faces) // COLUMNS)
    sheet = Image.new("RGB", (CELL * min(COLUMNS, len(faces)), LINE + CELL * rows), "white")
    draw, x = ImageDraw.Draw(sheet), 10
    for word, colour in zip(words, COLOURS, strict=False):
        draw.rectangle((x, 7, x + 14, 21), fill=colour)
        draw.text((x + 20, 6), word, fill="black", font_size=14)
        x += 40 + round(draw.textlength(word, font_size=14))
    for i, (face, candidates) in enumerate(zip(faces, found, strict=True)):
        place = (CELL * (i % COLUMNS), LINE + CELL * (i // COLUMNS))
        sheet.paste(_tinted(face, [candidates.get(word) for word in words]), place)
    return sheet


def _tinted(face: np.ndarray, candidates: list[Candidate | None]) -> Image.Image:
    """The face at the sheet's size, each mask in its colour with a firm outline."""
    size = (CELL, CELL)
    pixels = np.asarray(Image.fromarray(face).resize(size, Image.Resampling.LANCZOS)) / 255
    for candidate, colour in zip(candidates, COLOURS, strict=False):
        if candidate is None:
            continue
        small = Image.fromarray(candidate.mask).resize(size, Image.Resampling.BOX)
        inside = np.asarray(small) > 127
        share = np.where(binary_dilation(inside) & ~inside, 1.0, OPACITY * inside)[..., None]
        pixels = pixels * (1 - share) + share * np.array(colour) / 255
    return Image.fromarray((pixels * 255).round().astype(np.uint8))


if __name__ == "__main__":
    main()
