"""The digits bundle's recipe: what is trained on MNIST, in which order, and how it is judged."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from backends import bundles
from backends.metrics import morphometry
from backends.priors.bridge import BridgeSchedule
from backends.priors.gan import Adversaries, Discriminator
from backends.priors.pixel_diffusion import pixel_alphas
from backends.training import losses
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
    licence="weights Apache-2.0; pictures from MNIST (LeCun, Cortes, Burges), CC BY-SA 3.0",
)


def _batches(data: Split) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, len(data), 500):
        yield data.batch(torch.arange(start, min(start + 500, len(data))))


def _accuracy(network: nn.Module, test: Split, _: bundles.Bundle | None) -> dict[str, float]:
    right = sum(int((network(x).argmax(1) == y).sum()) for x, y in _batches(test))
    return {"test_accuracy": right / len(test)}


def _reconstruction(network: nn.Module, test: Split, _: bundles.Bundle | None) -> dict[str, float]:
    errors = torch.cat(
        [
            (network.decode(network.encode(x)) - x).square().mean((1, 2, 3))
            for x, _ in _batches(test)
        ]
    )
    return {"test_mse": float(errors.mean()), "test_psnr_db": float(-10 * errors.log10().mean())}


def _encoded(data: Split, bundle: bundles.Bundle) -> tuple[Tensor, Tensor]:
    """Latents and the target model's own probabilities of every picture."""
    device = data.labels.device
    encoder, target = bundle.part("autoencoder").to(device), bundle.part("classifier").to(device)
    rows = [(encoder.encode(x), target(x).softmax(1)) for x, _ in _batches(data)]
    return torch.cat([z for z, _ in rows]), torch.cat([c for _, c in rows])


def _velocity(data: Split, bundle: bundles.Bundle | None) -> tuple[Loss, int]:
    assert bundle is not None
    with torch.no_grad():
        latents, conditions = _encoded(data, bundle)
    return losses.velocity_loss(latents, conditions), len(latents)


def _schedule(part: str) -> dict[str, Any]:
    """The noise schedule that a recipe's network is made with, where it is not the usual one."""
    return PARTS[part].arguments.get("schedule", {})


def _bridge(data: Split, _: bundles.Bundle | None) -> tuple[Loss, int]:
    return losses.bridge_loss(data, BridgeSchedule(**_schedule("bridge"))), len(data)


def _flow(data: Split, _: bundles.Bundle | None) -> tuple[Loss, int]:
    return losses.flow_loss(data), len(data)


def _standardise(network: nn.Module, data: Split, _: bundles.Bundle | None) -> None:
    """The flow begins where every pixel has mean 0 and deviation 1."""
    x, _ = data.batch(torch.arange(min(4000, len(data))))
    network.initialise(x, torch.rand(x.shape, generator=torch.Generator().manual_seed(0)).to(x))


def _bits(network: nn.Module, test: Split, _: bundles.Bundle | None) -> dict[str, float]:
    """Bits per dimension and the greatest error of decode(encode(x)), over the test split."""
    generator = torch.Generator().manual_seed(0)
    bits, error = [], 0.0
    for x, _ in _batches(test):
        bits.append(network(x, torch.rand(x.shape, generator=generator).to(x)))
        error = max(error, float((network.decode(network.encode(x)) - x).abs().max()))
    return {"test_bits_per_dimension": float(torch.cat(bits).mean()), "greatest_error": error}


def _unit_latents(network: nn.Module, data: Split, _: bundles.Bundle | None) -> None:
    """Let the latents have deviation 1."""
    x, _ = data.batch(torch.arange(min(4000, len(data))))
    network.scale /= network.encode(x).std()


def _posteriors(data: Split, bundle: bundles.Bundle) -> tuple[Tensor, Tensor]:
    """Mean and deviation of q(z | x) of every picture."""
    encoder = bundle.part("autoencoder").to(data.labels.device)
    rows = [encoder.posterior(x) for x, _ in _batches(data)]
    return torch.cat([m for m, _ in rows]), torch.cat([(0.5 * v).exp() for _, v in rows])


def _density(data: Split, bundle: bundles.Bundle | None) -> tuple[Loss, int]:
    assert bundle is not None
    with torch.no_grad():
        mean, deviation = _posteriors(data, bundle)
    return losses.density_loss(mean, deviation, data.labels), len(data)


def _learn_scale(network: nn.Module, data: Split, bundle: bundles.Bundle | None) -> None:
    assert bundle is not None
    network.learn_scale(_posteriors(data, bundle)[0])


def _learn_quantiles(network: nn.Module, test: Split, bundle: bundles.Bundle | None) -> None:
    assert bundle is not None
    network.learn_quantiles(_posteriors(test, bundle)[0], test.labels)


def _log_density(
    network: nn.Module, test: Split, bundle: bundles.Bundle | None
) -> dict[str, float]:
    """Mean log-density of test latents under their own class and under the next one."""
    assert bundle is not None
    z, _ = _posteriors(test, bundle)
    own = network(z, test.labels).mean()
    other = network(z, (test.labels + 1) % len(CLASSES)).mean()
    return {"test_log_density": float(own), "test_log_density_other_class": float(other)}


def _ensemble(data: Split, bundle: bundles.Bundle | None) -> tuple[Loss, int]:
    assert bundle is not None
    with torch.no_grad():
        latents, probabilities = _encoded(data, bundle)
    return losses.ensemble_loss(latents, probabilities), len(data)


def _agreement(network: nn.Module, test: Split, bundle: bundles.Bundle | None) -> dict[str, float]:
    """How often the ensemble says of a latent what the target model says of the picture."""
    assert bundle is not None
    z, p = _encoded(test, bundle)
    return {"test_agreement": float((network(z).argmax(1) == p.argmax(1)).float().mean())}


def _denoiser(data: Split, bundle: bundles.Bundle | None) -> tuple[Loss, int]:
    from backends.priors.latent_diffusion import latent_schedule  # diffusers takes seconds

    assert bundle is not None
    encoder = bundle.part("latent_autoencoder").to(data.labels.device)
    with torch.no_grad():
        latents = torch.cat([encoder.encode(x) for x, _ in _batches(data)])
    alphas = latent_schedule(**_schedule("denoiser")).alphas_cumprod
    return losses.denoiser_loss(latents, data.labels, alphas, len(CLASSES)), len(data)


def _pixel_denoiser(data: Split, _: bundles.Bundle | None) -> tuple[Loss, int]:
    return losses.pixel_denoiser_loss(data, pixel_alphas(**_schedule("pixel_denoiser"))), len(data)


def _thickness(data: Split) -> Tensor:
    """Mean stroke thickness of the first pictures, in pixels (Morpho-MNIST)."""
    chosen = data.pictures[:MEASURED, 0].cpu().numpy()
    measured = [morphometry.measure(picture).thickness for picture in chosen]
    return torch.tensor(measured, dtype=torch.float32, device=data.labels.device)


def _regressor(data: Split, _: bundles.Bundle | None) -> tuple[Loss, int]:
    measured = _thickness(data)
    return losses.regression_loss(data, measured), len(measured)


def _regression_error(
    network: nn.Module, test: Split, _: bundles.Bundle | None
) -> dict[str, float]:
    measured = _thickness(Split(test.pictures[:1000], test.labels[:1000]))
    x, _labels = test.batch(torch.arange(1000))
    error = network(x).flatten() - measured
    explained = 1 - error.square().mean() / measured.var()
    return {"test_mean_absolute_error": float(error.abs().mean()), "test_r2": float(explained)}


def _stroke(network: nn.Module, test: Split) -> bundles.Property:
    values = torch.cat([network(x).flatten() for x, _ in _batches(test)])
    at = values.quantile(torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95], device=values.device))
    suggested = [round(float(value), 1) for value in at]
    return bundles.Property(title="stroke thickness", unit="pixels", suggested=suggested)


def _inversion(network: nn.Module, test: Split, _: bundles.Bundle | None) -> dict[str, float]:
    """How near inverted test pictures come."""
    x, _ = test.batch(torch.arange(100))
    error = (network.decode(network.encode(x)) - x).square().mean()
    return {"test_inversion_mse": float(error)}


PARTS = {
    "classifier": Recipe(
        "conv_classifier",
        {"channels": 1, "size": SIZE, "classes": 10},
        FitPlan(steps=4200, batch=128, learning_rate=2e-3, seed=1),
        lambda data, _: (losses.classifier_loss(data, jitter=False), len(data)),
        _accuracy,
    ),
    "oracle": Recipe(
        "residual_classifier",
        {"channels": 1, "classes": 10},
        FitPlan(steps=5600, batch=128, learning_rate=3e-3, seed=2),
        lambda data, _: (losses.classifier_loss(data, jitter=True), len(data)),
        _accuracy,
    ),
    "autoencoder": Recipe(
        "autoencoder",
        {"channels": 1, "size": SIZE, "latent": LATENT, "widths": [32, 64, 128]},
        FitPlan(steps=7000, batch=256, learning_rate=3e-3, weight_decay=1e-4, seed=3),
        lambda data, _: (losses.autoencoder_loss(data, beta=2.5e-4), len(data)),
        _reconstruction,
    ),
    "velocity": Recipe(
        "velocity_field",
        {"latent": LATENT, "classes": 10, "width": 256, "depth": 4},
        FitPlan(steps=24000, batch=512, learning_rate=1e-3, weight_decay=1e-2, seed=4, mixed=False),
        _velocity,
        held_out(_velocity),
        after=("classifier", "autoencoder"),
    ),
    "bridge": Recipe(
        "folded_unet",
        {"channels": 1, "size": SIZE, "widths": [64, 80, 96]},
        FitPlan(steps=14000, batch=64, learning_rate=1e-3, seed=5),
        _bridge,
        held_out(_bridge),
    ),
    "flow": Recipe(
        "pixel_flow",
        {"channels": 1, "size": SIZE, "margin": 2, "widths": [32, 80], "depths": [8, 6]},
        FitPlan(steps=7500, batch=64, learning_rate=2e-3, weight_decay=1e-4, seed=6, mixed=False),
        _flow,
        _bits,
        begin=_standardise,
    ),
    "latent_autoencoder": Recipe(
        "latent_autoencoder",
        {"channels": 1, "latent": 4, "widths": [32, 48]},
        FitPlan(steps=3000, batch=64, learning_rate=2e-3, weight_decay=1e-4, seed=7, mixed=False),
        lambda data, _: (losses.latent_autoencoder_loss(data, beta=2e-5), len(data)),
        _reconstruction,
        end=_unit_latents,
    ),
    "denoiser": Recipe(
        "class_denoiser",
        {"latent": 4, "size": 8, "classes": 10, "widths": [64, 96]},
        FitPlan(steps=3600, batch=128, learning_rate=2e-3, weight_decay=1e-4, seed=8, mixed=False),
        _denoiser,
        held_out(_denoiser),
        after=("latent_autoencoder",),
    ),
    "density": Recipe(
        "conditional_density",
        {"latent": LATENT, "classes": 10},
        FitPlan(steps=2500, batch=512, learning_rate=2e-3, weight_decay=1e-3, seed=9, mixed=False),
        _density,
        _log_density,
        after=("autoencoder",),
        begin=_learn_scale,
        end=_learn_quantiles,
    ),
    "pixel_denoiser": Recipe(
        "folded_unet",
        {"channels": 1, "size": SIZE, "widths": [32, 64, 96]},
        FitPlan(steps=5000, batch=64, learning_rate=1e-3, seed=10, mixed=False),
        _pixel_denoiser,
        held_out(_pixel_denoiser),
    ),
    "latent_ensemble": Recipe(
        "latent_ensemble",
        {"latent": LATENT, "classes": 10},
        FitPlan(steps=3000, batch=256, learning_rate=2e-3, weight_decay=1e-2, seed=11, mixed=False),
        _ensemble,
        _agreement,
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
        _inversion,
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
