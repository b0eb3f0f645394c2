"""Pictures in and out: reading safely, fitting to a model, compositing under a region."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from backends.errors import BadInput, NotFound

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "MAX_PIXELS",
    "composite",
    "digit_like",
    "eight_bit",
    "fit_square",
    "read_mask",
    "read_picture",
    "require_area",
    "to_array",
    "to_tensor",
]

MAX_PIXELS = 50_000_000
LARGEST = 2000  # pixels; a digit's shape needs no more, and memory is kept small
# What browsers and cameras produce; Pillow's other readers may start outside programs.
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "ICO", "AVIF")


def read_picture(
    source: str | Path | bytes | BinaryIO | Image.Image, size: tuple[int, int] | None = None
) -> Image.Image:
    """Any picture a person may bring, upright, 8 bit, first frame, as L or RGB.

    Transparent parts become white (what a page behind a drawing usually is) unless the opaque
    part is itself bright, then black.

    :param size: (width, height) that a mask must have, checked before it is decoded.
    :raises NotFound: there is no such file.
    :raises BadInput: it is empty, damaged, no picture, or has more than 50 megapixels.
    """
    name = "this picture"
    if isinstance(source, (str, Path)):
        name = Path(source).name
        if not Path(source).is_file():
            raise NotFound(f"there is no file {source}; check the path")
        source = Path(source).read_bytes()
    if isinstance(source, bytes):
        if not source:
            raise BadInput(f"{name} is empty (0 bytes); choose another file")
        source = io.BytesIO(source)
    try:
        with warnings.catch_warnings():
            # Our own limit below is lower than the one that Pillow warns of.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            if not isinstance(source, Image.Image):
                Image.init()
                source = Image.open(source, formats=[f for f in FORMATS if f in Image.OPEN])
            picture = source
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise BadInput(
                    f"{name} has {width * height / 1e6:.0f} megapixels; "
                    f"reduce it to {MAX_PIXELS // 1_000_000} or fewer"
                )
            if size is not None and picture.size != size:
                raise BadInput(
                    f"the mask is {width}x{height} pixels, the picture that the model sees is "
                    f"{size[0]}x{size[1]}; save the mask in that size (white = change allowed)"
                )
            picture.seek(0)
            picture.load()
            return _eight_bit(ImageOps.exif_transpose(picture))
    except Image.DecompressionBombError as error:
        raise BadInput(
            f"{name} is far too large; reduce it to {MAX_PIXELS // 1_000_000} megapixels or fewer"
        ) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise BadInput(
            f"{name} cannot be read as a picture; save it as PNG or JPEG and try again"
        ) from error


def _eight_bit(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith(("I", "F")):  # 16 or 32 bit grey
        values = np.asarray(picture, dtype=np.float64)
        top = 65535 if picture.mode.startswith("I;16") or values.max() > 255 else 255
        if picture.mode == "F" and values.max() <= 1:
            top = 1
        return Image.fromarray((values / top * 255).clip(0, 255).round().astype(np.uint8))
    if picture.mode in ("1", "L"):
        return picture.convert("L")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        sample = picture.copy()
        sample.thumbnail((256, 256))
        values = np.asarray(sample, dtype=np.float64)
        alpha = values[..., 3]
        ink = (values[..., :3].mean(-1) * alpha).sum() / max(alpha.sum(), 1)
        page = Image.new("RGBA", picture.size, "black" if ink > 127 else "white")
        return Image.alpha_composite(page, picture).convert("RGB")
    return picture.convert("RGB")


def read_mask(
    source: str | Path | bytes | BinaryIO | Image.Image, size: tuple[int, int]
) -> np.ndarray:
    """A mask file as uint8 [H, W] of 0 and 255 (255 = change allowed).

    :param size: (width, height) that the mask must have, of the picture the model sees.
    :raises BadInput: another size, or nothing marked.
    """
    picture = read_picture(source, size)
    mask = np.where(np.asarray(picture.convert("L")) > 127, 255, 0).astype(np.uint8)
    return require_area(mask)


def require_area(mask: np.ndarray) -> np.ndarray:
    """The mask itself.

    :raises BadInput: nothing is marked.
    """
    if not mask.any():
        raise BadInput("the region is empty; mark where change is allowed, or choose whole picture")
    return mask


def fit_square(picture: Image.Image, size: int, channels: int) -> Image.Image:
    """The picture cropped to its central square and resized to what a model sees."""
    mode = "L" if channels == 1 else "RGB"
    return ImageOps.fit(picture.convert(mode), (size, size), Image.Resampling.LANCZOS)


def digit_like(picture: Image.Image, size: int) -> Image.Image:
    """Any picture of one digit, the way MNIST shows it: white ink on black, the digit's longer
    side 20 pixels, its centre of mass in the middle (LeCun et al., 1998, section III.A).

    A grey picture of MNIST's size, white on black, is taken as it is.

    :raises BadInput: the picture is blank.
    """
    if max(picture.size) > LARGEST:
        picture = picture.copy()
        picture.thumbnail((LARGEST, LARGEST))
    values = np.asarray(picture.convert("L"), dtype=np.float32)
    as_mnist = picture.mode == "L" and _border(values).max() < 64 and values.max() >= 64
    if as_mnist and picture.size in ((size, size), (28, 28)):
        return ImageOps.expand(picture, (size - picture.width) // 2)
    if np.median(_border(values)) > 127:
        values = 255 - values
    paper = np.median(_border(values))
    values = (values - paper).clip(0)
    # The 99.9 % quantile ignores a few glaring pixels of a photograph.
    strongest = np.quantile(values, 0.999)
    strongest = strongest if strongest > 0 else values.max()
    if strongest < 12:
        raise BadInput("the picture is blank: no ink was found; draw or choose a digit")
    values = (values / strongest).clip(0, 1)
    # Shade and grain of photographed paper stay below this, ink does not.
    values = ((values - 0.25) / 0.5).clip(0, 1)
    rows, columns = (np.flatnonzero(values.max(axis) > 0.5) for axis in (1, 0))
    ink = values[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = ink.shape
    scale = 20 / max(height, width)
    small = Image.fromarray((ink * 255).astype(np.uint8)).resize(
        (max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.BOX
    )
    weights = np.asarray(small, dtype=np.float32)
    total = weights.sum()
    if total < 255:
        raise BadInput("only specks were found, no digit; draw or choose a digit")
    weights *= 255 / weights.max()
    x = (weights.sum(0) * (np.arange(small.width) + 0.5)).sum() / total
    y = (weights.sum(1) * (np.arange(small.height) + 0.5)).sum() / total
    canvas = Image.new("L", (size, size))
    canvas.paste(
        Image.fromarray(weights.round().astype(np.uint8)),
        (round(size / 2 - x), round(size / 2 - y)),
    )
    return canvas


def _border(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])


def to_tensor(array: np.ndarray) -> Tensor:
    """uint8 [H, W] or [H, W, C] -> float [1, C, H, W] in [0, 1]."""
    import torch

    array = array[..., None] if array.ndim == 2 else array
    return torch.tensor(array.transpose(2, 0, 1))[None].float() / 255


def to_array(image: Tensor) -> np.ndarray:
    """One picture [1, C, H, W] or [C, H, W] in [0, 1] -> uint8 [H, W, C], rounded."""
    image = image.detach().reshape(image.shape[-3:]).clamp(0, 1)
    return (image * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def eight_bit(image: Tensor) -> Tensor:
    """Pictures clipped to [0, 1] and rounded to what 8 bits hold; the same bits on every device."""
    levels = (image.detach().clamp(0, 1) * 255).round()
    # Divided by a tensor: an accelerator multiplies by a number's reciprocal, which rounds twice.
    return levels / levels.new_tensor(255.0)


def composite(factual: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """``image`` inside the mask, the factual's very bits outside; gradients pass inside."""
    return image.where(mask > 0, factual)
