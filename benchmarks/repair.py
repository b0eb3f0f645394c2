"""Mend models by their counterfactuals: a planted shortcut, and pictures that a model gets wrong.

python -m benchmarks.repair shortcut mistakes
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from backends import bundles
from backends.bundles import Bundle
from backends.compute import devices
from backends.faithfulness import repair
from backends.faithfulness.bench import SHORTER
from backends.faithfulness.factors import FACTORS, Factor
from backends.faithfulness.questions import span
from backends.faithfulness.shortcuts import (
    CleanPictures,
    effect,
    level_of,
    pictures,
    planted,
)
from backends.faithfulness.worlds import CLEAN, PLANTED, place, train
from backends.regions.spec import RegionSpec
from backends.service.regions import mask_of
from backends.targets.model import Classifier
from backends.training.data import Split
from benchmarks.digits import table

METHOD = "diffeomorphic_vae"  # quick, with a prior that saw the factor
ASKED, WATCHED, SEED = 200, 100, 0
TAUGHT = 25  # pictures of one kind that the last layer learns; as many others judge (LDCE, 5.1)
FOUND = 40  # mistakes that are explained


def world(models: Path, factor: str, clean: CleanPictures) -> Bundle:
    """The bundle whose classifier learnt a shortcut without exception; trained where it is not."""
    for at in train(bundles.get("digits"), FACTORS[factor], [1.0], clean, models, SEED):
        print(f"\r{factor} {at.step}/{at.total}    ", end="", flush=True)
    print("\r", end="")
    return bundles.get(str(place(models, factor, 1.0, PLANTED)))


def counter(data: Split, factor: str) -> Split:
    """Every picture with the factor at the level of the other classes."""
    x, y = data.batch(torch.arange(len(data)))
    x = FACTORS[factor].plant(x, -level_of(y))
    return Split((x * 255).round().byte(), y)


def shortcut(models: Path, clean: CleanPictures) -> list[dict[str, object]]:
    """Before, and after each round, for counterfactuals of the whole picture and of the mark's
    place; and a classifier that never saw a mark, which says what is left by chance."""
    rows: list[dict[str, object]] = []
    bundle, factor = world(models, "mark", clean), FACTORS["mark"]
    data = planted(clean.learnt, factor, 1.0, SEED + 1)
    asked = clean.learnt.first(ASKED)
    rest = Split(clean.learnt.pictures[ASKED:], clean.learnt.labels[ASKED:]).first(WATCHED)
    judged = clean.judged
    for region in ("whole", factor.region):
        mask = torch.ones(1, 1, 32, 32)
        if region != "whole":
            blank = np.zeros((32, 32), np.uint8)
            drawn = mask_of("digits", blank[..., None], RegionSpec.parse(region))
            mask = torch.from_numpy(drawn > 0).float()[None, None]
        for at in repair.mend(
            bundle, factor, data, asked, rest, METHOD, mask, SHORTER[METHOD], SEED
        ):
            rows.append(
                {"counterfactuals change": region, "round": at.round, "taught": at.taught}
                | reliance(at.network, factor, judged)
            )
    unplanted = bundles.get(str(place(models, "mark", 0.0, CLEAN))).part("classifier")
    rows.append(
        {"counterfactuals change": "never saw a mark", "round": 0, "taught": 0}
        | reliance(unplanted, factor, judged)
    )
    return rows


def reliance(network: nn.Module, factor: Factor, judged: Split) -> dict[str, object]:
    """How much a classifier relies on a factor, and how often it is right."""
    found = effect(Classifier(network, bundles.get("digits").own.class_names), judged, factor)
    return {
        "treatment effect": float(found.treatment.mean()),
        "labels switched": float(found.switched.float().mean()),
        "accuracy, shortcut holds": repair.accuracy(
            network, planted(judged, factor, 1.0, SEED + 2)
        ),
        "accuracy, shortcut reversed": repair.accuracy(network, counter(judged, factor.name)),
        "pictures": len(judged),
    }


def mistakes(models: Path, clean: CleanPictures, names: list[str]) -> list[dict[str, object]]:
    """What a model gets wrong, what its counterfactuals towards the true class change, and what 25
    pictures of that kind teach its last layer."""
    units = {name: span(factor, clean.learnt) for name, factor in FACTORS.items()}
    rows: list[dict[str, object]] = []
    for name in names:
        factor, bundle = FACTORS[name], world(models, name, clean)
        network = bundle.part("classifier")
        data = planted(clean.learnt, factor, 1.0, SEED + 1)
        # Pictures as they may come, with the factor at either level; the first half is looked at.
        first, apart = halves(clean.judged)
        seen = planted(first, factor, 0.0, SEED + 3)
        places, said = repair.mistakes(network, seen)
        x, y = seen.batch(places[:FOUND])
        images, flipped = repair.towards(
            bundle, network, x, y, METHOD, torch.ones_like(x), SHORTER[METHOD], SEED
        )
        kind, changes = repair.changed_most(x[flipped], images[flipped], y[flipped], units)
        for i, at in enumerate(places[:FOUND].tolist()):
            then = "convinced" if flipped[i] else "not convinced"
            print(f"{name}, picture {at}: {y[i]}, called {said[i]}; {then} by its counterfactual")
        # Pictures of that kind: the level that the mistakes had, which the answers took away. Those
        # that teach were not judged by, and the others taught nothing.
        lessons = counter(clean.learnt.first(TAUGHT), kind)
        tests = counter(apart, kind)
        mended = repair.retaught(
            network, repair.joined(data, lessons, even=True), 200, SEED, last_layer=True
        )
        usual = planted(apart, factor, 1.0, SEED + 4)
        rows.append({
            "the model relies on": name, "mistakes": len(places), "explained": int(flipped.sum()),
            "the answers change most": kind,
            "by (levels)": float(changes[kind].nanmean()),
            "error on that kind": 1 - repair.accuracy(network, tests),
            "after": 1 - repair.accuracy(mended, tests),
            "error on usual pictures": 1 - repair.accuracy(network, usual),
            "after it": 1 - repair.accuracy(mended, usual),
            "pictures": len(apart),
        })  # fmt: skip
    return rows


def halves(data: Split) -> tuple[Split, Split]:
    """The first and the second half."""
    half = len(data) // 2
    return data.first(half), Split(data.pictures[half:], data.labels[half:])


def main() -> None:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="+", choices=["shortcut", "mistakes"])
    parser.add_argument("--data", help="folder with MNIST's idx files; else the bundle's pictures")
    parser.add_argument("--models", type=Path, help="where models are, or are to be, kept")
    parser.add_argument("--factors", nargs="+", default=[*FACTORS], choices=[*FACTORS])
    options = parser.parse_args()
    torch.set_num_threads(1)
    devices.use("cpu")
    clean = pictures(bundles.get("digits"), options.data, SEED)
    with tempfile.TemporaryDirectory() as scratch:
        models = options.models or Path(scratch)
        if "shortcut" in options.what:
            table("repair_shortcut", shortcut(models, clean))
        if "mistakes" in options.what:
            table("repair_mistakes", mistakes(models, clean, options.factors))


if __name__ == "__main__":
    main()
