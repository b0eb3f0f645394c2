"""RCSB's table: flips that the oracle believes, for the paper's settings and for ours."""

from __future__ import annotations

import torch

from backends import bundles
from backends.core import Region
from backends.metrics import area, distance
from backends.metrics.cout import cout
from backends.regions.attribution import propose
from backends.regions.settings import AutoRegion
from backends.targets.named import target_model
from benchmarks.digits import arguments, eight_bit_steps, questions, table

PAPER = {
    "scale": 1.5, "truncation": 0.6, "smoothing": "pixel", "view": "stretch",
    "composite_estimate": False,
}  # fmt: skip


@torch.no_grad()
def main() -> None:
    """Print flip rate, oracle agreement, changed area, L1 and COUT by settings and region."""
    options = arguments(500)
    bundle = bundles.find(options.bundle)
    f = target_model(bundle)
    x, predicted, target = questions(bundle, options.data, options.count, trivial=False)
    parts = x.to(bundle.device).split(100)
    auto = torch.cat([propose(f, part, AutoRegion())[0].mask for part in parts]).cpu()
    regions = {"whole picture": Region(torch.ones_like(x)), "automatic, a = .3": Region(auto)}
    rows = []
    for settings_name, settings in (("paper's", PAPER), ("ours", {})):
        for region_name, region in regions.items():
            ends = [s[-1] for s in eight_bit_steps(bundle, "rcsb", x, target, region, settings)]
            image = torch.cat([end.image for end in ends])
            seen = image.to(bundle.device)
            flipped = f.probabilities(seen).argmax(1).cpu() == target
            verdict = bundle.part("oracle")(seen).argmax(1).cpu() == target
            rows.append(
                {
                    "settings": settings_name,
                    "region": region_name,
                    "region area": float(region.mask.mean()),
                    "flip rate": float(flipped.float().mean()),
                    "oracle agrees (flipped)": float(verdict[flipped].float().mean()),
                    "changed area": float(area.changed_area(x, image).mean()),
                    "L1": float(distance.l1(x, image).mean()),
                    "COUT": float(cout(f, x, image, predicted, target).mean()),
                    "greatest change outside": float(
                        area.greatest_change(x, image, 1 - region.mask).max()
                    ),
                    "pictures": len(x),
                }
            )
    table("rcsb", rows)


if __name__ == "__main__":
    main()
