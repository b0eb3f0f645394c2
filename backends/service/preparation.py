"""A person's picture as a bundle's models see it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from backends import imaging, latents
from backends.bundles import Bundle

__all__ = ["prepared"]


def prepared(found: Bundle, picture: Image.Image, generator: str | None) -> np.ndarray:
    """The picture as the bundle's manifest asks, uint8 [H, W, C].

    :param generator: the part that draws the bundle's pictures, if it is here.
    :raises BadInput: the picture shows nothing that the models know.
    """
    manifest = found.manifest
    if manifest.preparation == "digit":
        seen = imaging.digit_like(picture, manifest.image_size)
    elif manifest.preparation == "portrait":
        drawn = generator is not None and _drawn(found, picture, generator)
        seen = picture if drawn else _portrait(found, picture)
    else:
        seen = imaging.fit_square(picture, manifest.image_size, manifest.channels)
    return np.asarray(seen).reshape(manifest.image_size, manifest.image_size, manifest.channels)


def _drawn(found: Bundle, picture: Image.Image, generator: str) -> bool:
    """Whether the generator drew exactly this picture, or its latent was found: it is aligned
    then, and a resampled copy would have to be searched again."""
    size = found.manifest.image_size
    if picture.mode != "RGB" or picture.size != (size, size):
        return False
    return latents.recall(found.fingerprint(generator), np.asarray(picture)) is not None


def _portrait(found: Bundle, picture: Image.Image) -> Image.Image:
    from backends import portrait

    parser = found.part(found.named("parser"))
    device = next(parser.parameters()).device
    size = found.manifest.image_size
    return portrait.align(picture, lambda x: parser.labels(x.to(device)), size)
