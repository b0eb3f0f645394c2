"""What the parts of a bundle of pictures learn from, and how good they became: for any pictures,
digits among them (:mod:`backends.training.digits`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from backends.bundles import Bundle
from backends.core import TargetModel
from backends.metrics.ssim import ssim
from backends.priors.bridge import BridgeSchedule
from backends.priors.pixel_diffusion import pixel_alphas
from backends.targets.named import target_model
from backends.training import losses
from backends.training.data import Split
from backends.training.fit import Loss
from backends.training.recipe import Learning

__all__ = [
    "accuracy", "agreement", "batches", "bits", "bridge", "denoiser", "density", "encoded",
    "ensemble", "field", "flow", "forget_encoded", "inversion", "learn_quantiles", "learn_scale",
    "log_density", "perceptual", "pixel_denoiser", "reconstruction", "standardise", "unit_latents",
    "velocity",
]  # fmt: skip

FIRST = 4000  # pictures that scales are taken from
AT_ONCE = 500
FIELD_DROPOUT = 0.1  # share of pictures whose condition is forgotten (Ho, Salimans 2022)


def batches(data: Split) -> Iterator[tuple[Tensor, Tensor]]:
    """All pictures in order, none mirrored."""
    plain = data.plain()
    for start in range(0, len(data), AT_ONCE):
        yield plain.batch(torch.arange(start, min(start + AT_ONCE, len(data))))


def accuracy(network: Any, test: Split, _bundle: Bundle | None) -> dict[str, float]:
    """How often a classifier gives a picture its label."""
    right = sum(int((network(x).argmax(1) == y).sum()) for x, y in batches(test))
    return {"test_accuracy": right / len(test)}


def reconstruction(network: Any, test: Split, bundle: Bundle | None) -> dict[str, float]:
    """Mean squared error, signal-to-noise ratio and SSIM of decode(encode(x)), and how often the
    bundle's model, if it is there, says of it what it says of x."""
    f = _model(bundle)
    errors, alike, same = [], [], []
    for x, _ in batches(test):
        rebuilt = network.decode(network.encode(x)).clamp(0, 1)
        errors.append((rebuilt - x).square().mean((1, 2, 3)))
        alike.append(ssim(x, rebuilt))
        if f is not None:
            same.append(f.logits(rebuilt).argmax(1) == f.logits(x).argmax(1))
    found = torch.cat(errors)
    told = {
        "test_mse": float(found.mean()), "test_psnr_db": float(-10 * found.log10().mean()),
        "test_ssim": float(torch.cat(alike).mean()),
    }  # fmt: skip
    return told | ({"test_same_verdict": float(torch.cat(same).float().mean())} if same else {})


@dataclass(frozen=True)
class Encoded:
    """Pictures as the autoencoder and the target model see them; with mirrored ones after the
    others, where a mirrored picture shows the same.

    :ivar mean: of q(z | x), [N, D]; ``deviation`` likewise.
    :ivar said: the target model's probabilities [N, K].
    :ivar labels: of the pictures, int64 [N].
    """

    mean: Tensor
    deviation: Tensor
    said: Tensor
    labels: Tensor


def encoded(data: Split, bundle: Bundle) -> Encoded:
    """Encode every picture; those that were encoded last are remembered, since several parts in
    turn learn from them."""
    name = bundle.named("autoencoder")
    models = bundle.fingerprint(name), bundle.fingerprint("classifier")
    key = (str(bundle.folder), models, data.pictures.data_ptr(), data.mirror)
    if _last.get("key") != key:
        _last.update(key=key, found=_encoded(data, bundle, name), data=data)
    found: Encoded = _last["found"]
    return found


_last: dict[str, Any] = {}


def forget_encoded() -> None:
    """Let go of the pictures that were encoded last, which may be a gigabyte."""
    _last.clear()


@torch.no_grad()
def _encoded(data: Split, bundle: Bundle, name: str) -> Encoded:
    device = data.labels.device
    encoder, f = bundle.part(name).to(device), target_model(bundle)
    said = torch.cat([f.probabilities(x).float() for x, _ in batches(data)])
    views = [data, data.flipped()] if data.mirror else [data]
    rows = [encoder.posterior(x) for view in views for x, _ in batches(view)]
    return Encoded(
        torch.cat([m for m, _ in rows]), torch.cat([(0.5 * v).exp() for _, v in rows]),
        said.repeat(len(views), 1), data.labels.repeat(len(views)),
    )  # fmt: skip


def velocity(data: Split, bundle: Bundle | None) -> tuple[Loss, int]:
    """CE-CFM on the latents, under the target model's probabilities."""
    assert bundle is not None
    found = encoded(data, bundle)
    return losses.velocity_loss(found.mean, found.said), len(found.mean)


def field(data: Split, bundle: Bundle | None) -> tuple[Loss, int]:
    """As :func:`velocity`, at times without a condition, so that it is a denoiser too."""
    assert bundle is not None
    found = encoded(data, bundle)
    loss = losses.velocity_loss(found.mean, found.said, dropout=FIELD_DROPOUT)
    return loss, len(found.mean)


def bridge(schedule: dict[str, Any]) -> Learning:
    """Inpainting bridges of random regions; ``schedule`` as BridgeSchedule takes it."""
    made = BridgeSchedule(**schedule)
    return lambda data, _: (losses.bridge_loss(data, made), len(data))


def flow(data: Split, _bundle: Bundle | None) -> tuple[Loss, int]:
    """Bits per dimension."""
    return losses.flow_loss(data), len(data)


def standardise(network: Any, data: Split, _bundle: Bundle | None) -> None:
    """The flow begins where every pixel has mean 0 and deviation 1."""
    x, _ = data.plain().batch(torch.arange(min(FIRST, len(data))))
    network.initialise(x, torch.rand(x.shape, generator=torch.Generator().manual_seed(0)).to(x))


def bits(network: Any, test: Split, _bundle: Bundle | None) -> dict[str, float]:
    """Bits per dimension and the greatest error of decode(encode(x)), over the test split."""
    generator = torch.Generator().manual_seed(0)
    found, error = [], 0.0
    for x, _ in batches(test):
        found.append(network(x, torch.rand(x.shape, generator=generator).to(x)))
        error = max(error, float((network.decode(network.encode(x)) - x).abs().max()))
    return {"test_bits_per_dimension": float(torch.cat(found).mean()), "greatest_error": error}


def unit_latents(network: Any, data: Split, _bundle: Bundle | None) -> None:
    """Let the latents have deviation 1."""
    x, _ = data.plain().batch(torch.arange(min(FIRST, len(data))))
    network.scale /= network.encode(x).std()


def perceptual(beta: float, lpips: float, verdict: float) -> Learning:
    """An autoencoder's error, with LPIPS where the bundle has that part, and with the change of
    the target model's verdict where that has gradients: an autoencoder that loses what the model
    looks at cannot explain it.

    :param beta: of the divergence from N(0, I), summed over the latent.
    :param lpips: share of LPIPS (AlexNet's, so that a laptop can follow it), as
        :func:`backends.training.losses.latent_autoencoder_loss` counts it.
    :param verdict: share of the verdict's change.
    """

    def learning(data: Split, bundle: Bundle | None) -> tuple[Loss, int]:
        distances = []
        if bundle is not None and bundle.problem(bundle.named("lpips")) is None:
            judge = bundle.part(bundle.named("lpips")).to(data.labels.device)
            distances.append((lpips, judge))
        f = _model(bundle)
        if f is not None and f.differentiable:
            distances.append((verdict, losses.verdict_change(f)))
        return losses.latent_autoencoder_loss(data, beta, distances), len(data)

    return learning


def _model(bundle: Bundle | None) -> TargetModel | None:
    there = bundle is not None and bundle.problem("classifier") is None
    return target_model(bundle) if bundle is not None and there else None


def density(data: Split, bundle: Bundle | None) -> tuple[Loss, int]:
    """Minus the log-density of posterior samples under their labels."""
    assert bundle is not None
    found = encoded(data, bundle)
    return losses.density_loss(found.mean, found.deviation, found.labels), len(found.mean)


def learn_scale(network: Any, data: Split, bundle: Bundle | None) -> None:
    """Standardise the density's latents."""
    assert bundle is not None
    network.learn_scale(encoded(data, bundle).mean)


def learn_quantiles(network: Any, test: Split, bundle: Bundle | None) -> None:
    """Let the density know how likely pictures that it has not seen are."""
    assert bundle is not None
    network.learn_quantiles(_latents(test, bundle), test.labels)


def log_density(network: Any, test: Split, bundle: Bundle | None) -> dict[str, float]:
    """Mean log-density of test latents under their own class and under the next one."""
    assert bundle is not None
    z = _latents(test, bundle)
    classes = len(bundle.manifest.class_names)
    own = network(z, test.labels).mean()
    other = network(z, (test.labels + 1) % classes).mean()
    return {"test_log_density": float(own), "test_log_density_other_class": float(other)}


def ensemble(data: Split, bundle: Bundle | None) -> tuple[Loss, int]:
    """Classifiers of latents that say what the target model says of the picture."""
    assert bundle is not None
    found = encoded(data, bundle)
    return losses.ensemble_loss(found.mean, found.said), len(found.mean)


def agreement(network: Any, test: Split, bundle: Bundle | None) -> dict[str, float]:
    """How often the ensemble says of a latent what the target model says of the picture."""
    assert bundle is not None
    found = _encoded(test, bundle, bundle.named("autoencoder"))
    same = network(found.mean).argmax(1) == found.said.argmax(1)
    return {"test_agreement": float(same.float().mean())}


def _latents(data: Split, bundle: Bundle) -> Tensor:
    encoder = bundle.part(bundle.named("autoencoder")).to(data.labels.device)
    return torch.cat([encoder.encode(x) for x, _ in batches(data)])


def denoiser(schedule: dict[str, Any]) -> Learning:
    """Noise in latents, under the pictures' labels."""

    def learning(data: Split, bundle: Bundle | None) -> tuple[Loss, int]:
        from backends.priors.latent_diffusion import latent_schedule  # diffusers takes seconds

        assert bundle is not None
        encoder = bundle.part(bundle.named("latent_autoencoder")).to(data.labels.device)
        with torch.no_grad():
            latents = torch.cat([encoder.encode(x) for x, _ in batches(data)])
        alphas = latent_schedule(**schedule).alphas_cumprod
        classes = len(bundle.manifest.class_names)
        return losses.denoiser_loss(latents, data.labels, alphas, classes), len(data)

    return learning


def pixel_denoiser(schedule: dict[str, Any]) -> Learning:
    """Noise in pictures."""

    def learning(data: Split, bundle: Bundle | None) -> tuple[Loss, int]:
        alphas = pixel_alphas(**schedule)  # loads diffusers, which takes seconds
        return losses.pixel_denoiser_loss(data, alphas), len(data)

    return learning


def inversion(network: Any, test: Split, _bundle: Bundle | None) -> dict[str, float]:
    """How near inverted test pictures come."""
    x, _ = test.batch(torch.arange(min(100, len(test))))
    error = F.mse_loss(network.decode(network.encode(x)), x)
    return {"test_inversion_mse": float(error)}
