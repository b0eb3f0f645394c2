"""LeapFactual's table: do its counterfactuals reach the target, and does the oracle agree?

The paper's settings (N_b 15, gamma_b .1; N_i 5, gamma_i 0/.1), targets uniform over all ten
classes, as in the authors' Morpho-MNIST experiment.
"""

from __future__ import annotations

import torch
from torchmetrics.functional.classification import multiclass_auroc

from backends import bundles
from backends.core import Region
from benchmarks.digits import arguments, eight_bit_steps, questions, table


@torch.no_grad()
def main() -> None:
    """Print ACC, AUC and the oracle's agreement, with and without injection."""
    options = arguments(2000)
    bundle = bundles.find(options.bundle)
    x, predicted, target = questions(bundle, options.data, options.count, trivial=True)
    region = Region(torch.ones_like(x))
    blended, injected = [], []
    for steps in eight_bit_steps(bundle, "leapfactual", x, target, region, {}):
        blended.append(next(s.image for s in reversed(steps) if s.phase == "blending"))
        injected.append(steps[-1].image)
    rows = []
    for name, images in (("counterfactual", blended), ("reliable", injected)):
        image = torch.cat(images).to(bundle.device)
        p = bundle.part("classifier")(image).softmax(1).cpu()
        verdict = bundle.part("oracle")(image).argmax(1).cpu()
        changed = target != predicted
        rows.append(
            {
                "answers": name,
                "ACC": float((p.argmax(1) == target).float().mean()),
                "AUC": float(multiclass_auroc(p, target, num_classes=10)),
                "oracle agrees (changed)": float((verdict == target)[changed].float().mean()),
                "pictures": len(x),
            }
        )
    table("leapfactual", rows)


if __name__ == "__main__":
    main()
