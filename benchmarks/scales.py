"""Some of our defaults beside the references' own: REVISE's distance, the step of Diffeomorphic's
ascent in an autoencoder's latents, and Adam's memory in a flow's."""

from __future__ import annotations

from backends import bundles
from benchmarks.digits import answers, arguments, questions, table

CONFIDENCE = 0.99
ASKED: list[tuple[str, str, dict[str, object]]] = [
    ("revise", "mean of the pixels (ours)", {"distance": "mean"}),
    ("revise", "sum of the pixels (CARLA)", {"distance": "sum"}),
    ("diffeomorphic_vae", "step .05 (ours)", {"rate": 0.05}),
    ("diffeomorphic_vae", "step .005 (the paper's)", {"rate": 0.005}),
    ("diffeomorphic", "β₂ .95 (ours)", {"beta2": 0.95}),
    ("diffeomorphic", "β₂ .999 (the authors')", {"beta2": 0.999}),
]


def main() -> None:
    """Print how many answers flip and convince, how far they are and what they cost."""
    options = arguments(100)
    bundle = bundles.find(options.bundle)
    x, _, target = questions(bundle, options.data, options.count, trivial=False)
    rows = []
    for name, setting, settings in ASKED:
        _, measured, seconds = answers(bundle, name, x, target, settings)
        rows.append(
            {
                "method": f"`{name}`",
                "setting": setting,
                "flip": int(measured["flipped"].sum()),
                f"reach {CONFIDENCE}": int((measured["target_probability"] > CONFIDENCE).sum()),
                "oracle agrees": int((measured["oracle_label"] == target).sum()),
                "L1": float(measured["l1"].mean()),
                "L2": float(measured["l2"].mean()),
                "seconds": seconds,
                "pictures": len(x),
            }
        )
    table("scales", rows)


if __name__ == "__main__":
    main()
