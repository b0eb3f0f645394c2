"""How often "this does not look like the domain" is said: of real pictures, of which it must not
be, and of others.

The limit is taken from half of the bundle's test pictures and tried on the other half, on the same
number of pictures of another bundle, and on the photographs of scikit-image. ``--write`` keeps the
limit of all test pictures in the bundle's folder.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import Tensor

from backends import bundles, service
from backends.bundles import Bundle, domain_reference
from backends.errors import StudioError
from backends.service import domain
from benchmarks.digits import table

PHOTOGRAPHS = (
    "astronaut", "brick", "camera", "cat", "cell", "clock", "coffee", "colorwheel", "grass",
    "gravel", "horse", "hubble_deep_field", "moon", "page", "retina", "rocket", "text",
)  # fmt: skip


def as_seen(bundle: Bundle, pictures: Iterator[Image.Image]) -> Tensor:
    """Pictures as the bundle's models see them, [N, C, H, W]; those that are refused are left
    out."""
    seen = []
    for picture in pictures:
        try:
            seen.append(service.prepare(bundle.name, picture))
        except StudioError:
            continue
    return as_tensor(np.stack(seen))


def as_tensor(pictures: np.ndarray) -> Tensor:
    """uint8 [N, H, W, C] -> [N, C, H, W] in [0, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def photographs() -> Iterator[Image.Image]:
    """Those of scikit-image that come with it."""
    for name in PHOTOGRAPHS:
        pixels = np.asarray(getattr(data, name)())
        pixels = pixels * np.uint8(255) if pixels.dtype == bool else pixels
        yield Image.fromarray(pixels.astype(np.uint8)).convert("RGB")


def told(bundle: Bundle, x: Tensor, known: domain_reference.DomainReference) -> int:
    """Of how many pictures it is said."""
    values = {name: value.tolist() for name, value in domain.measure(bundle, x).items()}
    rows = (dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True))
    return sum(domain.oddness(row, known.measures) > known.limit for row in rows)


def rows(bundle: Bundle, other: Bundle) -> Iterator[dict[str, Any]]:
    """One row for each kind of pictures."""
    made_by, test, foreign = domain.makers(bundle), bundle.test_pictures(), other.test_pictures()
    if made_by is None or test is None or foreign is None:
        raise SystemExit(f"error: {bundle.name} or {other.name} has no test pictures; name others")
    known = domain.reference(bundle, test[0][::2], made_by)
    strangers = (Image.fromarray(p.squeeze()) for p in foreign[0][: len(test[0]) // 2])
    kinds = {
        "real, not measured before": as_tensor(test[0][1::2]),
        f"of {other.name}": as_seen(bundle, strangers),
        "photographs of scikit-image": as_seen(bundle, photographs()),
        "the astronaut": as_seen(bundle, iter([Image.fromarray(data.astronaut())])),
    }
    for kind, x in kinds.items():
        count = told(bundle, x, known)
        yield {"bundle": bundle.name, "pictures": kind, "n": len(x), "told": count / len(x)}


def main() -> None:
    """Print the rates; keep the limit where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the limits in the bundles")
    words = parser.parse_args()
    digits, objects = bundles.get("digits"), bundles.get("objects")
    table("domain_warning", [*rows(digits, objects), *rows(objects, digits)])
    for bundle in (digits, objects) if words.write else ():
        made_by, test = domain.makers(bundle), bundle.test_pictures()
        assert made_by is not None
        assert test is not None
        known = domain.reference(bundle, test[0], made_by)
        domain_reference.write(bundle, known, shipped=True)


if __name__ == "__main__":
    main()
