"""All methods on the objects bundle at its defaults: held-out test pictures, random targets.

``--bundle NAME`` measures another bundle that ``studio train`` made; ``--sheet FILE.png`` also
draws the first answers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from backends.evaluation import Plan, Row, evaluate
from benchmarks.digits import arguments, earlier, table

METHODS = "leapfactual,place,diffeomorphic,ldce,rcsb,adversarial"
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


def main() -> None:
    """Print flips, the oracle's agreement, distances and seconds a picture."""
    options = arguments(200, methods=METHODS, table="objects", sheet="")
    if options.bundle == "digits":
        options.bundle = "objects"
    chosen = options.methods.split(",")
    plan = Plan(options.bundle, chosen, options.count, shown=SHOWN, batch=50)
    found = [
        item for item in evaluate(plan) if isinstance(item, Row) and not item.answer
    ]  # fmt: skip
    rows = {row["method"]: row for row in earlier(options.table)}
    for row in found:
        if row.problem:
            raise SystemExit(f"error: {row.method}: {row.problem}")
        name = f"`{row.method}`"
        rows[name] = {"method": name} | {
            column: _number(row.values.get(metric))
            for column, metric in (
                ("flip rate", "flip_rate"), ("oracle agrees", "oracle_agreement"), ("L2", "l2"),
                ("SSIM", "ssim"), ("Fréchet distance, oracle's features", "frechet_oracle"),
                ("seconds a picture, 50 at once", "seconds"),
            )
        } | {"pictures": row.values["n"]}  # fmt: skip
    order = [f"`{name}`" for name in METHODS.split(",")]
    table(options.table, [rows[name] for name in order if name in rows])
    if options.sheet:
        sheet(found).save(Path(options.sheet))


def _number(value: object) -> object:
    return value["mean"] if isinstance(value, dict) else value


if __name__ == "__main__":
    main()
