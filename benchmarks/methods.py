"""Every method of the bundle on the same pictures and targets, at its defaults.

``--methods`` measures only some of them anew; the others keep their rows.
"""

from __future__ import annotations

from backends import bundles, registry
from benchmarks.digits import answers, arguments, earlier, questions, table


def main() -> None:
    """Print flips, the oracle's agreement, distances, density percentile and seconds a picture."""
    options = arguments(200, methods=",".join(registry.METHODS))
    bundle = bundles.find(options.bundle)
    kept = {row["method"]: row for row in earlier("methods")}
    x, _, target = questions(bundle, options.data, options.count, trivial=False)
    rows = []
    for name in registry.METHODS:
        if any(bundle.problem(part) for part in registry.method(name).needs):
            continue
        if name not in options.methods.split(","):
            rows += [kept[f"`{name}`"]] if f"`{name}`" in kept else []
            continue
        _, measured, seconds = answers(bundle, name, x, target)
        rows.append(
            {
                "method": f"`{name}`",
                "flip rate": float(measured["flipped"].mean()),
                "oracle agrees": float((measured["oracle_label"] == target).float().mean()),
                "L2": float(measured["l2"].mean()),
                "SSIM": float(measured["ssim"].mean()),
                "COUT": float(measured["cout"].mean()),
                "density percentile": float(measured["log_density_percentile"].mean()),
                "seconds a picture, 50 at once": seconds / len(x),
                "pictures": len(x),
            }
        )
    table("methods", rows)


if __name__ == "__main__":
    main()
