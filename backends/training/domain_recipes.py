"""Recipes for the parts of anybody's pictures, in three sizes: what `studio train NAME` trains.

One autoencoder and one flow on its latents serve three methods: LeapFactual, PLACE and LDCE
(:mod:`backends.priors.latent_field`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from backends.bundles import Manifest
from backends.training import losses, pictures
from backends.training.fit import FitPlan
from backends.training.recipe import Cookbook, Recipe, held_out
from backends.training.stored import load

__all__ = ["ENOUGH", "PICTURES", "SHARES", "SIDES", "WIDTHS", "Size", "cookbook", "step_cost"]

Size = Literal["small", "medium", "large"]
SIDES = (32, 48, 64, 96, 128)  # pixels
MANY = 10**6  # steps: the clock ends a training, not their number
VARIANCE = 0.001  # of what an autoencoder may leave out of a pixel
LPIPS_SHARE, VERDICT_SHARE = 0.3, 0.5  # of the squared error's gradient


WIDTHS: dict[str, dict[Size, list[int]]] = {
    "latent_autoencoder": {"small": [32, 64], "medium": [48, 96], "large": [64, 128]},
    "velocity": {"small": [64, 96], "medium": [80, 128], "large": [96, 160]},
    "bridge": {"small": [48, 64, 80], "medium": [64, 80, 96], "large": [64, 96, 128]},
    "flow": {"small": [32, 64], "medium": [40, 80], "large": [48, 96]},
}
# Of a training of all parts; classifier and oracle are trained before.
SHARES = {
    "classifier": 0.2, "oracle": 0.2, "latent_autoencoder": 0.24, "velocity": 0.34, "bridge": 0.24,
    "flow": 0.1, "density": 0.05, "latent_ensemble": 0.03,
}  # fmt: skip
# Steps below which a smaller network is better.
ENOUGH = {"latent_autoencoder": 3000, "velocity": 5000, "bridge": 4000, "flow": 3000}


def _halvings(size: int) -> int:
    """How often the autoencoder halves a picture that is folded to blocks of 2 pixels."""
    return {32: 1, 48: 1, 64: 2, 96: 2, 128: 3}[size]


def _depth(size: int, channels: int) -> int:
    """Channels of the latents."""
    if size < 64:
        return 4 if channels == 1 else 16
    return 16 if channels == 1 else 32


def _levels(widths: list[int], count: int) -> list[int]:
    """``count`` widths from the first to the last."""
    first, last = widths
    return [8 * round((first + (last - first) * i / max(count - 1, 1)) / 8) for i in range(count)]


def cookbook(
    manifest: Manifest, sizes: Mapping[str, Size], seconds: Mapping[str, float]
) -> Cookbook:
    """Make the recipes of a bundle of pictures.

    :param sizes: of the networks, by part; large where none is said.
    :param seconds: how long each part may train, by part; no limit where none is said.
    """
    size, channels, classes = manifest.image_size, manifest.channels, len(manifest.class_names)
    levels, fold = _halvings(size) + 1, 2 if size < 64 else size // 16
    # A third to a sixth of the numbers of a picture: with fewer, a classifier of photographs does
    # not recognise what comes back (of CIFAR-10 with a twelfth .35 of the pictures).
    side, depth = size >> levels, _depth(size, channels)
    latent = depth * side * side

    def widths(part: str) -> list[int]:
        return WIDTHS[part][sizes.get(part, "large")]

    def plan(part: str, batch: int, rate: float, seed: int, **more: Any) -> FitPlan:
        return FitPlan(
            steps=MANY,
            batch=batch,
            learning_rate=rate,
            seed=seed,
            seconds=seconds.get(part),
            **more,
        )

    field = {"latent": depth, "size": side, "classes": classes, "widths": widths("velocity")}
    bridge = pictures.bridge({})
    recipes = {
        "classifier": Recipe(
            "conv_classifier",
            {"channels": channels, "size": size, "classes": classes, "width": 48},
            plan("classifier", 64, 2e-3, 1),
            lambda data, _: (losses.classifier_loss(data, jitter=True), len(data)),
            pictures.accuracy,
        ),
        "oracle": Recipe(
            "residual_classifier", {"channels": channels, "classes": classes},
            plan("oracle", 64, 3e-3, 2),
            lambda data, _: (losses.classifier_loss(data, jitter=True), len(data)),
            pictures.accuracy,
        ),
        "latent_autoencoder": Recipe(
            "latent_autoencoder",
            {
                "channels": channels, "latent": depth, "fold": 2,
                "widths": _levels(widths("latent_autoencoder"), levels),
            },
            plan("latent_autoencoder", 64, 1e-3, 3, weight_decay=1e-4, average=0.998),
            pictures.perceptual(
                2 * VARIANCE / (channels * size * size), LPIPS_SHARE, VERDICT_SHARE
            ),
            pictures.reconstruction,
            end=pictures.unit_latents,
            also={"autoencoder": "flat_autoencoder"},
        ),
        "velocity": Recipe(
            "latent_field", field,
            plan("velocity", 128, 1e-3, 4, weight_decay=1e-3),
            pictures.field, held_out(pictures.field),
            after=("classifier", "autoencoder"),
            also={"denoiser": "field_denoiser"},
        ),
        "bridge": Recipe(
            "folded_unet",
            {"channels": channels, "size": size, "widths": widths("bridge"), "fold": fold},
            plan("bridge", 64, 1e-3, 5),
            bridge, held_out(bridge),
        ),
        "flow": Recipe(
            "pixel_flow",
            {
                "channels": channels, "size": size, "margin": 0, "widths": widths("flow"),
                "depths": [8, 6],
            },
            plan("flow", 64, 1e-3, 6, weight_decay=1e-4, mixed=False),
            pictures.flow, pictures.bits, begin=pictures.standardise,
        ),
        "density": Recipe(
            "conditional_density",
            {
                "latent": latent, "classes": classes, "kind": "affine", "width": 256,
                "transforms": 3,
            },
            plan("density", 256, 1e-3, 9, weight_decay=1e-3, mixed=False),
            pictures.density, pictures.log_density,
            after=("autoencoder",),
            begin=pictures.learn_scale, end=pictures.learn_quantiles,
        ),
        "latent_ensemble": Recipe(
            "latent_ensemble", {"latent": latent, "classes": classes},
            plan("latent_ensemble", 256, 2e-3, 11, mixed=False),
            pictures.ensemble, pictures.agreement,
            after=("classifier", "autoencoder"),
        ),
    }  # fmt: skip
    given = [name for name, part in manifest.parts.items() if part.trained is None]
    recipes = {name: recipe for name, recipe in recipes.items() if name not in given}
    return Cookbook(manifest, recipes, f"pictures of {manifest.name}", load, half=True)


def step_cost(recipe: Recipe, size: int, channels: int) -> Callable[[nn.Module], Tensor]:
    """Return a training step's work on random pictures, for a clock to measure: a function of the
    recipe's network, whose result has gradients."""
    count, arguments = recipe.plan.batch, recipe.arguments
    x = torch.rand(count, channels, size, size)
    if recipe.architecture == "latent_autoencoder":
        return lambda network: network(x)[0].square().mean()
    if recipe.architecture == "latent_field":
        z = torch.randn(count, arguments["latent"] * arguments["size"] ** 2)
        c = torch.rand(count, arguments["classes"])
        return lambda network: network(torch.rand(count), z, c).square().mean()
    if recipe.architecture == "folded_unet":
        return lambda network: network(x, torch.rand(count)).square().mean()
    return lambda network: network(x, torch.rand_like(x)).mean()  # the flow


PICTURES = cookbook(
    Manifest(
        name="pictures", title="", description="", image_size=32, channels=3, class_names=[],
        licence="", recipe="pictures",
    ),
    {}, {},
)  # fmt: skip
