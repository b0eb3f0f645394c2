"""Pictures that a person might bring: bright and dark squares, by class."""

import numpy as np
from PIL import Image

from backends.training import domain_recipes


def write_tree(folder, count=12, size=(40, 30)):
    """An ImageFolder tree of two classes."""
    generator = np.random.default_rng(0)
    for label, level in (("dark", 40), ("bright", 200)):
        place = folder / label
        place.mkdir(parents=True)
        for number in range(count):
            pixels = generator.integers(level - 30, level + 30, (size[1], size[0]), dtype=np.uint8)
            Image.fromarray(pixels).save(place / f"{number}.png")
    return folder


def make_small(monkeypatch, bundles):
    """Let a person's bundles lie in a folder, with networks that are trained in no time."""
    monkeypatch.setenv("STUDIO_BUNDLES", str(bundles))
    widths = domain_recipes.WIDTHS
    small = {part: {size: [8, 16] for size in sizes} for part, sizes in widths.items()}
    monkeypatch.setattr(domain_recipes, "WIDTHS", small)
