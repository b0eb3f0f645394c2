"""The digits bundle's recipe: what is trained on MNIST, in which order, and how it is judged."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from backends import bundles
from backends.metrics import morphometry
from backends.priors.gan import Adversaries, Discriminator
from backends.targets.named import target_model
from backends.training import losses, pictures
from backends.training.data import Split, load_mnist
from backends.training.digit_pictures import write_examples, write_test
from backends.training.fit import FitPlan, Loss
from backends.training.recipe import Cookbook, Recipe, held_out

__all__ = ["DIGITS", "EXAMPLES"]

SIZE, LATENT = 32, 32
MEASURED = 4000  # pictures whose strokes are measured, some 30 ms each
CLASSES = [str(digit) for digit in range(10)]
EXAMPLES = "examples"  # beside the parts: pictures of the test split to begin with
TEST = "test"  # beside the parts: the first pictures of the test split, to measure with offline
MANIFEST = bundles.Manifest(
    name="digits",
    title="Handwritten digits",
    description="MNIST digits, 28x28 padded to 32x32 grey pixels, white ink on black.",
    image_size=SIZE,
    channels=1,
    class_names=CLASSES,
    preparation="digit",
    recipe="digits",
    licence="weights Apache-2.0; pictures from MNIST (LeCun, Cortes, Burges), CC BY-SA 3.0",
)


def _thickness(data: Split) -> Tensor:
    """Mean stroke thickness of the first pictures, in pixels (Morpho-MNIST)."""
    chosen = data.pictures[:MEASURED, 0].cpu().numpy()
    measured = [morphometry.measure(picture).thickness for picture in chosen]
    return torch.tensor(measured, dtype=torch.float32, device=data.labels.device)


def _regressor(data: Split, _bundle: bundles.Bundle | None) -> tuple[Loss, int]:
    measured = _thickness(data)
    return losses.regression_loss(data, measured), len(measured)


def _regression_error(
    network: Any, test: Split, _bundle: bundles.Bundle | None
) -> dict[str, float]:
    measured = _thickness(Split(test.pictures[:1000], test.labels[:1000]))
    x, _labels = test.batch(torch.arange(1000))
    error = network(x).flatten() - measured
    explained = 1 - error.square().mean() / measured.var()
    return {"test_mean_absolute_error": float(error.abs().mean()), "test_r2": float(explained)}


def _stroke(network: Any, test: Split) -> bundles.Property:
    values = torch.cat([network(x).flatten() for x, _ in pictures.batches(test)])
    at = values.quantile(torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95], device=values.device))
    suggested = [round(float(value), 1) for value in at]
    return bundles.Property(title="stroke thickness", unit="pixels", suggested=suggested)


def _rebuilding(network: Any, test: Split, _bundle: bundles.Bundle | None) -> dict[str, float]:
    """Mean squared error of the pictures' own class, of another one, and of all classes."""
    errors = {"own": 0.0, "other": 0.0, "shared": 0.0}
    for x, y in pictures.batches(test):
        for name, classes in (("own", y), ("other", (y + 1) % len(CLASSES)), ("shared", None)):
            errors[name] += float((network.rebuilt(x, classes) - x).square().mean()) * len(x)
    return {f"test_mse_{name}": error / len(test) for name, error in errors.items()}


def _exchanging(network: Any, test: Split, bundle: bundles.Bundle | None) -> dict[str, float]:
    """Mean squared error of pictures decoded as their own class, and how often the bundle's model,
    if it is there, says that they are another class where they are decoded as it."""
    there = bundle is not None and bundle.problem("classifier") is None
    f = target_model(bundle) if bundle is not None and there else None
    error, taken = 0.0, 0
    for x, y in pictures.batches(test):
        other = (y + 1) % len(CLASSES)
        own_class, other_class = (F.one_hot(c, len(CLASSES)).to(x) for c in (y, other))
        z = network.encode(x, own_class)
        error += float((network.decode(z, own_class) - x).square().mean()) * len(x)
        if f is not None:
            taken += int((f.logits(network.decode(z, other_class)).argmax(1) == other).sum())
    told = {"test_mse": error / len(test)}
    return told | ({"test_other_class_taken": taken / len(test)} if f is not None else {})


BRIDGE = pictures.bridge({})
DENOISER = pictures.denoiser({})
PIXEL_DENOISER = pictures.pixel_denoiser({})
PARTS = {
    "classifier": Recipe(
        "conv_classifier",
        {"channels": 1, "size": SIZE, "classes": 10},
        FitPlan(steps=4200, batch=128, learning_rate=2e-3, seed=1),
        lambda data, _: (losses.classifier_loss(data, jitter=False), len(data)),
        pictures.accuracy,
    ),
    "oracle": Recipe(
        "residual_classifier",
        {"channels": 1, "classes": 10},
        FitPlan(steps=5600, batch=128, learning_rate=3e-3, seed=2),
        lambda data, _: (losses.classifier_loss(data, jitter=True), len(data)),
        pictures.accuracy,
    ),
    "autoencoder": Recipe(
        "autoencoder",
        {"channels": 1, "size": SIZE, "latent": LATENT, "widths": [32, 64, 128]},
        FitPlan(steps=7000, batch=256, learning_rate=3e-3, weight_decay=1e-4, seed=3),
        lambda data, _: (losses.autoencoder_loss(data, beta=2.5e-4), len(data)),
        pictures.reconstruction,
    ),
    "velocity": Recipe(
        "velocity_field",
        {"latent": LATENT, "classes": 10, "width": 256, "depth": 4},
        FitPlan(steps=24000, batch=512, learning_rate=1e-3, weight_decay=1e-2, seed=4, mixed=False),
        pictures.velocity,
        held_out(pictures.velocity),
        after=("classifier", "autoencoder"),
    ),
    "bridge": Recipe(
        "folded_unet",
        {"channels": 1, "size": SIZE, "widths": [64, 80, 96]},
        FitPlan(steps=14000, batch=64, learning_rate=1e-3, seed=5),
        BRIDGE,
        held_out(BRIDGE),
    ),
    "flow": Recipe(
        "pixel_flow",
        {"channels": 1, "size": SIZE, "margin": 2, "widths": [32, 80], "depths": [8, 6]},
        FitPlan(steps=7500, batch=64, learning_rate=2e-3, weight_decay=1e-4, seed=6, mixed=False),
        pictures.flow,
        pictures.bits,
        begin=pictures.standardise,
    ),
    "latent_autoencoder": Recipe(
        "latent_autoencoder",
        {"channels": 1, "latent": 4, "widths": [32, 48]},
        FitPlan(steps=3000, batch=64, learning_rate=2e-3, weight_decay=1e-4, seed=7, mixed=False),
        lambda data, _: (
            losses.latent_autoencoder_loss(data, 2e-5, [(1.0, losses.dissimilarity)]),
            len(data),
        ),
        pictures.reconstruction,
        end=pictures.unit_latents,
    ),
    "denoiser": Recipe(
        "class_denoiser",
        {"latent": 4, "size": 8, "classes": 10, "widths": [64, 96]},
        FitPlan(steps=3600, batch=128, learning_rate=2e-3, weight_decay=1e-4, seed=8, mixed=False),
        DENOISER,
        held_out(DENOISER),
        after=("latent_autoencoder",),
    ),
    "density": Recipe(
        "conditional_density",
        {"latent": LATENT, "classes": 10},
        FitPlan(steps=2500, batch=512, learning_rate=2e-3, weight_decay=1e-3, seed=9, mixed=False),
        pictures.density,
        pictures.log_density,
        after=("autoencoder",),
        begin=pictures.learn_scale,
        end=pictures.learn_quantiles,
    ),
    "pixel_denoiser": Recipe(
        "folded_unet",
        {"channels": 1, "size": SIZE, "widths": [32, 64, 96]},
        FitPlan(steps=5000, batch=64, learning_rate=1e-3, seed=10, mixed=False),
        PIXEL_DENOISER,
        held_out(PIXEL_DENOISER),
    ),
    "latent_ensemble": Recipe(
        "latent_ensemble",
        {"latent": LATENT, "classes": 10},
        FitPlan(steps=3000, batch=256, learning_rate=2e-3, weight_decay=1e-2, seed=11, mixed=False),
        pictures.ensemble,
        pictures.agreement,
        after=("classifier", "autoencoder"),
    ),
    "thickness": Recipe(
        "conv_classifier",
        {"channels": 1, "size": SIZE, "classes": 1},
        FitPlan(steps=2000, batch=128, learning_rate=2e-3, seed=13, mixed=False),
        _regressor,
        _regression_error,
        measures=_stroke,
    ),
    "class_autoencoders": Recipe(
        "class_autoencoders",
        {"channels": 1, "size": SIZE, "classes": 10, "width": 32, "latent": 16},
        FitPlan(steps=4000, batch=128, learning_rate=3e-3, weight_decay=0.0, seed=14, mixed=False),
        lambda data, _: (losses.class_autoencoders_loss(data), len(data)),
        _rebuilding,
    ),
    "conditional_autoencoder": Recipe(
        "conditional_autoencoder",
        {"channels": 1, "size": SIZE, "latent": LATENT, "widths": [16, 32, 64], "classes": 10},
        FitPlan(steps=3000, batch=128, learning_rate=3e-3, weight_decay=1e-4, seed=15, mixed=False),
        lambda data, _: (
            # Of 2.5e-4, 5e-4 and 1e-3 the one whose exchanged pictures the model takes most often
            # for the other class: .68, .95, .99 of 5 000 training pictures left out for that.
            losses.conditional_autoencoder_loss(data, len(CLASSES), beta=1e-3),
            len(data),
        ),
        _exchanging,
    ),
    "gan": Recipe(
        "generator",
        {"channels": 1, "latent": 64, "widths": [128, 96, 48]},
        FitPlan(
            steps=6000,
            batch=64,
            learning_rate=4e-4,
            weight_decay=1e-4,
            momentum=0.5,
            average=0.998,
            seed=12,
            mixed=False,
        ),
        lambda data, _: (losses.adversarial_loss(data, 64), len(data)),
        pictures.inversion,
        trainee=lambda network: Adversaries(network, Discriminator(1, [48, 96, 128, 128])),
    ),
}


def _load(source: str, device: torch.device) -> tuple[Split, Split]:
    train, test = (load_mnist(source, split).to(device) for split in ("train", "test"))
    return train, test


DIGITS = Cookbook(
    manifest=MANIFEST,
    recipes=PARTS,
    data="MNIST, 60 000 training pictures; quality on the 10 000 test pictures",
    load=_load,
    extras={EXAMPLES: partial(write_examples, MANIFEST), TEST: partial(write_test, MANIFEST)},
)
