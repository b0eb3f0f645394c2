"""Pictures of a bundle's domain: a person's own as its models see it, drawn ones, and what a
target model says of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from backends import bundles, imaging
from backends.bundles import Bundle, latent_cache
from backends.compute.finite import finite
from backends.compute.oom import guarded
from backends.core import Placement, Prediction
from backends.errors import BadInput
from backends.priors.core import Prior
from backends.targets import added, reference

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "add_model",
    "draw",
    "known_latent",
    "place",
    "predict",
    "prepare",
    "prepared",
    "require_known",
    "sample",
    "spectrum",
]


def prepare(name: str, picture: Image.Image) -> np.ndarray:
    """A person's picture as the bundle's models see it, uint8 [H, W, C]."""
    return place(name, picture)[0]


def place(name: str, picture: Image.Image, orientation: int = 0) -> tuple[np.ndarray, Placement]:
    """A person's picture as the bundle's models see it, uint8 [H, W, C], and where that lies in it.

    :param orientation: EXIF's, by which the file's pixels were turned upright.
    """
    found = bundles.get(name)
    seen, placement = prepared(found, picture, found.generator)
    return seen, replace(placement, orientation=orientation)


def prepared(
    found: Bundle, picture: Image.Image, generator: str | None
) -> tuple[np.ndarray, Placement]:
    """The picture as the bundle's manifest asks, as :func:`place`.

    :param generator: the part that draws the bundle's pictures, if it is here.
    :raises BadInput: the picture shows nothing that the models know.
    """
    manifest = found.manifest
    side = manifest.image_size
    if manifest.preparation == "digit":
        seen, lies = imaging.placed_digit(picture, side)
    elif manifest.preparation == "portrait":
        drawn = generator is not None and _drawn(found, picture, generator)
        lies = imaging.whole(picture.size)
        seen, lies = (picture, lies) if drawn else _portrait(found, picture)
    else:
        return imaging.fitted(manifest.preparation, picture, side, manifest.channels)
    return np.asarray(seen).reshape(side, side, manifest.channels), lies


def _drawn(found: Bundle, picture: Image.Image, generator: str) -> bool:
    """Whether the generator drew exactly this picture, or its latent was found: it is aligned
    then, and a resampled copy would have to be searched again."""
    size = found.manifest.image_size
    if picture.mode != "RGB" or picture.size != (size, size):
        return False
    return latent_cache.recall(found.fingerprint(generator), np.asarray(picture)) is not None


def _portrait(found: Bundle, picture: Image.Image) -> tuple[Image.Image, Placement]:
    from backends.faces import alignment

    parser = found.part(found.named("parser"))
    device = next(parser.parameters()).device
    size = found.manifest.image_size
    return alignment.placed(picture, lambda x: parser.labels(x.to(device)), size)


def sample(name: str, seed: int) -> np.ndarray:
    """A picture that the bundle's generator draws, uint8 [H, W, C]; the same for the same seed.

    :raises BadInput: the bundle has no generator.
    """
    import torch

    found = bundles.get(name)
    part = found.generator
    if part is None:
        raise BadInput(
            "bundle {name!r} has no generator; choose an example, or bring a picture", name=name
        )
    network = found.part(part)
    with torch.no_grad(), guarded(found.device):
        w = network.sample_w(1, torch.Generator().manual_seed(seed))
        picture = imaging.to_array(network.decode(w))
    latent_cache.remember(found.fingerprint(part), picture, w[0].cpu().numpy())
    return picture


def draw(name: str, seed: int) -> np.ndarray:
    """A picture that the bundle's generator draws, or its GAN at z ~ N(0, I); uint8 [H, W, C], the
    same for the same seed.

    :raises BadInput: the bundle has neither.
    """
    import torch

    found = bundles.get(name)
    part = found.sampler
    if part is None or part == found.generator:
        return sample(name, seed)
    network = found.part(part)
    with torch.no_grad(), guarded(found.device):
        z = torch.randn(1, network.latent, generator=torch.Generator().manual_seed(seed))
        return imaging.to_array(network.decode(z.to(found.device)))


def predict(name: str, picture: np.ndarray, model: str = "classifier") -> Prediction:
    """A target model's opinion of a prepared picture, uint8 [H, W, C]."""
    import torch

    from backends.service.serialization import prediction_of
    from backends.targets.named import target_model
    from backends.targets.threshold import Regressor

    found = bundles.get(name)
    x = imaging.to_tensor(picture).to(found.device)
    with torch.no_grad(), guarded(found.device):
        f = target_model(found, model)
        if not isinstance(f, Regressor):
            return prediction_of(f.class_names, finite(f.probabilities(x), "the model")[0].cpu())
        value = float(finite(f.measured(x), "the model"))
    return Prediction({f"{value:.2f} {f.unit}": 1.0}, value)


def add_model(name: str, model: str) -> str:
    """Load a model and let it be explained for as long as this process runs; returns the name that
    it has from now on. Code runs only within :func:`backends.targets.trust.trusted`.

    :raises StudioError: it is not here, or cannot be read.
    """
    from backends.targets.named import target_model

    bundle = bundles.get(name)
    found = target_model(bundle, model)
    if model in {*bundle.manifest.parts, "classifier", *added.names()} or bundle.model(model):
        return model  # known already
    short = reference.usual_name(model)
    called = short if short not in bundle.manifest.parts else f"my {short}"
    added.add(called, lambda _: found)
    return called


def require_known(name: str, model: str) -> None:
    """Check that a model is the bundle's, or was added by who runs this program.

    :raises BadInput: it is neither; a visitor can name no file and no code.
    """
    from backends.targets.named import require_known

    require_known(bundles.get(name), model)


def spectrum(name: str, picture: np.ndarray, prior: str) -> list[float]:
    """Singular values of a prior's decoder at a picture, greatest first: in how many directions,
    and how strongly, its coordinates move the picture.

    :param prior: a part of the bundle with an encoder and a decoder, such as ``flow``.
    :raises BadInput: it has none.
    """
    import torch

    from backends.metrics.tangent import tangent_spectrum

    found = bundles.get(name)
    part = found.part(prior)
    if not isinstance(part, Prior):
        raise BadInput(
            "part {prior!r} has no coordinates; choose flow, autoencoder or gan", prior=prior
        )
    with guarded(found.device):
        with torch.no_grad():
            z = part.encode(imaging.to_tensor(picture).to(found.device))
        return tangent_spectrum(part.decode, z).tolist()


def known_latent(found: Bundle, picture: np.ndarray) -> Tensor | None:
    """w [1, D] of a picture that the bundle's generator drew, or that was searched before."""
    import torch

    prior = found.generator
    known = latent_cache.recall(found.fingerprint(prior), picture) if prior else None
    return None if known is None else torch.tensor(known)[None]
