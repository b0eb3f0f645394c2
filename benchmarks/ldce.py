"""LDCE with and without its consensus mechanism (the paper's figure 4 and table 1)."""

from __future__ import annotations

from backends import bundles
from benchmarks.digits import answers, arguments, questions, table

SETTINGS: dict[str, dict[str, object]] = {
    "consensus (default)": {},
    "no consensus, γ = 180°": {"angle": 180},
    "classifier-free guidance only": {"guidance": "free"},
}


def main() -> None:
    """Print flip rate and what speaks of realism: the oracle, the density, the distances."""
    options = arguments(200)
    bundle = bundles.find(options.bundle)
    x, _, target = questions(bundle, options.data, options.count, trivial=False)
    rows = []
    for label, settings in SETTINGS.items():
        _, measured, seconds = answers(bundle, "ldce", x, target, settings)
        rows.append(
            {
                "guidance": label,
                "flip rate": float(measured["flipped"].mean()),
                "oracle agrees": float((measured["oracle_label"] == target).float().mean()),
                "density percentile": float(measured["log_density_percentile"].mean()),
                "L2": float(measured["l2"].mean()),
                "SSIM": float(measured["ssim"].mean()),
                "seconds a picture, 50 at once": seconds / len(x),
                "pictures": len(x),
            }
        )
    table("ldce", rows)


if __name__ == "__main__":
    main()
