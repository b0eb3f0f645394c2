"""Fit pictures to a model, turn them into tensors and back, composite them under a region."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "composite", "eight_bit", "fit_square", "letterboxed", "photograph", "squeezed", "to_array",
    "to_tensor",
]  # fmt: skip


def fit_square(picture: Image.Image, size: int, channels: int) -> Image.Image:
    """The picture cropped to its central square and resized to what a model sees."""
    mode = "L" if channels == 1 else "RGB"
    return ImageOps.fit(picture.convert(mode), (size, size), Image.Resampling.LANCZOS)


def squeezed(picture: Image.Image, size: int, channels: int) -> Image.Image:
    """The whole picture resized to a square, whatever its sides."""
    mode = "L" if channels == 1 else "RGB"
    return picture.convert(mode).resize((size, size), Image.Resampling.LANCZOS)


def letterboxed(picture: Image.Image, size: int, channels: int) -> Image.Image:
    """The whole picture in the middle of a black square, its sides in proportion."""
    mode = "L" if channels == 1 else "RGB"
    return ImageOps.pad(picture.convert(mode), (size, size), Image.Resampling.LANCZOS)


def photograph(picture: Image.Image, size: int, channels: int) -> Image.Image:
    """The central square of a picture, as the diffusion models of photographs learnt to see it:
    halved by averaging while that leaves enough, then resized (ADM, Dhariwal and Nichol 2021)."""
    small = picture.convert("L" if channels == 1 else "RGB")
    while min(small.size) >= 2 * size:
        small = small.resize((small.width // 2, small.height // 2), Image.Resampling.BOX)
    scale = size / min(small.size)
    sides = round(small.width * scale), round(small.height * scale)
    left, top = (sides[0] - size) // 2, (sides[1] - size) // 2
    resized = small.resize(sides, Image.Resampling.BICUBIC)
    return resized.crop((left, top, left + size, top + size))


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
