"""All methods at their defaults on a bundle that ``studio train`` made, the objects unless another
is named: held-out test pictures, random targets.

``--sheet FILE.png`` also draws the first answers; ``--region text:mouth`` lets only that change.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from backends.bundles import Bundle, find
from backends.evaluation import Plan, Row, evaluate
from benchmarks.digits import arguments, earlier, table

METHODS = "leapfactual,place,diffeomorphic,ldce,rcsb,adversarial"
COLUMNS = {
    "flip rate": "flip_rate", "oracle agrees": "oracle_agreement", "L2": "l2", "SSIM": "ssim",
    "LPIPS": "lpips_alex", "change outside": "change_outside",
    "Fréchet distance, oracle's features": "frechet_oracle",
    "kernel distance, oracle's features": "kernel_oracle",
    "seconds a picture, 50 at once": "seconds",
}  # fmt: skip
SHOWN, CELL, LINE = 10, 64, 16


def sheet(rows: list[Row]) -> Image.Image:
    """Factuals in the first row, each method's answers below, what the model says under each."""
    names = ["factual", *(row.method for row in rows)]
    drawn = Image.new("RGB", (110 + SHOWN * (CELL + 4), len(names) * (CELL + LINE)), "white")
    pen = ImageDraw.Draw(drawn)
    for line, name in enumerate(names):
        top = line * (CELL + LINE)
        pen.text((4, top + CELL // 2), name, "black")
        for column, answer in enumerate(rows[max(line - 1, 0)].shown):
            pixels = np.asarray(answer.factual if line == 0 else answer.counterfactual)
            small = Image.fromarray(pixels.squeeze()).convert("RGB")
            place = (110 + column * (CELL + 4), top)
            drawn.paste(small.resize((CELL, CELL), Image.Resampling.NEAREST), place)
            said = answer.record["factual" if line == 0 else "counterfactual"]
            missed = line > 0 and not answer.record["flipped"]
            pen.text((place[0], top + CELL), said[:10], "red" if missed else "black")
    return drawn


def qualities(bundle: Bundle) -> list[dict[str, object]]:
    """A row for each part that was trained: its steps, minutes, and what was measured."""
    rows: list[dict[str, object]] = []
    for name, part in bundle.own.parts.items():
        if part.trained is None or part.file != f"{name}.safetensors":  # the same network once
            continue
        told = (
            f"{key.removeprefix('test_').replace('_', ' ')} {value:.4g}"
            for key, value in part.trained.quality.items()
        )
        rows.append({
            "part": f"`{name}`", "steps": part.trained.steps,
            "minutes, the last time": round(part.trained.seconds / 60, 1),
            "on held-out pictures": ", ".join(told),
        })  # fmt: skip
    return rows


def main() -> None:
    """Print how good the parts are, then each method's flips, the oracle's agreement, distances
    and seconds a picture."""
    options = arguments(200, methods=METHODS, region="whole", table="", sheet="")
    options.bundle = "objects" if options.bundle == "digits" else options.bundle
    name = options.table or Path(options.bundle).name
    table(f"{name}_parts", qualities(find(options.bundle)))
    print()
    plan = Plan(
        options.bundle, options.methods.split(","), options.count, regions=[options.region],
        shown=SHOWN, batch=50,
    )  # fmt: skip
    found = [item for item in evaluate(plan) if isinstance(item, Row) and not item.answer]
    rows = {row["method"]: row for row in earlier(name)}
    for row in found:
        if row.problem:
            raise SystemExit(f"error: {row.method}: {row.problem}")
        values = {title: _number(row.values.get(metric)) for title, metric in COLUMNS.items()}
        method = f"`{row.method}`"
        rows[method] = {"method": method} | values | {"pictures": row.values["n"]}
    order = [f"`{method}`" for method in METHODS.split(",")]
    table(name, [rows[method] for method in order if method in rows])
    if options.sheet:
        sheet(found).save(Path(options.sheet))


def _number(value: object) -> object:
    found = value["mean"] if isinstance(value, dict) else value
    return "-" if found is None else found


if __name__ == "__main__":
    main()
