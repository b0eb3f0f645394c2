"""Fit the digits' parts to models with classes of their own, and let the methods explain them: how
often an answer gets the model's own target label. The pictures are held out: the fit sees only what
the bundle draws, the random forest is trained on the other half of the test pictures."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from backends import bundles
from backends.bundles import Bundle
from backends.core import Region, TargetModel
from backends.errors import StudioError
from backends.explain.question import Question
from backends.explain.runner import run
from backends.service.fitting import fit
from backends.targets import added
from backends.targets.model import Classifier
from backends.targets.named import target_model
from backends.targets.outside.network import of_object
from backends.targets.reference import Options
from backends.training.retrain_settings import Fitted
from benchmarks.digits import arguments, pictures, table

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def models(bundle: Bundle, x: Tensor, y: Tensor) -> dict[str, str]:
    """By title the name of each model; the forest learns the pictures x [N, 1, 32, 32]."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(200, random_state=0)
    forest.fit(x.flatten(1).numpy(), [WORDS[label] for label in y.tolist()])
    network = of_object(forest, Options(), size=x.shape[-1], channels=1)
    added.add("forest", lambda _: Classifier(network, network.labels))
    second = Classifier(bundle.part("oracle"), list(WORDS))
    added.add("second network", lambda _: second)
    return {
        "second network": "second network", "thickness > 3": "thickness > 3",
        "random forest": "forest",
    }  # fmt: skip


def flips(
    bundle: Bundle, name: str, model: TargetModel, method: str, x: Tensor
) -> tuple[float, float]:
    """The share of answers that the model calls the target, a random other class, and seconds."""
    generator = torch.Generator().manual_seed(2026)
    with torch.no_grad():
        before = torch.cat([model.probabilities(some) for some in x.split(100)]).argmax(1)
    classes = len(model.class_names)
    target = (before + torch.randint(1, classes, (len(x),), generator=generator)) % classes
    flipped, start = [], time.perf_counter()
    for i in range(0, len(x), 50):
        part = slice(i, i + 50)
        question = Question.of(
            bundle, method, x[part], target[part], Region(torch.ones_like(x[part])), {}, i, model,
            part=name, watched=False,
        )  # fmt: skip
        answer = list(run(question))[-1].counterfactual
        assert answer is not None
        flipped.append(answer.flipped)
    return float(torch.cat(flipped).float().mean()), time.perf_counter() - start


def main() -> None:
    """Print a row for each model and method."""
    options = arguments(500, methods="leapfactual,place,clarity", few="100")
    bundle = bundles.find(options.bundle)
    test = pictures(bundle, options.data, 2 * options.count)
    held, _ = test.batch(torch.arange(options.count))
    x, y = test.batch(torch.arange(options.count, 2 * options.count))
    rows: list[dict[str, object]] = []
    for title, model in models(bundle, x, y).items():
        *_, fitted = fit(options.bundle, model, f"fitted {len(rows)}", {})
        assert isinstance(fitted, Fitted)
        explained = target_model(bundle, model)
        for method in options.methods.split(","):
            count = len(held) if method == "leapfactual" else int(options.few)
            try:
                rate, seconds = flips(bundle, fitted.name, explained, method, held[:count])
            except StudioError as error:
                print(f"{title}, {method}: {error}")
                continue
            rows.append(
                {"model": title, "fit, seconds": round(fitted.seconds, 1), "method": method,
                 "pictures": count, "model says the target": rate, "seconds": round(seconds, 1)}
            )  # fmt: skip
    table("fit", rows)


if __name__ == "__main__":
    main()
