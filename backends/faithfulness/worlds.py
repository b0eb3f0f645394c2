"""Worlds, each a bundle of a classifier and the methods' priors.

Planted: what a person has who does not know of a shortcut, all of it trained on the same pictures.
Clean: the same, of pictures in which the factor tells nothing of the class. Control: the planted
priors with the clean classifier, so that only the classifier differs from the planted world."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from backends import bundles
from backends.bundles import Bundle, Part
from backends.faithfulness.factors import Factor
from backends.faithfulness.shortcuts import CleanPictures, planted
from backends.training.digits import DIGITS
from backends.training.fit import FitProgress
from backends.training.pictures import forget_encoded
from backends.training.recipe import Cookbook, train_part

__all__ = ["CLEAN", "CONTROL", "PLANTED", "RETRAINED", "STEPS", "names", "place", "train"]

PLANTED, CONTROL, CLEAN = "planted", "control", "clean"
# Trained anew on the pictures with the factor, from the weights of clean digits. The others take
# minutes each, or an hour, and stay as they came: they never saw the factor planted.
RETRAINED = ("autoencoder", "density", "velocity", "latent_ensemble")
OF_THE_PICTURES = ("autoencoder", "density")
OF_THE_MODEL = ("velocity", "latent_ensemble")  # learn what the model says of pictures
STEPS = {
    "classifier": 400, "autoencoder": 250, "density": 80, "velocity": 800, "latent_ensemble": 200,
}  # fmt: skip
BATCH = 64
COMMAND = "python -m studio faithfulness"


def names(strengths: Sequence[float]) -> list[tuple[float, str]]:
    """(strength, role) of every world of a factor."""
    return [(s, role) for s in strengths for role in (PLANTED, CONTROL)] + [(0.0, CLEAN)]


def place(folder: Path, factor: str, strength: float, role: str) -> Path:
    """Where a world lies."""
    return folder / f"{factor}-{strength:g}-{role}"


def train(
    base: Bundle, factor: Factor, strengths: Sequence[float], pictures: CleanPictures, folder: Path,
    seed: int, steps: Mapping[str, int] = STEPS,
) -> Iterator[FitProgress]:  # fmt: skip
    """Train what is not there yet of a factor's worlds.

    :param base: the bundle of clean digits.
    :param strengths: correlations of the factor with the class.
    :param folder: for the worlds of all factors.
    :param steps: of each part's training.
    """
    book = _cookbook(base, steps, seed)
    clean = place(folder, factor.name, 0.0, CLEAN)
    for strength in (0.0, *strengths):
        data = planted(pictures.learnt, factor, strength, seed + 1)
        judged = planted(pictures.judged, factor, strength, seed + 2)
        whole = place(folder, factor.name, strength, PLANTED) if strength else clean
        try:
            yield from _trained(book, base, whole, data, judged, ["classifier", *RETRAINED])
            if strength:
                given = _linked(clean, ["classifier"]) | _linked(whole, list(OF_THE_PICTURES))
                control = place(folder, factor.name, strength, CONTROL)
                yield from _trained(book, base, control, data, judged, list(OF_THE_MODEL), given)
        finally:
            forget_encoded()


def _cookbook(base: Bundle, steps: Mapping[str, int], seed: int) -> Cookbook:
    """The digits' recipes, shortened, and without the arithmetic that differs between machines."""
    recipes = {}
    for name in ("classifier", *RETRAINED):
        recipe = DIGITS.recipes[name]
        plan = replace(
            recipe.plan, steps=steps[name], batch=BATCH, mixed=False, seed=recipe.plan.seed + seed
        )
        recipes[name] = replace(recipe, plan=plan)
    parts = {
        name: part.model_copy(update={"file": str(base.path(name).absolute())})
        for name, part in base.own.parts.items()
        if name not in recipes
    }
    manifest = base.own.model_copy(update={"parts": parts, "test": None, "examples": []})
    data = "digits with a planted factor; quality on others of them"
    return Cookbook(manifest, recipes, data, DIGITS.load)


def _trained(
    book: Cookbook, base: Bundle, folder: Path, data: object, test: object, names: list[str],
    given: Mapping[str, Part] | None = None,
) -> Iterator[FitProgress]:  # fmt: skip
    """Train the parts of a bundle that are not there yet."""
    if not (folder / bundles.MANIFEST).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        parts = book.manifest.parts | dict(given or {})
        bundles.write_manifest(folder, book.manifest.model_copy(update={"parts": parts}))

    for name in [n for n in names if n not in bundles.read_manifest(folder).parts]:
        begin = partial(_from_clean, base, name)
        yield from train_part(
            book, name, data, test, folder, torch.device("cpu"), COMMAND, begin
        )  # fmt: skip


def _from_clean(base: Bundle, name: str, network: nn.Module) -> None:
    """Let a prior begin as that of clean digits is; a classifier begins with nothing, or it would
    know the digits and have no need of a shortcut."""
    if name in RETRAINED:
        network.load_state_dict(base.part(name).state_dict())


def _linked(folder: Path, names: list[str]) -> dict[str, Part]:
    """Parts of another bundle, used from where they lie."""
    parts = bundles.read_manifest(folder).parts
    return {
        name: parts[name].model_copy(update={"file": str((folder / parts[name].file).absolute())})
        for name in names
    }
