"""How much more of each attribution lies on the object than beside it: the photos bundle's example
pictures, the object being what Segment Anything cuts out at one click.

    python -m benchmarks.attributions [--model MobileNetV2]
"""

from __future__ import annotations

import argparse

import numpy as np
from PIL import Image

from backends import bundles, imaging
from backends.errors import BadInput
from backends.regions.attribution import ATTRIBUTIONS, attribute
from backends.service.regions import click
from backends.targets.named import target_model
from benchmarks.digits import table

# Clicks on the cat's cheek, the cup and the rocket, in pixels.
CLICKS = {"chelsea": (90, 170), "coffee": (60, 120), "rocket": (130, 150)}


def main() -> None:
    """Print a row for each attribution: its mean inside the object over its mean outside."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="classifier")
    model = parser.parse_args().model
    found = bundles.find("photos")
    f = target_model(found, model)
    rows: dict[str, dict[str, object]] = {name: {"attribution": name} for name in ATTRIBUTIONS}
    for example in found.manifest.examples:
        picture = np.asarray(Image.open(found.folder / example.file))
        stem = example.file.split("/")[-1].split(".")[0]
        mask = click("photos", picture, [CLICKS[stem]], [1]).mask > 0
        x = imaging.to_tensor(picture)
        said = f.class_names[int(f.probabilities(x).argmax(1))]
        column = f"{stem}, said {said!r}, object {mask.mean():.0%}"
        for name in ATTRIBUTIONS:
            try:
                importance = attribute(f, x, name)[0].numpy()
            except BadInput as error:  # LRP has no rule for some layers
                print(f"{name}: {error}")
                rows[name][column] = "-"
                continue
            ratio = importance[mask].mean() / importance[~mask].mean()
            rows[name][column] = f"{ratio:.2f}"
    table(f"attributions_{model.lower()}", list(rows.values()))


if __name__ == "__main__":
    main()
