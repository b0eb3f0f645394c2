"""Retraining on 2 000 labels: do leaps reach what the annotator calls the target?

The annotator, who is simulated, calls a 1 whose slant (Morpho-MNIST's, from the picture's moments)
exceeds the upper third's among the training split's ones a 7. Real pictures it calls by their true
digit otherwise, generated ones by the oracle's. Every test picture shown was never trained on.
"""

from __future__ import annotations

import os
import tempfile
import time
from itertools import pairwise

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from backends import bundles, imaging
from backends.core import Region
from backends.explain.question import Question
from backends.explain.runner import run
from backends.service import retraining
from backends.targets.named import target_model
from backends.training.data import Split
from backends.training.labelled import Labelled
from backends.training.retrain_settings import Learnt
from benchmarks.digits import arguments, both, table
from studio.export import as_picture, coloured, enlarge

MODEL, ONE, SEVEN = "slanted ones are sevens", 1, 7
LABELS, VALIDATION, AT_ONCE = 2000, 50_000, 100  # rows of the training split are chosen from
SHOWN, CELL = 10, 96  # pictures of a sheet's row, and their side


def slant(x: Tensor) -> Tensor:
    """Degrees to the right, [B], of pictures [B, 1, S, S]: of the axis along which the ink's
    horizontal place grows with height."""
    ink, place = x[:, 0], torch.arange(x.shape[-1], dtype=x.dtype)
    total = ink.sum((1, 2)).clamp_min(1e-6)
    columns, rows = ink.sum(1), ink.sum(2)
    right = place - ((columns * place).sum(1) / total)[:, None]
    down = place - ((rows * place).sum(1) / total)[:, None]
    mixed = torch.einsum("bij,bi,bj->b", ink, down, right)
    return torch.rad2deg(torch.atan(-mixed / (rows * down.square()).sum(1).clamp_min(1e-6)))


class Annotator:
    """Says digits [B]; ``threshold`` in degrees is the upper third's of the training ones."""

    def __init__(self, bundle: bundles.Bundle, train: Split) -> None:
        ones, _ = train.batch((train.labels == ONE).nonzero().flatten())
        self.oracle = bundle.part("oracle")
        self.threshold = float(slant(ones).quantile(2 / 3))

    def real(self, x: Tensor, digits: Tensor) -> Tensor:
        """Of real pictures, whose digits are known."""
        return digits.masked_fill((digits == ONE) & (slant(x) > self.threshold), SEVEN)

    @torch.no_grad()
    def generated(self, x: Tensor) -> Tensor:
        """Of pictures that nobody wrote."""
        said = torch.cat([self.oracle(some).argmax(1) for some in x.split(500)])
        return self.real(x, said)


def explained(bundle: bundles.Bundle, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor, float]:
    """Whole-picture answers in 8 bits, whether the model says that they flipped, seconds each."""
    images, flipped, seconds = [], [], 0.0
    for some, wanted in zip(x.split(AT_ONCE), target.split(AT_ONCE), strict=True):
        region = Region(torch.ones_like(some[:, :1]))
        *_, last = run(Question.of(bundle, "leapfactual", some, wanted, region, part=MODEL))
        assert last.counterfactual is not None
        images.append(last.counterfactual.image)
        flipped.append(last.counterfactual.flipped)
        seconds += last.counterfactual.seconds
    return torch.cat(images), torch.cat(flipped), seconds / len(x)


def asked(bundle: bundles.Bundle, x: Tensor, count: int = 200) -> float:
    """Milliseconds that the target model takes for one picture, the median."""
    model, times = target_model(bundle, MODEL), []
    with torch.no_grad():
        for i in range(count):
            start = time.perf_counter()
            model.probabilities(x[i % len(x)][None])
            times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


def sheet(before: Tensor, after: Tensor) -> np.ndarray:
    """Pictures above their answers above what changed (blue darker, red brighter), enlarged."""
    rows = [
        [as_picture(imaging.to_array(x[None])).convert("RGB") for x in pictures]
        for pictures in (before, after)
    ]
    rows.append([coloured((change[0].numpy() + 1) / 2, "berlin") for change in after - before])
    big = [[np.asarray(enlarge(picture, CELL)) for picture in row] for row in rows]
    return np.concatenate([np.concatenate(row, 1) for row in big])


def main() -> None:
    """Retrain, explain, let the annotator judge, and print the table."""
    options = arguments(1000, split="test", student="", sheet="")
    found = bundles.get(options.bundle)
    train, test = both(options.data)
    annotator = Annotator(found, train)
    x, digits = train.batch(torch.arange(LABELS))
    said = annotator.real(x, digits)
    rows = Labelled(
        classes=list(found.manifest.class_names),
        pictures=np.stack([imaging.to_array(picture) for picture in x]),
        labels=torch.nn.functional.one_hot(said, 10).float().numpy(),
        weights=np.ones(LABELS, np.float32),
        version=f"benchmark, {LABELS} labels of one annotator",
    )
    start, moments, end = time.perf_counter(), [], None
    settings = {"student": bool(options.student)}
    for told in retraining.retrain(options.bundle, MODEL, rows, settings):
        moments.append(time.perf_counter())
        end = told
    assert isinstance(end, Learnt)
    target_model(found, MODEL)  # as the page would for the first question
    usable = time.perf_counter() - start
    longest = max(b - a for a, b in pairwise([start, *moments]))

    # The training split's tail is for choices; what is reported comes from the test split.
    first = VALIDATION if options.split == "train" else 0
    held = train if options.split == "train" else test
    x, digits = held.batch(torch.arange(first, first + options.count))
    truth = annotator.real(x, digits)
    with torch.no_grad():
        p = torch.cat([target_model(found, MODEL).probabilities(some) for some in x.split(500)])
    agreement = float((p.argmax(1) == truth).float().mean())
    generator = torch.Generator().manual_seed(2026)
    random = (truth + torch.randint(1, 10, (len(x),), generator=generator)) % 10
    everything = held.batch(torch.arange(first, len(held)))
    call = annotator.real(*everything)
    upright = everything[0][(everything[1] == ONE) & (call == ONE)][: options.count // 4]
    slanted = everything[0][(everything[1] == ONE) & (call == SEVEN)][: options.count // 4]
    questions = {
        "random targets": (x, random),
        "upright 1 -> 7": (upright, torch.full((len(upright),), SEVEN)),
        'slanted "7" -> 1': (slanted, torch.full((len(slanted),), ONE)),
    }
    table_rows, shown = [], []
    for name, (pictures, target) in questions.items():
        images, flipped, each = explained(found, pictures, target)
        if options.sheet and name != "random targets":
            shown.append(sheet(pictures[:SHOWN], images[:SHOWN]))
        verdict, shape = annotator.generated(images), found.part("oracle")
        with torch.no_grad():
            still = torch.cat([shape(some).argmax(1) for some in images.split(500)]) == ONE
        turned = slant(images) - slant(pictures)
        table_rows.append(
            {
                "question": name,
                "pictures": len(pictures),
                "annotator says target": float((verdict == target).float().mean()),
                "model says target": float(flipped.float().mean()),
                "slant before, degrees": float(slant(pictures).mean()),
                "slant after": float(slant(images).mean()),
                "median turn": float(turned.median()),
                "oracle sees a 1": float(still.float().mean()),
                "median turn of those": float(turned[still].median()) if still.any() else 0.0,
                "seconds each": each,
            }
        )
        missed = target[verdict != target].tolist()
        print(name, "missed targets:", {d: missed.count(d) for d in sorted(set(missed))})
    share = float((said[digits_of(train) == ONE] == SEVEN).float().mean())
    cost: dict[str, object] = {
        "labels": LABELS,
        "slant threshold": annotator.threshold,
        "labelled ones called 7": share,
        "agreement on held-out pictures": agreement,
        "milliseconds a label": asked(found, x),
        "click to usable, seconds": usable,
        "longest step, seconds": longest,
    }
    print(end)
    if options.sheet:
        Image.fromarray(np.concatenate(shown[::-1])).save(options.sheet, optimize=True)
    table("people_retrain_model", [cost])
    table("people_retrain", table_rows)


def digits_of(train: Split) -> Tensor:
    """True digits of the labelled pictures."""
    return train.labels[:LABELS]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STUDIO_MODELS"] = folder
        main()
