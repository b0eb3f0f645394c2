"""Pictures that a person might bring: bright and dark squares, by class."""

import numpy as np
from PIL import Image


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
