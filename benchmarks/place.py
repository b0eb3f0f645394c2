"""PLACE beside REVISE and CLARITY on the paper's two changes (its table 2)."""

from __future__ import annotations

import torch

from backends import bundles
from benchmarks.digits import answers, arguments, of_class, table

CHANGES = ((0, 8), (1, 5))
ASKED: list[tuple[str, dict[str, object]]] = [
    ("place", {}), ("revise", {}), ("revise", {"distance": "sum"}), ("clarity", {})
]  # fmt: skip


def main() -> None:
    """Print validity, distance and log-density under the target class."""
    options = arguments(100)
    bundle = bundles.find(options.bundle)
    rows = []
    for source, target in CHANGES:
        x = of_class(bundle, options.data, source, options.count)
        wanted = torch.full((len(x),), target)
        for name, settings in ASKED:
            _, measured, seconds = answers(bundle, name, x, wanted, settings)
            own = "".join(f", {key} {value}" for key, value in settings.items())
            rows.append(
                {
                    "change": f"{source} to {target}",
                    "method": f"`{name}`{own}",
                    "validity": float(measured["flipped"].mean()),
                    "oracle agrees": float((measured["oracle_label"] == wanted).float().mean()),
                    "L2": float(measured["l2"].mean()),
                    "log-density (nats)": float(measured["log_density"].mean()),
                    "density percentile": float(measured["log_density_percentile"].mean()),
                    "seconds a picture, 50 at once": seconds / len(x),
                    "pictures": len(x),
                }
            )
    table("place", rows)


if __name__ == "__main__":
    main()
